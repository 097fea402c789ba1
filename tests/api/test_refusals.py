"""What a spec may not say, and that the message tells what to write instead.

The same table runs against the real API server in e2e/test_crd_rules.py.
"""

import pytest

from bodies import MINIMAL, make_body
from glm_operator.api.inference import InvalidSpecError, parse
from refusals import OPERATOR_REFUSALS, REFUSALS

ALL = [*REFUSALS, *OPERATOR_REFUSALS]


@pytest.mark.parametrize(("change", "expected"), [pytest.param(r.spec, r.message, id=r.sentence) for r in ALL])
def test_a_mistake_is_refused_with_what_to_do(change, expected):
    with pytest.raises(InvalidSpecError) as caught:
        parse(make_body(MINIMAL | change))
    assert expected in str(caught.value)


def test_every_problem_is_told_at_once_with_its_path():
    spec = MINIMAL | {"replicas": -1, "surprise": 1}
    with pytest.raises(InvalidSpecError) as caught:
        parse(make_body(spec))
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["spec.replicas", "spec.surprise"]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("a" * 43, id="a name that leaves no room for the children's suffixes"),
        pytest.param("1up", id="a name that starts with a digit"),
        pytest.param("a.b", id="a name with a dot"),
    ],
)
def test_a_name_that_no_service_can_have_is_refused(name):
    with pytest.raises(InvalidSpecError, match="Service has the same name"):
        parse(make_body(name=name))


def test_the_minimal_resource_gets_every_default():
    spec = parse(make_body()).spec
    assert spec.effective_replicas == 1
    assert spec.models[0].effective_max_batch_size == 8
    assert spec.traffic.weighting.latency_rule.pause_seconds == 5
    assert spec.anomaly.mode == "Recommend"
