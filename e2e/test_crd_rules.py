"""The API server itself refuses what tests/api/test_refusals.py holds, and tells what to write instead."""

import json

import pytest

from bodies import MINIMAL
from demo.kubectl import CommandFailedError
from demo.paths import SAMPLES
from refusals import REFUSALS
from support import inference


def dry_run(kubectl, resource):
    return kubectl("create", "--dry-run=server", "-n", "default", "-f", "-", stdin=json.dumps(resource))


@pytest.mark.parametrize("refusal", [pytest.param(refusal, id=refusal.sentence) for refusal in REFUSALS])
def test_a_mistake_is_refused_with_what_to_do(kubectl, refusal):
    with pytest.raises(CommandFailedError) as caught:
        dry_run(kubectl, inference(**(MINIMAL | refusal.spec)))
    assert refusal.by_server in str(caught.value)


def test_an_unknown_field_is_refused(kubectl):
    with pytest.raises(CommandFailedError, match=r'unknown field "spec\.surprise"'):
        dry_run(kubectl, inference(surprise=1))


@pytest.mark.parametrize("name", ["1up", "a.b", "a" * 43])
def test_a_name_that_no_service_can_have_is_refused(kubectl, name):
    with pytest.raises(CommandFailedError, match="Service has the same name"):
        dry_run(kubectl, inference(name))


@pytest.mark.parametrize("sample", [pytest.param(path, id=path.name) for path in sorted(SAMPLES.glob("*.yaml"))])
def test_every_sample_is_accepted(kubectl, namespace, sample):
    assert "created (server dry run)" in kubectl("create", "--dry-run=server", "-n", namespace, "-f", str(sample))


def test_short_name_and_category_work(kubectl, namespace):
    kubectl.apply(inference(replicas=0), namespace=namespace)
    assert "glminference.serving.autoglm.io/echo" in kubectl("get", "all", "-n", namespace, "-o", "name")
    assert kubectl("get", "glm", "-n", namespace).split("\n")[0].split() == [
        "NAME",
        "READY",
        "REPLICAS",
        "RPS",
        "LATENCY",
        "ANOMALY",
        "AGE",
    ]
