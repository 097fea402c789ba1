"""Every field does something: another value changes the children, or the resource says that nothing acts on it."""

import pytest

from bodies import make_body
from glm_operator.api.inference import parse
from glm_operator.resources.children import desired_children
from glm_operator.resources.triton_deployment import Images
from glm_operator.status.unhandled import unhandled_fields
from mutation.cases import changes, mistakes
from mutation.fields import fields_of, leaf_paths
from mutation.samples import covered_paths, refusal, samples

IMAGES = Images(runtime="triton:1", repository="operator:1")
OTHER_VALUES = {path: found for path, all_ in changes().items() for found in all_ if found.what == "other"}


def inference_of(spec):
    return parse(make_body(spec))


def children_of(spec):
    return desired_children(inference_of(spec), IMAGES, None, None)


def test_every_field_is_in_a_sample():
    missing = set(leaf_paths()) - covered_paths()
    assert missing == set(), "add a seed to e2e/mutation/samples.py that lets these stand"


def test_every_field_with_a_choice_has_another_value():
    choices = {field.path: field.schema.get("enum", [1, 2]) for s in samples().values() for field in fields_of(s)}
    missing = [path for path in leaf_paths() if path not in OTHER_VALUES and len(choices[path]) > 1]
    assert missing == [], "add values that fit to `BY_HAND` in e2e/mutation/values.py, or a seed to samples.py"


@pytest.mark.parametrize("change", [pytest.param(change, id=path) for path, change in OTHER_VALUES.items()])
def test_another_value_changes_the_children_or_is_told_to_change_nothing(change):
    inference = inference_of(change.spec)
    told = "; ".join(unhandled_fields(inference))
    # Groups are named two levels deep.
    named = ".".join(change.path.split(".")[:2])
    changed = children_of(change.spec) != children_of(samples()[change.sample])
    assert changed or f"spec.{named}" in told


@pytest.mark.parametrize("mistake", [pytest.param(m, id=name) for name, m in mistakes().items()])
def test_a_mistake_in_a_field_is_refused_with_the_fields_path(mistake):
    assert mistake.spelled in refusal(mistake.spec)
