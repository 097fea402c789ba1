"""Field by field: what a change leaves behind is what a fresh install of the same spec makes (the method of Acto).

Each field of the full samples that children depend on has a resource of its own, which goes through the field's changes
one after another - another value, its edges, removed - and back to the sample; so has each pair of samples. After each
step its children must equal those of a resource that was made that way at once. The fields that no child depends on are
changed all together, and must leave the children as they are. All resources take each step together, and a quota keeps
them from having pods: what counts are the children.
"""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import permutations

import pytest

from demo.kubectl import CommandFailedError, Kubectl
from demo.manifests import operator_environment
from demo.operator_metrics import operator_metric
from demo.wait import NotInTimeError, wait_for
from glm_operator.api import group
from glm_operator.api.inference import parse
from glm_operator.reconcile.decide import KEPT_CONFIG_MAPS
from glm_operator.reconcile.settings import read_settings
from glm_operator.resources.children import desired_children
from glm_operator.resources.difference import is_applied
from glm_operator.resources.triton_deployment import Images, running_images
from mutation.cases import Change, changes, folded, mistakes
from mutation.fields import Spec, leaf_paths
from mutation.laboratory import Laboratory, resource
from mutation.samples import samples
from mutation.snapshot import Children, Object, differences, kept_configurations, normalised, versions
from watchful import now, operator_log

REFUSED = "ApplyRefused"
GATEWAY_HOST = read_settings(operator_environment()).gateway_host
RECONCILES = "glm_reconciles_total"
pytestmark = pytest.mark.timeout(600)


@dataclass
class Course:
    """What one resource goes through."""

    name: str
    sample: str
    steps: list[Change]

    def spec(self, step: int) -> Spec:
        """The sample first and last; a course that is over stays with it."""
        return self.steps[step - 1].spec if 1 <= step <= len(self.steps) else samples()[self.sample]

    def what(self, step: int) -> str:
        return self.steps[step - 1].what if 1 <= step <= len(self.steps) else "the sample again"

    @property
    def is_inert(self) -> bool:
        """Whether no child depends on anything that is changed: the children must then stay the sample's."""
        return all(is_inert(change) for change in self.steps)


def is_inert(change: Change) -> bool:
    return _built(change.spec) == _built(samples()[change.sample])


def _built(spec: Spec) -> tuple[Object, ...]:
    images = Images(runtime="triton:1", repository="operator:1")
    body = {"metadata": {"name": "sample", "namespace": "default"}, "spec": spec}
    return desired_children(parse(body), images, None, None, GATEWAY_HOST)


def _courses() -> dict[str, Course]:
    """Sentence to course."""
    steps: dict[tuple[str, str], list[Change]] = {}
    together: dict[str, dict[str, list[Change]]] = {}
    for change in (change for all_ in changes().values() for change in all_):
        if not is_inert(change):
            steps.setdefault((change.path, change.sample), []).append(change)
        elif change.path in LEAVES or "." not in change.path:
            kind = change.what if change.path in LEAVES else "group removed"
            together.setdefault(change.sample, {}).setdefault(kind, []).append(change)
    found = {f"{path} of {sample}": (sample, own) for (path, sample), own in steps.items()}
    for sample, kinds in together.items():
        own = [Change(sample, (), kind, folded(sample, all_)) for kind, all_ in kinds.items()]
        found[f"what no child of {sample} depends on"] = (sample, own)
    for one, other in permutations(samples(), 2):
        found[f"{one} to {other}"] = (one, [Change(one, (), "the whole spec", samples()[other])])
    return {text: Course(f"m{index}", *course) for index, (text, course) in enumerate(found.items())}


LEAVES = frozenset(leaf_paths())
COURSES = _courses()
STEPS = max(len(course.steps) for course in COURSES.values())


@dataclass
class Seen:
    """What was seen."""

    first: dict[str, list[Object]]
    """Children as they were made first, by the resource's name."""
    problems: dict[str, list[str]] = field(default_factory=dict)
    """Differences by course, each with the step that showed it."""
    steps: int = 0


class Laboratories:
    """One namespace for the changed resources, and for each step one for the fresh ones."""

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl
        self._tag = uuid.uuid4().hex[:6]
        self.changed = Laboratory.open(kubectl, f"changed-{self._tag}")
        self.fresh: list[Laboratory] = []

    def another(self) -> Laboratory:
        self.fresh.append(Laboratory.open(self._kubectl, f"fresh-{self._tag}-{len(self.fresh)}"))
        return self.fresh[-1]

    def close(self) -> None:
        for laboratory in (self.changed, *self.fresh):
            laboratory.close()


@pytest.fixture(scope="module")
def began() -> str:
    return now()


@pytest.fixture(autouse=True)
def no_traceback() -> None:
    """Asserted once for the whole module, and not after each of its hundreds of rows, which only read what was seen."""


@pytest.fixture(scope="module")
def laboratories(kubectl, began) -> Iterator[Laboratories]:
    opened = Laboratories(kubectl)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def seen(laboratories) -> Seen:
    """All courses, from the first step to the last."""
    changed = laboratories.changed
    changed.apply({course.name: course.spec(0) for course in COURSES.values()})
    result = Seen(changed.children())
    samples_children = {name: normalised(own) for name, own in result.first.items()}
    for step in range(1, STEPS + 1):
        active = {sentence: course for sentence, course in COURSES.items() if step <= len(course.steps)}
        changed.apply({course.name: course.spec(step) for course in active.values()})
        made = _made_at_once({c.name: c.spec(step) for c in active.values() if not c.is_inert}, laboratories)
        _compare(step, active, samples_children | made, changed, result)
        result.steps += len(active)
    changed.apply({course.name: course.spec(0) for course in COURSES.values()})
    _compare(STEPS + 1, COURSES, samples_children, changed, result)
    return result


def _made_at_once(specs: dict[str, Spec], laboratories: Laboratories) -> dict[str, Children]:
    """Children of fresh installs."""
    if not specs:
        return {}
    fresh = laboratories.another()
    fresh.apply(specs)
    return {name: normalised(own) for name, own in fresh.children().items()}


def _compare(
    step: int, courses: dict[str, Course], expected: dict[str, Children], changed: Laboratory, result: Seen
) -> None:
    """Look until all are equal; what is left when the time is over is told."""
    left: dict[str, list[str]] = {}

    def look() -> tuple[bool | None, str]:
        left.clear()
        children = changed.children()
        for sentence, course in courses.items():
            own = children.get(course.name, [])
            found = differences(expected.get(course.name, {}), normalised(own))
            if kept_configurations(own) > KEPT_CONFIG_MAPS:
                found.append("more configurations of older revisions than are kept")
            if found:
                left[sentence] = found
        return (None, f"{len(left)} differ") if left else (True, "")

    try:
        wait_for("children as of a fresh install", look, 15)
    except NotInTimeError:
        for sentence, found in left.items():
            problem = f"{courses[sentence].what(step)}: {'; '.join(found[:6])}"
            result.problems.setdefault(sentence, []).append(problem)


def test_the_courses_were_all_taken_without_a_traceback(seen, kubectl, began):
    assert "Traceback" not in operator_log(kubectl, began)
    assert seen.steps == sum(len(course.steps) for course in COURSES.values())


@pytest.mark.parametrize("sentence", COURSES)
def test_a_changed_resource_has_the_children_of_a_fresh_one(seen, sentence):
    assert seen.problems.get(sentence, []) == []


def test_fields_that_no_child_depends_on_cause_no_write_to_one(seen, laboratories):
    inert = [course.name for course in COURSES.values() if course.is_inert]
    assert inert
    children = laboratories.changed.children()
    assert {n: versions(children.get(n, [])) for n in inert} == {n: versions(seen.first.get(n, [])) for n in inert}


def test_every_child_is_what_the_builders_make_of_the_spec(seen, laboratories, kubectl):
    changed = laboratories.changed
    children = changed.children()
    wrong = []
    for body in kubectl.json("get", group.PLURAL, "-n", changed.namespace)["items"]:
        own = children.get(body["metadata"]["name"], [])
        wrong += [f"{body['metadata']['name']}: {kind}" for kind in _not_as_built(body, own)]
    assert wrong == []


def _not_as_built(body: Object, own: list[Object]) -> list[str]:
    """Kinds of the children that lack something of what the builders make, with the images and files that are there."""
    there = {(child["kind"], child["metadata"]["name"]): child for child in own}
    deployment = there.get(("Deployment", body["metadata"]["name"]))
    if deployment is None:
        return []
    images = running_images(deployment)
    assert images is not None
    annotations = deployment["spec"]["template"]["metadata"]["annotations"]
    rolled = annotations.get(group.ANNOTATION_REPOSITORY_HASH)
    built = desired_children(parse(body), images, rolled, None, GATEWAY_HOST)
    return [c["kind"] for c in built if not is_applied(c, there.get((c["kind"], c["metadata"]["name"])))]


def test_a_look_at_a_settled_resource_writes_nothing(seen, laboratories, kubectl):
    changed = laboratories.changed
    before = {name: versions(own) for name, own in changed.children().items()}
    looks = operator_metric(kubectl, RECONCILES)
    kubectl("annotate", group.PLURAL, "--all", f"looked={uuid.uuid4().hex}", "-n", changed.namespace)
    wanted = looks + len(COURSES)
    wait_for("a look at each", lambda: (operator_metric(kubectl, RECONCILES) >= wanted or None, "too few"), 60)
    assert {name: versions(own) for name, own in changed.children().items()} == before


def test_no_spec_that_the_api_server_takes_makes_a_child_that_it_refuses(seen, laboratories):
    for laboratory in (laboratories.changed, *laboratories.fresh):
        ready = laboratory.conditions("Ready")
        assert {n: c["message"] for n, c in ready.items() if c["reason"] == "ApplyRefused"} == {}


@pytest.fixture(scope="module")
def refusals(kubectl) -> dict[str, str]:
    """What the API server says to each mistake; kubectl goes on after an error, and keeps the order."""
    named = {f"w{index}": mistake.spec for index, mistake in enumerate(mistakes().values())}
    documents = "\n".join(json.dumps(resource(name, spec)) for name, spec in named.items())
    with pytest.raises(CommandFailedError) as caught:
        kubectl("create", "--dry-run=server", "-n", "default", "-f", "-", stdin=documents, timeout=120)
    _, *messages = str(caught.value).split("Error from server")
    return dict(zip(mistakes(), messages, strict=True))


@pytest.mark.parametrize("name", mistakes())
def test_a_mistake_in_a_field_is_refused_with_the_fields_path(refusals, name):
    assert mistakes()[name].spelled in refusals[name]
