"""A quota can want limits of every container: the operator's own ones have them where the user gives them."""

from demo.wait import inference_ready
from support import files, inference


def test_a_quota_on_limits_is_met_by_the_resources_of_the_spec(kubectl, namespace):
    hard = {"limits.cpu": "4", "limits.memory": "4Gi", "requests.ephemeral-storage": "4Gi"}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "all"}, "spec": {"hard": hard}}
    resources = {"requests": {"ephemeral-storage": "100Mi"}, "limits": {"cpu": 1, "memory": "512Mi"}}
    kubectl.apply(quota, files(), inference(runtime={"resources": resources}), namespace=namespace)
    inference_ready(kubectl, namespace, "echo")
