"""Every reason that a condition can have is explained to whoever runs the operator, with what to do about it."""

import ast
import re
from pathlib import Path

import pytest

from glm_operator.scheduler.weights.decision import Reason

ROOT = Path(__file__).resolve().parents[2]
REASON_POSITION = {"Finding": 0, "Verdict": 2}


def reasons_of(source):
    """Reasons in calls of `Finding` and `Verdict`; one that is computed is made from another Finding's."""
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call) or getattr(call.func, "id", "") not in REASON_POSITION:
            continue
        position = REASON_POSITION[call.func.id]
        if len(call.args) <= position:
            continue
        reason = call.args[position]
        if isinstance(reason, ast.Constant):
            yield reason.value
        elif isinstance(reason, ast.Name) and reason.id in CONSTANTS:
            yield CONSTANTS[reason.id]


def constants_of(source):
    """Texts that have a name, in capitals, in their module."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Constant) and node.target.id.isupper():
            yield node.target.id, node.value.value


SOURCES = [path.read_text() for path in (ROOT / "operator").rglob("*.py") if "cli" not in path.parts]
CONSTANTS = {name: value for source in SOURCES for name, value in constants_of(source)}


FOUND = sorted({reason for source in SOURCES for reason in reasons_of(source)})
OF_WEIGHTS = sorted(reason.value for reason in Reason)


def test_reasons_are_found():
    assert {"AllModelsServing", "InvalidSpec", "UpdatingModels", "ImagePullFailed", "ClusterError"} <= set(FOUND)


@pytest.mark.parametrize("reason", FOUND)
def test_the_reason_is_in_the_table_with_what_to_do(reason):
    page = (ROOT / "docs/operations.md").read_text()
    row = next((line for line in page.splitlines() if re.match(rf"\| `{reason}`", line)), "")
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert len(cells) == 3, f"{reason} has no row"
    assert all(cells)


@pytest.mark.parametrize("reason", OF_WEIGHTS)
def test_the_reason_of_a_pods_weight_is_in_the_table_with_what_to_do(reason):
    page = (ROOT / "docs/operations.md").read_text()
    row = next((line for line in page.splitlines() if line.startswith(f"| `{reason}` ")), "")
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert len(cells) == 4, f"{reason} has no row"
    assert all(cells)


def test_the_table_names_no_reason_that_does_not_exist():
    page = (ROOT / "docs/operations.md").read_text()
    named = {match[1] for match in re.finditer(r"^\| `([A-Z][A-Za-z]+)`", page, re.MULTILINE)}
    assert named <= {*FOUND, *OF_WEIGHTS}
