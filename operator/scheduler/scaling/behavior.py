"""HPA's `behavior`: what was recommended a while ago still counts, and a change has a largest speed.

Moments are `(seconds, value)`, oldest first; seconds are on one clock, whichever it is.
"""

import math
from collections.abc import Iterable

from glm_operator.scheduler.scaling.rules import ChangePolicy, Direction

Moments = tuple[tuple[float, int], ...]


def with_high(moments: Moments, now: float, value: int, window_seconds: float) -> Moments:
    """The moments that can still be the highest of the last `window_seconds`, with `value` of `now` added.

    One that is followed by an equal or higher one never can be again, so that the record stays short.
    """
    since = now - window_seconds
    return (*(moment for moment in moments if moment[1] > value and moment[0] >= since), (now, value))


def with_low(moments: Moments, now: float, value: int, window_seconds: float) -> Moments:
    """As `with_high`, for the lowest."""
    since = now - window_seconds
    return (*(moment for moment in moments if moment[1] < value and moment[0] >= since), (now, value))


def stabilized(current: int, highs: Moments, lows: Moments) -> int:
    """The replicas that all recent recommendations allow: at least the lowest, at most the highest, else `current`."""
    highest, lowest = highs[0][1], lows[0][1]
    if current > highest:
        return highest
    return max(current, lowest)


def recent(changes: Moments, now: float, direction: Iterable[Direction]) -> Moments:
    """The changes that a policy of one of the directions still looks at."""
    longest = max((policy.period_seconds for one in direction for policy in one.policies), default=0.0)
    return tuple(change for change in changes if change[0] > now - longest)


def most(current: int, changes: Moments, now: float, rules: Direction) -> int:
    """The most replicas that the policies allow now. From zero, the first pod is always allowed."""
    if rules.select == "Disabled":
        return current
    limits = [_upper(policy, _at_begin(policy, current, changes, now)) for policy in rules.policies]
    return max(current, 1, min(limits) if rules.select == "Min" else max(limits))


def fewest(current: int, changes: Moments, now: float, rules: Direction) -> int:
    """The fewest replicas that the policies allow now."""
    if rules.select == "Disabled":
        return current
    limits = [_lower(policy, _at_begin(policy, current, changes, now)) for policy in rules.policies]
    return min(current, max(limits) if rules.select == "Min" else min(limits))


def _at_begin(policy: ChangePolicy, current: int, changes: Moments, now: float) -> int:
    """The replicas at the begin of the policy's period."""
    since = now - policy.period_seconds
    return current - sum(change for at, change in changes if at > since)


def _upper(policy: ChangePolicy, begin: int) -> int:
    if policy.kind == "Pods":
        return begin + policy.value
    return math.ceil(begin * (100 + policy.value) / 100)


def _lower(policy: ChangePolicy, begin: int) -> int:
    if policy.kind == "Pods":
        return max(0, begin - policy.value)
    return max(0, begin * (100 - policy.value) // 100)
