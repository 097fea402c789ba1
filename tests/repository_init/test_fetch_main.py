"""The fetch container as kubelet runs it: a process with a plan, an environment, and last words."""

import hashlib
import json
import os
import subprocess
import sys

import pytest

from archive_server import serving
from archives import Entry, noise, tar_gz
from fetching import archive_fetching
from glm_operator.repository_init import termination
from glm_operator.repository_init.budget import Clock, Progress
from glm_operator.repository_init.failure import FetchError, disk_failure
from glm_operator.repository_init.retry import wait_seconds

ARCHIVE = tar_gz(Entry("a/1/model.py", b"code"), Entry("b/1/model.py", b"code"), Entry(".hidden/x", b"x"))


def run_container(folder, site, sha256=None, program=("-m", "glm_operator.repository_init.fetch_main")):
    plan = {
        "kind": "http",
        "source": {"uri": site.address, "sha256": sha256 or hashlib.sha256(ARCHIVE).hexdigest()},
        "secret": "",
        "size_limit_bytes": 1 << 30,
        "timeout_seconds": 60,
    }
    (folder / "fetch.json").write_text(json.dumps(plan))
    (folder / "repository").mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, *program, f"--plan={folder}", f"--target={folder}/repository"],
        env={"GLM_REPOSITORY_URLS": site.url, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_fetches(tmp_path):
    with serving(ARCHIVE) as site:
        ended = run_container(tmp_path, site)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert {path.name for path in (tmp_path / "repository").iterdir()} == {"a", "b", ".fetch"}


def test_the_command_ends_with_a_sentence_and_no_traceback(tmp_path):
    with serving(ARCHIVE) as site:
        ended = run_container(tmp_path, site, sha256="0" * 64)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "correct the one that is wrong" in ended.stderr


def test_last_words_are_as_long_as_kubelet_reads(tmp_path, monkeypatch):
    log = tmp_path / "termination-log"
    log.touch()
    monkeypatch.setattr(termination, "TERMINATION_LOG", log)
    termination.tell_failure("ö" * 5000)
    assert log.stat().st_size == termination.LONGEST


def test_a_container_that_was_killed_while_it_put_the_folders_in_place_goes_on(tmp_path, monkeypatch):
    with serving(ARCHIVE) as site:
        fetching = archive_fetching(tmp_path, site)
        rename, renamed = type(tmp_path).rename, []

        def killed(path, target):
            if len(renamed) == 1:
                raise KeyboardInterrupt
            renamed.append(path)
            return rename(path, target)

        with monkeypatch.context() as patched:
            patched.setattr(type(tmp_path), "rename", killed)
            with pytest.raises(KeyboardInterrupt):
                fetching.run()
        assert len(fetching.tree()) == 1
        fetching.run()
        assert set(fetching.tree()) == {"a/1/model.py", "b/1/model.py"}
        assert len(site.seen) == 1


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (28, "no space left for the model files"),
        (122, "no space left"),
        (30, "can't be written: Read-only file system"),
    ],
)
def test_a_disk_that_is_full_or_broken_is_told(number, expected):
    assert expected in str(disk_failure(OSError(number, os.strerror(number))))


@pytest.mark.parametrize(
    ("tries", "retry_after", "seconds"),
    [
        pytest.param(1, 0, 1, id="the first"),
        pytest.param(5, 0, 16, id="the fifth"),
        pytest.param(1, 30, 30, id="what the server asks"),
        pytest.param(1, 86_400, 60, id="but not for a day"),
        pytest.param(100, 0, 60, id="at most a minute"),
    ],
)
def test_wait_seconds(tries, retry_after, seconds):
    assert wait_seconds(tries, retry_after) == seconds


def test_progress_is_a_line_every_five_seconds_with_bytes_share_and_rate():
    now, lines = [0.0], []
    progress = Progress("x", 60, Clock(lambda: now[0]), lines.append)
    progress.total = 40 << 20
    progress.resume(10 << 20)
    for second in range(1, 11):
        now[0] = float(second)
        progress.add(1 << 20)
    assert lines == [
        "x: 15.0 MiB of 40.0 MiB (38%), 1.0 MiB/s",
        "x: 20.0 MiB of 40.0 MiB (50%), 1.0 MiB/s",
    ]


def test_a_server_that_drips_is_given_up_when_the_time_is_over():
    now = [0.0]
    progress = Progress("x", 60, Clock(lambda: now[0]), lambda _: None)
    progress.add(1)
    now[0] = 60.0
    with pytest.raises(FetchError, match=r"raise spec\.repository\.download\.timeoutSeconds"):
        progress.add(1)


MEASURED = """
import re, sys
from glm_operator.repository_init.fetch_main import main
code = main()
print("KIB", re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
sys.exit(code)
"""
"""getrusage would count the memory of the process that this one was forked from."""


def test_memory_does_not_grow_with_the_files(tmp_path):
    used = {}
    for name, size in (("small", 1 << 10), ("large", 48 << 20)):
        folder = tmp_path / name
        folder.mkdir()
        archive = tar_gz(Entry("a/1/weights", noise(size)), level=0)
        with serving(archive) as site:
            ended = run_container(folder, site, hashlib.sha256(archive).hexdigest(), ["-c", MEASURED])
        assert ended.returncode == 0, ended.stderr
        used[name] = int(ended.stdout.rpartition("KIB ")[2]) << 10
    assert used["large"] - used["small"] < 16 << 20, "a third of the file"
