"""Processes: told apart from later ones with the same number, started in a sandbox, recorded, found again, ended."""

import json
import os
import select
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from devcluster import namespaces
from devcluster.state import Layout, write_atomically
from devcluster.waiting import until

MARK = "DEVCLUSTER_STATE"
"""Environment variable that every process of a cluster carries: the cluster's state folder."""

COMPONENT_MARK = "DEVCLUSTER_COMPONENT"
"""Environment variable with the name of the component that a process is, or descends from."""

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_EXITING = 0x4  # PF_EXITING, from the kernel's sched.h

# /proc is still the machine's when this reads its own number there, so it is the one that the machine knows.
_LAUNCHER = """
read -r pid rest < /proc/self/stat
echo "$pid"
log=$1
shift
exec "$@" >> "$log" 2>&1
"""


@dataclass(frozen=True, slots=True)
class Identity:
    """One process. The kernel reuses numbers, but not together with the time of the start."""

    pid: int
    started: int  # clock ticks after boot


@dataclass(frozen=True, slots=True)
class Record:
    """A process that was started, and what it was started with."""

    process: Identity
    fingerprint: str  # of its arguments and configuration files


@dataclass(frozen=True, slots=True)
class Stat:
    """What `/proc/PID/stat` says of a process."""

    ending: bool  # it has been killed, or has ended and awaits its parent
    parent: int
    started: int


def parse_stat(line: str) -> Stat:
    """Read a line of `/proc/PID/stat`. Its second field is a name that may hold blanks and brackets."""
    state, parent, *rest = line[line.rindex(")") + 2 :].split()
    flags, started = int(rest[4]), int(rest[17])
    return Stat(state in "ZX" or bool(flags & _EXITING), int(parent), started)


def identity_of(pid: int) -> Identity | None:
    """The running process with this number. One that has been killed is none, though it may take a moment to end."""
    stat = _stat(pid)
    return None if stat is None or stat.ending else Identity(pid, stat.started)


def _stat(pid: int) -> Stat | None:
    try:
        return parse_stat(Path(f"/proc/{pid}/stat").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return None


def alive(process: Identity) -> bool:
    """Whether the very process still runs."""
    return identity_of(process.pid) == process


def read_record(path: Path) -> Record | None:
    """What is recorded at `path`; None for nothing, or for half a record."""
    try:
        content = json.loads(path.read_text())
        return Record(Identity(**content["process"]), content["fingerprint"])
    except (FileNotFoundError, json.JSONDecodeError, KeyError, TypeError):
        return None


def write_record(path: Path, record: Record) -> None:
    """Record a process."""
    write_atomically(path, json.dumps(asdict(record)) + "\n")


def environment(layout: Layout, component: str) -> dict[str, str]:
    """The environment of the cluster's processes: nothing of the caller's, plus the marks."""
    marks = {MARK: str(layout.folder), COMPONENT_MARK: component}
    return {"PATH": f"{layout.programs}:{SYSTEM_PATH}", "HOME": "/root", "LANG": "C.UTF-8", **marks}


def start(argv: Iterable[str], log: Path, environ: Mapping[str, str], *, sandbox: int | None) -> Identity:
    """Start a process that outlives this one, in the namespaces of the sandbox whose init is process `sandbox`.

    It becomes a child of that init, which buries it. Were it ours, its remains would keep the sandbox from ending until
    the machine's init has seen to them.
    """
    enter = [] if sandbox is None else ["nsenter", f"--net=/proc/{sandbox}/ns/net", f"--mount=/proc/{sandbox}/ns/mnt"]
    log.parent.mkdir(parents=True, exist_ok=True)
    launch = ["setsid", "--fork", "sh", "-c", _LAUNCHER, "sh", str(log), *enter, *argv]
    with nullcontext() if sandbox is None else namespaces.children_of(sandbox):
        run = subprocess.run(
            launch,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=dict(environ),
            cwd="/",
        )
    return _identity_or_ended(int(run.stdout))


def start_init(argv: Iterable[str], log: Path, environ: Mapping[str, str]) -> Identity:
    """Start a process that outlives this one and is init of a process namespace of its own."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output, namespaces.child_as_init():
        child = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environ),
            cwd="/",
            start_new_session=True,
        )
    return _identity_or_ended(child.pid)


def _identity_or_ended(pid: int) -> Identity:
    return identity_of(pid) or Identity(pid, -1)  # equal to no running process


def kill(processes: Iterable[Identity], seconds: float = 20.0) -> None:
    """Kill exactly these processes and wait for their end; that of an init comes after that of all in its namespace."""
    with ExitStack() as stack:
        descriptors = [stack.enter_context(_opened(process)) for process in processes]
        still_there = [descriptor for descriptor in descriptors if descriptor is not None]
        for descriptor in still_there:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        until(lambda: all(_ended(descriptor) for descriptor in still_there), seconds, "killed processes to end")


@contextmanager
def _opened(process: Identity) -> Iterator[int | None]:
    """A descriptor of the very process, which no later one can come to stand behind; None when it is gone."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        yield None
        return
    try:
        stat = _stat(process.pid)
        yield descriptor if stat and stat.started == process.started else None
    finally:
        os.close(descriptor)


def _ended(descriptor: int) -> bool:
    """Whether a process has ended: its descriptor is readable then."""
    return bool(select.select([descriptor], [], [], 0)[0])


def marks_in(environ: bytes) -> tuple[str, str]:
    """State folder and component that `/proc/PID/environ` names; empty where it names none."""
    variables = dict(entry.partition("=")[::2] for entry in environ.decode(errors="replace").split("\0"))
    return variables.get(MARK, ""), variables.get(COMPONENT_MARK, "")


def belonging_to(state_folder: Path) -> Iterator[Identity]:
    """All running processes of a cluster, recorded or not, but not this one and those that it descends from."""
    return (process for process, _ in _marked(state_folder))


def instances_of(state_folder: Path, component: str, program: Path | None = None) -> Iterator[Identity]:
    """Running processes of one component, recorded or not.

    What a component starts inherits its marks; naming the component's `program` leaves those others out.
    """
    for process, marked_as in _marked(state_folder):
        if marked_as == component and (program is None or _program(process.pid) == program.resolve()):
            yield process


def orphaned_folders() -> set[Path]:
    """State folders of clusters that still run although their checkout is gone, as after a CI run that was killed."""
    folders = {Path(folder) for _, folder, _ in _marks()}
    # What is mounted keeps a folder from being removed, so the checkout's own path may still be there.
    return {folder for folder in folders if not (folder.parent / "devcluster").exists()}


def _marked(state_folder: Path) -> Iterator[tuple[Identity, str]]:
    spared = set(_lineage(os.getpid()))
    for pid, folder, component in _marks():
        if folder == str(state_folder) and pid not in spared and (process := identity_of(pid)):
            yield process, component


def _marks() -> Iterator[tuple[int, str, str]]:
    """Process id, state folder and component of everything that belongs to any cluster."""
    for pid in all_pids():
        try:
            folder, component = marks_in(Path(f"/proc/{pid}/environ").read_bytes())
        except OSError:  # gone meanwhile
            continue
        if folder:
            yield pid, folder, component


def _program(pid: int) -> Path | None:
    try:
        return Path(f"/proc/{pid}/exe").readlink()
    except OSError:
        return None


def sharing_network_with(processes: Iterable[Identity]) -> Iterator[Identity]:
    """Processes in the network namespace of one of `processes`, except the machine's own: those run by `exec`, say."""
    own = network_identity(os.getpid())
    networks = {network_identity(process.pid) for process in processes} - {own, None}
    spared = set(_lineage(os.getpid()))
    for pid in all_pids():
        if pid not in spared and network_identity(pid) in networks and (process := identity_of(pid)):
            yield process


def network_identity(pid: int) -> str | None:
    """Names the network namespace of a process; None when the process is gone."""
    try:
        return str(Path(f"/proc/{pid}/ns/net").readlink())
    except OSError:
        return None


def all_pids() -> list[int]:
    """The numbers of all processes on the machine."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _lineage(pid: int) -> Iterator[int]:
    """A process and its ancestors."""
    while stat := _stat(pid):
        yield pid
        pid = stat.parent
