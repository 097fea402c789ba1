"""The round: every pod is read at the same time, and what couldn't be read by the deadline is unknown."""

import asyncio
import errno
import resource
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from glm_operator.observability.log import log
from glm_operator.scheduler.sample import PodSample
from glm_operator.telemetry.cpu_use import CpuUse
from glm_operator.telemetry.exposition import UnreadableTextError, parse_exposition
from glm_operator.telemetry.http import Answer, AnswerError, KeptConnection, get_once
from glm_operator.telemetry.target import Target
from glm_operator.telemetry.window import Change, Reading, change

DEADLINE_SECONDS: Final = 0.8
METRICS_PATH: Final = "/metrics"
LIVE_PATH: Final = "/v2/health/live"
"""Not `ready`, which one model that failed to load turns off while the others serve."""
MAX_LIVE_BYTES: Final = 64 * 1024
LATE_SECONDS: Final = 0.1
"""A deadline noticed so much too late: the operator is short of CPU, and can't tell its own silence from the pods'."""
_OK: Final = 200
_OURS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
"""Errors of the operator's own machine, which say nothing of the pod."""


@dataclass(frozen=True, slots=True)
class _Failure:
    reason: str
    ours: bool = False
    """It is the operator's machine's fault, not the pod's."""


class _Pod:
    """What is kept of a pod from one round to the next."""

    def __init__(self, target: Target) -> None:
        self.incarnation = target.incarnation
        self.place = (target.address, target.metrics_port)
        self.connection = KeptConnection(target.address, target.metrics_port)
        self.reading: Reading | None = None


class Telemetry:
    """Reads pods, a round at a time; a round begins after the one before has ended."""

    def __init__(
        self, cpu: CpuUse, deadline_seconds: float = DEADLINE_SECONDS, late_seconds: float = LATE_SECONDS
    ) -> None:
        """`late_seconds`: how much too late the deadline may be noticed for silence to be held against the pods."""
        self._cpu = cpu
        self._deadline, self._late = deadline_seconds, late_seconds
        self._pods: dict[str, _Pod] = {}
        self._problems: dict[str, str] = {}

    @property
    def problems(self) -> Mapping[str, str]:
        """Why a pod couldn't be read in the last round, or not in whole, by its uid."""
        return self._problems

    async def read(self, targets: Sequence[Target], now: float) -> Mapping[str, PodSample]:
        """A sample of every pod, by its uid, within the deadline; within twice that when the operator itself is late.

        Connections to pods that are no longer among the targets are closed, and what is known of them is forgotten.

        Args:
            targets: the pods.
            now: the samples' time, in seconds on the monotonic clock.
        """
        pods = self._keep(targets)
        began = asyncio.get_running_loop().time()
        refresh = self._cpu.refresh(now, any(target.cpu_limit_cores is None for target in targets))
        metrics = [_begin(_read(pods[target.uid], now - began)) for target in targets]
        lives = [_begin(_is_live(target)) for target in targets]
        waited = await _all_in_time([*metrics, *lives], refresh, self._deadline, self._late)
        silence = _silence(self._deadline, waited, self._late)
        self._problems = {}
        return {
            target.uid: self._sample(target, _outcome(reading, silence), _outcome(live, silence), now)
            for target, reading, live in zip(targets, metrics, lives, strict=True)
        }

    async def close(self) -> None:
        """Close all connections."""
        self._keep(())
        await self._cpu.close()

    def _keep(self, targets: Sequence[Target]) -> dict[str, _Pod]:
        kept = {}
        for target in targets:
            pod = self._pods.pop(target.uid, None)
            if pod is not None and (pod.incarnation, pod.place) != (
                target.incarnation,
                (target.address, target.metrics_port),
            ):
                pod.connection.close()
                pod = None
            kept[target.uid] = pod or _Pod(target)
        for gone in self._pods.values():
            gone.connection.close()
        self._pods = kept
        return kept

    def _sample(self, target: Target, reading: Reading | _Failure, live: bool | _Failure, now: float) -> PodSample:
        problems = [outcome.reason for outcome in (live, reading) if isinstance(outcome, _Failure)]
        if problems:
            self._problems[target.uid] = "; ".join(dict.fromkeys(problems))
        alive = (None if live.ours else False) if isinstance(live, _Failure) else live
        pod = self._pods[target.uid]
        if isinstance(reading, _Failure):
            # A pod that tells nothing of itself may still use the CPU that others see; its node's stays unknown.
            return PodSample(at=now, alive=alive, cpu=self._cpu.share(target, now, None))
        done = change(pod.reading, reading, target.steps)
        pod.reading = reading
        return _sample(done, reading, self._cpu.share(target, now, reading.told.cpu), alive, now)


def allow_many_connections() -> None:
    """Let the process open as many files as it may: a round has two for each pod, and containers begin with 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _sample(done: Change, reading: Reading, cpu: float | None, alive: bool | None, now: float) -> PodSample:
    return PodSample(
        at=now,
        alive=alive,
        cpu=cpu,
        latency_ms=done.latency_ms,
        requests_per_second=done.requests_per_second,
        failures_per_second=done.failures_per_second,
        pending=reading.told.pending,
        gpu=reading.told.gpu,
    )


async def _read(pod: _Pod, offset: float) -> Reading:
    """Read a pod's metrics; the moment is that of the answer, since rates are of the time between two of them."""
    answer = await pod.connection.get(METRICS_PATH)
    _check(answer, METRICS_PATH)
    return Reading(asyncio.get_running_loop().time() + offset, parse_exposition(answer.body))


async def _is_live(target: Target) -> bool:
    _check(await get_once(target.address, target.http_port, LIVE_PATH, MAX_LIVE_BYTES), LIVE_PATH)
    return True


def _check(answer: Answer, path: str) -> None:
    if answer.status != _OK:
        raise AnswerError(f"HTTP {answer.status} from {path}")


def _begin(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    return asyncio.create_task(work)


async def _all_in_time(
    tasks: list[asyncio.Task[Any]], refresh: asyncio.Task[None] | None, seconds: float, late: float
) -> float:
    """Wait until all are done, or the time is over: then the tasks are cancelled. The refresh goes on.

    When the operator itself was late, the time is given once more: answers lie in the sockets that it had no time to
    take, and a round that knows something a second later is worth more than one that knows nothing.

    Returns:
        The seconds that the last waiting took.
    """
    try:
        waited = await _wait([*tasks, refresh] if refresh is not None else tasks, seconds)
        if waited > seconds + late:
            waited = await _wait(tasks, seconds)
    finally:
        for task in tasks:
            task.cancel()
    await _wait(tasks, None)
    return waited


async def _wait(tasks: list[asyncio.Task[Any]], seconds: float | None) -> float:
    clock = asyncio.get_running_loop().time
    began = clock()
    pending = [task for task in tasks if not task.done()]
    if pending:
        await asyncio.wait(pending, timeout=seconds)
    return clock() - began


def _silence(deadline: float, waited: float, late: float) -> _Failure:
    """What to make of a pod that didn't answer in time."""
    if waited > deadline + late:
        return _Failure(f"the operator itself was late: its deadline of {deadline:g} s took {waited:.1f} s", ours=True)
    return _Failure(f"no answer within {deadline:g} s")


def _outcome(task: asyncio.Task[Any], silence: _Failure) -> Any:
    """What came of reading; a `_Failure` when nothing did."""
    if task.cancelled():
        return silence
    error = task.exception()
    if error is None:
        return task.result()
    if isinstance(error, OSError):
        return _Failure(str(error) or type(error).__name__, ours=error.errno in _OURS)
    if isinstance(error, AnswerError | UnreadableTextError):
        return _Failure(str(error))
    log.error("a pod's telemetry failed in a way that nobody thought of", exc_info=error)
    return _Failure(f"{type(error).__name__}: {error}", ours=True)
