"""What every test on the real cluster asserts as well: no traceback in the operator's log; on demand, no hot loop."""

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import pytest

from demo.install import OPERATOR_NAMESPACE, RELEASE
from demo.kubectl import CommandFailedError, Kubectl
from demo.operator_metrics import operator_metric
from demo.wait import wait_for

PODS: Final = f"app.kubernetes.io/name={RELEASE}"
LOOKS: Final = "glm_reconciles_total"
LOOKS_PER_SECOND: Final = 2.5
"""A loop without a wait would make five: the queue lets no resource have more."""
LOOKS_ANYWAY: Final = 40
"""Of making a resource, with its children's and its pods' events."""


def now() -> str:
    """As `kubectl logs --since-time` takes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def operator_log(kubectl: Kubectl, since: str) -> str:
    """What the operator's pods that there are have logged since then, also before a restart, without JSON's escapes."""
    text = ""
    for which in ((), ("--previous",)):
        # A pod may not have begun to log, or not have been started anew.
        with contextlib.suppress(CommandFailedError):
            arguments = ("-l", PODS, "-n", OPERATOR_NAMESPACE, f"--since-time={since}", "--tail=-1")
            text += kubectl("logs", *arguments, *which)
    return text.replace('\\"', '"').replace("\\n", "\n")


@pytest.fixture(autouse=True)
def no_traceback(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test makes the operator log a traceback, whatever it does to it."""
    name = next((n for n in ("kubectl", "cluster") if n in request.fixturenames), None)
    if name is None:
        yield
        return
    kubectl, since = request.getfixturevalue(name), now()
    yield
    log = operator_log(kubectl, since)
    assert "Traceback" not in log, log[log.index("Traceback") - 1000 :][:4000]


@pytest.fixture
def no_hot_loop(kubectl: Kubectl) -> Iterator[None]:
    """However broken a resource is, it is not looked at without end."""
    # The operator counts its looks at all resources together: those of earlier tests must be gone.
    wait_for("no resources that are being deleted", lambda: _none_leaves(kubectl), 60)
    began, before = time.monotonic(), operator_metric(kubectl, LOOKS)
    yield
    looks, seconds = operator_metric(kubectl, LOOKS) - before, time.monotonic() - began
    most = LOOKS_PER_SECOND * seconds + LOOKS_ANYWAY
    assert looks <= most, f"{looks:.0f} looks in {seconds:.0f} s"


def _none_leaves(kubectl: Kubectl) -> tuple[bool | None, str]:
    path = "jsonpath={.items[*].metadata.%s}"
    ending = kubectl("get", "namespaces", "--field-selector=status.phase=Terminating", "-o", path % "name").split()
    left = set(kubectl("get", "glm", "-A", "-o", path % "namespace").split()) & set(ending)
    return (None, f"in {', '.join(sorted(left))}") if left else (True, "")
