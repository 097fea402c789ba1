"""What shows at once that a pod is worse than the others, and what doesn't."""

from dataclasses import replace
from itertools import pairwise

import pytest

from glm_operator.scheduler.weights.decision import Reason
from glm_operator.scheduler.weights.fall import NONE, Evidence, Verdict, next_cut, next_suspicion, room
from glm_operator.scheduler.weights.formula import failure_share, relative, with_failures
from glm_operator.scheduler.weights.outage import paused, trial_part
from weight_ticks import GOOD, IDLE, pods, settled

ANSWERS = Evidence(latency_ms=20.0, ended=50.0, answered=50.0, owed=50.0, queued=False, overloaded=False)
STUCK = replace(ANSWERS, latency_ms=None, ended=0.0, answered=0.0, queued=True)


def verdicts(*samples, typical=20.0, before=(ANSWERS,)):
    """What each sample, a second apart, shows after those of `before`."""
    suspicion, seen = NONE, []
    for at, sample in enumerate([*before, *samples]):
        suspicion, verdict = next_suspicion(suspicion, sample, typical, 1.0, float(at))
        seen.append(verdict)
    return seen[len(before) :]


def slow(latency, ended=50.0, **given):
    return replace(ANSWERS, latency_ms=latency, ended=ended, answered=ended, **given)


@pytest.mark.parametrize(
    ("samples", "last"),
    [
        pytest.param([slow(79.0)] * 5, Verdict.FINE, id="less than 4 times the others' latency is left to the formula"),
        pytest.param([slow(85.0)], Verdict.OPEN, id="4 times it, once, may be chance"),
        pytest.param([slow(85.0)] * 2, Verdict.SLOWER, id="4 times it, twice in a row, is slower"),
        pytest.param([slow(85.0), ANSWERS, slow(85.0)], Verdict.OPEN, id="a good sample in between begins anew"),
        pytest.param([slow(430.0)], Verdict.FAR_SLOWER, id="20 times it, for many requests, is enough at once"),
        pytest.param([slow(430.0, ended=1.0)], Verdict.OPEN, id="for one request it may be that request"),
        pytest.param([slow(430.0, ended=1.0)] * 2, Verdict.FAR_SLOWER, id="twice in a row it isn't"),
        pytest.param([slow(2000.0, overloaded=True)] * 2, Verdict.SLOWER, id="a pod with too much to do isn't broken"),
        pytest.param([STUCK], Verdict.NOT_ANSWERING, id="no answer, requests that wait: stuck, in the first second"),
        pytest.param([replace(STUCK, owed=5.0)], Verdict.OPEN, id="where five answers were due, it may be chance"),
        pytest.param([replace(STUCK, owed=5.0)] * 2, Verdict.NOT_ANSWERING, id="where ten were, it isn't"),
        pytest.param([replace(STUCK, queued=False)] * 9, Verdict.OPEN, id="no answer and nothing waits: it is idle"),
        pytest.param([replace(STUCK, queued=None)], Verdict.OPEN, id="with an unknown queue, one second isn't enough"),
        pytest.param([replace(STUCK, queued=None)] * 2, Verdict.NOT_ANSWERING, id="two are"),
        pytest.param([replace(STUCK, ended=None)] * 9, Verdict.OPEN, id="unknown counts show nothing"),
        pytest.param([slow(85.0)] * 60 + [slow(100.0)], Verdict.FINE, id="what it always is, it isn't suddenly"),
        pytest.param([slow(85.0)] * 60 + [slow(900.0)] * 2, Verdict.SLOWER, id="but it can get worse than that"),
    ],
)
def test_verdicts(samples, last):
    assert verdicts(*samples)[-1] is last


def test_a_quick_model_is_not_judged_by_milliseconds():
    assert verdicts(*[slow(19.0)] * 5, typical=1.0)[-1] is Verdict.FINE


def test_a_slow_model_answers_in_lumps():
    assert verdicts(*[STUCK] * 9, typical=4000.0, before=[slow(4000.0)])[-1] is Verdict.OPEN
    assert verdicts(*[STUCK] * 12, typical=4000.0, before=[slow(4000.0)])[-1] is Verdict.NOT_ANSWERING


def test_a_pod_that_has_never_answered_is_not_called_silent():
    assert verdicts(*[STUCK] * 9, before=()) == [Verdict.OPEN] * 9


@pytest.mark.parametrize(
    ("cpu", "others", "slower", "least"),
    [
        pytest.param(0.5, [0.4, 0.4], 1, 0.0, id="room for all of it"),
        pytest.param(0.8, [0.7, 0.7], 1, 0.5, id="room for half of it"),
        pytest.param(0.8, [0.7, 0.7], 2, 0.75, id="room that two want is shared"),
        pytest.param(0.8, [0.95, 0.92], 1, 1.0, id="no room: it keeps all"),
        pytest.param(None, [0.95], 1, 0.0, id="unknown is no limit"),
    ],
)
def test_room(cpu, others, slower, least):
    assert room(cpu, others, slower) == pytest.approx(least)


def test_a_cut_falls_at_once_by_the_ratio_and_comes_back_in_seconds():
    cut = next_cut(1.0, Verdict.SLOWER, 4.0, 0.0, 1.0)
    assert cut == 0.25
    assert next_cut(cut, Verdict.SLOWER, 100.0, 0.0, 1.0) == 0.2, "no deeper than to a fifth"
    assert next_cut(cut, Verdict.SLOWER, 2.0, 0.0, 1.0) == 0.25, "and never up while it is slower"
    assert next_cut(1.0, Verdict.SLOWER, 4.0, 0.6, 1.0) == 0.6, "nor beyond what the others have room for"
    back = [cut]
    for _ in range(30):
        back.append(next_cut(back[-1], Verdict.FINE, 1.0, 0.0, 1.0))
    assert back == sorted(back)
    assert back[5] == pytest.approx(0.25 ** (1 / 2.718), rel=0.01)
    assert back[-1] == 1.0


def test_scores_are_compared_before_they_are_bounded():
    # Bounded to [-2.8, 1.4] first, all of them would be the same.
    assert relative([-20.0, -20.5, -21.0]) == [0.5, 0.0, -0.5]
    assert relative([0.0, 0.0, 0.0, -50.0]) == [0.0, 0.0, 0.0, pytest.approx(-2.7726, rel=1e-4)]
    assert relative([]) == []


@pytest.mark.parametrize(
    ("latency", "answered", "failed", "usual", "expected"),
    [
        pytest.param(20.0, 100.0, 0.0, 0.0, 20.0, id="no failures: the latency"),
        pytest.param(20.0, 50.0, 50.0, 0.0, 20.0 + 0.49 * 5000, id="failures count as 5 s each"),
        pytest.param(20.0, 99.0, 1.0, 0.0, 20.0, id="one failure alone says nothing"),
        pytest.param(20.0, 50.0, 50.0, 0.49, 20.0, id="what fails everywhere is no pod's fault"),
        pytest.param(None, 0.0, 100.0, 0.0, 0.99 * 5000, id="only failures: no latency but the penalty"),
        pytest.param(None, 0.0, 0.0, 0.0, None, id="nothing ended: unknown"),
    ],
)
def test_failures_are_latency(latency, answered, failed, usual, expected):
    seen = with_failures(latency, failure_share(answered, failed), usual)
    assert seen == (None if expected is None else pytest.approx(expected))


def test_pauses_double_with_each_failed_trial_up_to_half_a_minute():
    assert [paused(Reason.SLOW, 100.0, 5.0, trials).until - 100 for trials in range(5)] == [5.0, 10.0, 20.0, 30.0, 30.0]
    assert paused(Reason.SLOW, 0.0, 60.0, 3).until == 60.0, "a longer pause of the resource's own stays as it is"


@pytest.mark.parametrize(
    ("rate", "part"),
    [
        pytest.param(100.0, 0.01, id="one in a hundred of 100 requests a second"),
        pytest.param(2.0, 0.05, id="no more than a twentieth"),
        pytest.param(1e6, 0.001, id="no less than a thousandth"),
        pytest.param(None, 0.05, id="unknown: a twentieth"),
    ],
)
def test_a_trial_is_about_one_request_a_second(rate, part):
    assert trial_part(rate) == part


def test_a_pod_that_becomes_idle_is_not_paused():
    loop = settled(3)
    assert {str(one["a"].state) for one in loop.run(20, pods(3) | {"a": IDLE})} == {"Active"}


def test_traffic_that_ends_pauses_none():
    loop = settled(3)
    seen = loop.run(20, pods(3, replace(IDLE, pending=None)))
    assert all(one.weight is not None for tick in seen for one in tick.values())


def test_a_failed_trial_pauses_for_longer():
    loop = settled(3)
    loop.run(2, pods(3) | {"a": replace(GOOD, latency_ms=2000.0)})
    seen = loop.run(40, pods(3) | {"a": replace(GOOD, latency_ms=2000.0)})
    trials = [tick for tick, one in enumerate(seen) if one["a"].reason is Reason.HALF_OPEN]
    assert [later - earlier for earlier, later in pairwise(trials)] == [11, 21]
