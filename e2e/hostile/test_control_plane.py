"""The API server ends and comes back, and its store forgets what was: no watch stays deaf, nothing is made twice."""

import json
import subprocess
import sys
import urllib.request

from demo.paths import ROOT
from demo.wait import wait_for
from devcluster import processes
from devcluster.control_plane import ETCD_URL
from devcluster.state import Layout
from hostile.lab import RECOVERED_SECONDS, make_look, wait_for_silence, wait_until_as_wanted, wait_until_settled
from support import ECHO_MODEL

WATCHED = 9
"""Watches of the operator: resources, six kinds of children, pods, the metadata of ConfigMaps."""


def sized(size):
    return {"replicas": 1, "models": [ECHO_MODEL | {"maxBatchSize": size}]}


def kill_api_server():
    record = processes.read_record(Layout(ROOT).record("kube-apiserver"))
    assert record is not None
    processes.kill([record.process])


def start_what_is_missing():
    """As `make cluster` does."""
    subprocess.run([sys.executable, "-m", "devcluster", "up"], cwd=ROOT, check=True, timeout=120, capture_output=True)


def etcd(path, **body):
    """Ask etcd; from inside its network."""
    request = urllib.request.Request(ETCD_URL + path, json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def compact():
    """Make etcd forget all that was before now; the API server then answers 410 to whoever asks from there on."""
    revision = etcd("/v3/kv/range", key="AA==")["header"]["revision"]
    etcd("/v3/kv/compaction", revision=revision, physical=True)


def test_a_restart_of_the_api_server_is_recovered_from_and_changes_no_child(alone):
    with alone.world() as world, alone.operator(world) as operator:
        world.want(**sized(1))
        wait_until_settled(world, operator)
        before = world.children(), world.revisions(), world.pods()
        kill_api_server()
        start_what_is_missing()
        wait_until_as_wanted(world, operator, RECOVERED_SECONDS)
        wait_for_silence(world, operator)
        assert (world.children(), world.revisions(), world.pods()) == before
        world.want(**sized(2))
        wait_until_as_wanted(world, operator, RECOVERED_SECONDS)
        assert operator.lives == 1, "the operator has ended itself"


def test_watches_whose_past_is_compacted_away_begin_anew(alone):
    """Watches that heard nothing for long go on from a version that the restarted API server cannot know any more."""
    with alone.world() as world, alone.operator(world) as operator:
        world.want(**sized(1))
        wait_until_settled(world, operator)
        operator.proxy.freeze_watches()
        world.want(**sized(2))
        opened = operator.proxy.watches_opened
        kill_api_server()
        alone.network.inside(compact)
        start_what_is_missing()
        operator.proxy.break_watches()
        wait_until_as_wanted(world, operator, RECOVERED_SECONDS)
        wait_for(
            "watches that are open again",
            lambda: (operator.proxy.watches_opened >= opened + WATCHED or None, f"{operator.proxy.watches_opened}"),
            RECOVERED_SECONDS,
        )
        # A look that only an event can cause so soon: the watch hears again.
        make_look(world, operator)
        wait_for_silence(world, operator)
        assert operator.lives == 1, "the operator has ended itself"
