"""When an alarm opens, stays and closes."""

import pytest

from glm_operator.anomaly.alarm import AlarmRule, AlarmState, judge

RULE = AlarmRule(open_at=0.5, close_below=0.3, needed=2, out_of=4, quiet_seconds=60, refractory_seconds=600)
STEP = 15
LOUD, HOARSE, QUIET, MISSING = 0.8, 0.4, 0.1, None


def changes(evidence, rule=RULE):
    """(sample, change) of each change."""
    state, told = AlarmState(), []
    for sample, each in enumerate(evidence):
        state, change = judge(state, each, float(sample * STEP), rule)
        if change:
            told.append((sample, change))
    return told


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        pytest.param([QUIET] * 50, [], id="silence is no alarm"),
        pytest.param([LOUD, QUIET, QUIET, QUIET, LOUD, QUIET], [], id="one loud sample of four is not enough"),
        pytest.param([LOUD, QUIET, QUIET, LOUD], [(3, "opened")], id="two of the last four open it"),
        pytest.param([LOUD, MISSING, MISSING, MISSING, MISSING, LOUD], [(5, "opened")], id="a gap is not silence"),
        pytest.param([LOUD] * 2 + [HOARSE] * 40, [(1, "opened")], id="between the marks it stays open"),
        pytest.param([LOUD] * 2 + [QUIET] * 4, [(1, "opened"), (5, "closed")], id="a minute of silence closes it"),
        pytest.param([LOUD] * 2 + [QUIET] * 3 + [HOARSE] + [QUIET] * 3, [(1, "opened")], id="a murmur starts it anew"),
        pytest.param([LOUD] * 2 + [MISSING] * 40, [(1, "opened")], id="no samples don't close it"),
        pytest.param(
            [LOUD] * 2 + [QUIET] * 4 + [LOUD] * 9, [(1, "opened"), (5, "closed")], id="the same again is not news"
        ),
        pytest.param(
            [LOUD] * 2 + [QUIET] * 4 + [0.9] * 2,
            [(1, "opened"), (5, "closed"), (7, "opened")],
            id="more than before is news at once",
        ),
        pytest.param(
            [LOUD] * 2 + [QUIET] * 44 + [LOUD] * 2,
            [(1, "opened"), (5, "closed"), (47, "opened")],
            id="after the refractory time the same is news again",
        ),
    ],
)
def test_an_alarm_s_life(evidence, expected):
    assert changes(evidence) == expected
