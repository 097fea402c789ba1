"""The machine's clock jumps by an hour, forward and back: what is due is due after as many seconds as ever."""

import sysconfig
from datetime import UTC, datetime, timedelta

import pytest

from devcluster import packages
from devcluster.state import cache_folder
from hostile.lab import RECOVERED_SECONDS, wait_for_silence, wait_until_as_wanted, wait_until_settled
from support import ECHO_MODEL

LIBRARY = f"usr/lib/{sysconfig.get_config_var('MULTIARCH')}/faketime/libfaketimeMT.so.1"


@pytest.fixture(scope="module")
def library():
    """What stands between a process and the machine's clock."""
    place = cache_folder() / "bin" / "libfaketimeMT.so.1"
    if not place.exists():
        packages.extract("libfaketime", LIBRARY, place)
    return place


@pytest.fixture
def clock(tmp_path):
    """The file that tells how far the clock is off."""
    file = tmp_path / "clock"
    file.write_text("+0")
    return file


def told_at(world):
    """When the newest decision was taken, by the operator's clock."""
    text = world.resource()["status"]["decisions"][-1]["time"]
    return datetime.fromisoformat(text)


def test_a_jump_of_the_clock_changes_nothing_but_what_the_clock_shows(alone, library, clock):
    settings = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        # The kernel's monotonic clock never jumps either.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    with alone.world() as world, alone.operator(world, settings) as operator:
        world.want(replicas=1)
        wait_until_settled(world, operator)
        for size, hours in ((1, 1), (2, -1)):
            before = world.versions()
            clock.write_text(f"{hours * 3600:+d}")
            wait_for_silence(world, operator)
            after = world.versions()
            assert {name for name in after if before[name] != after[name]} <= {"glminferences/echo"}
            world.want(replicas=1, models=[ECHO_MODEL | {"maxBatchSize": size}])
            wait_until_as_wanted(world, operator, RECOVERED_SECONDS)
            wait_for_silence(world, operator)
            off = told_at(world) - datetime.now(UTC)
            assert abs(off - timedelta(hours=hours)) < timedelta(minutes=30), "the operator's clock did not jump"
        assert operator.lives == 1, "the operator has ended itself"
