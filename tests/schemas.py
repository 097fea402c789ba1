"""JSON Schemas for kubeconform, made from what is here: by default it would fetch them.

Those of Kubernetes come from the API description in its own Go module, ours from the CRD. All are closed, so that an
unknown field is an error.
"""

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from demo.paths import ROOT
from devcluster.golang import toolchain

KINDS = (
    "apps.v1.Deployment", "core.v1.ConfigMap", "core.v1.Pod", "core.v1.Secret", "core.v1.Service",
    "core.v1.ServiceAccount",
    "networking.v1.NetworkPolicy", "policy.v1.PodDisruptionBudget", "rbac.v1.ClusterRole", "rbac.v1.ClusterRoleBinding",
    "rbac.v1.Role", "rbac.v1.RoleBinding",
)  # fmt: skip


def write_schemas(folder: Path) -> str:
    """Write one file a kind; the pattern that kubeconform takes."""
    target = folder / "schemas"
    target.mkdir()
    definitions = _kubernetes_definitions()
    for kind in KINDS:
        schema = {"$ref": f"#/definitions/io.k8s.api.{kind}", "definitions": definitions}
        (target / f"{kind.rpartition('.')[2].lower()}.json").write_text(json.dumps(schema))
    crd = yaml.safe_load((ROOT / "crds/glminferences.yaml").read_text())
    ours = _closed(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    ours["properties"]["metadata"] = {"type": "object"}
    (target / "glminference.json").write_text(json.dumps(ours))
    return str(target / "{{ .ResourceKind }}.json")


@cache
def _kubernetes_definitions() -> dict[str, Any]:
    downloaded = subprocess.run(
        [str(toolchain()), "mod", "download", "-json", "k8s.io/kubernetes"],
        cwd=ROOT / "devcluster/kubernetes", capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    document = json.loads((Path(json.loads(downloaded)["Dir"]) / "api/openapi-spec/swagger.json").read_text())
    return {name: _closed(schema) for name, schema in document["definitions"].items()}


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    result = {key: value for key, value in schema.items() if not key.startswith("x-")}
    if schema.get("format") == "int-or-string" or schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    if "properties" in schema:
        result["properties"] = {name: _closed(field) for name, field in schema["properties"].items()}
        result["additionalProperties"] = False
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            result[key] = _closed(schema[key])
    return result
