"""The operator's own metrics, read through the API server."""

from demo.install import OPERATOR_NAMESPACE, RELEASE
from demo.kubectl import Kubectl


def operator_metric(kubectl: Kubectl, name: str) -> float:
    """The sum of one metric over its labels; 0 while the operator has not counted any yet."""
    path = f"/api/v1/namespaces/{OPERATOR_NAMESPACE}/services/{RELEASE}-metrics:metrics/proxy/metrics"
    lines = kubectl("get", "--raw", path).splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.partition("{")[0].split(" ")[0] == name)
