"""The little that this package itself asks of the Kubernetes API. People and tests use kubectl."""

import http.client
import json
import ssl
from pathlib import Path
from typing import Any

from devcluster import certificates
from devcluster.errors import ClusterError
from devcluster.waiting import until

OWNER = "devcluster"


class Api:
    """The API server on 127.0.0.1, as the cluster's administrator."""

    def __init__(self, port: int, folder: Path) -> None:
        self._port = port
        self._context = ssl.create_default_context(cafile=str(folder / f"{certificates.AUTHORITY}.crt"))
        self._context.load_cert_chain(folder / "admin.crt", folder / "admin.key")

    def get(self, path: str) -> dict[str, Any] | None:
        """What is at `path`; None when nothing is there, or nobody answers."""
        try:
            status, content = self._request("GET", path)
        except (OSError, http.client.HTTPException):
            return None
        return None if status == http.HTTPStatus.NOT_FOUND else _checked(path, status, content)

    def apply(self, manifest: dict[str, Any]) -> None:
        """Make an object be as `manifest` says."""
        path = object_path(manifest)
        _checked(path, *self._request("PATCH", f"{path}?fieldManager={OWNER}&force=true", manifest))

    def await_object(self, path: str, seconds: float) -> None:
        """Wait until something is at `path`."""
        until(lambda: self.get(path) is not None, seconds, path)

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPSConnection("127.0.0.1", self._port, timeout=10, context=self._context)
        headers = {"Content-Type": "application/apply-patch+yaml"} if body else {}
        try:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


def object_path(manifest: dict[str, Any]) -> str:
    """Where an object lives. Enough for the kinds used here, whose plurals are regular."""
    version, metadata = manifest["apiVersion"], manifest["metadata"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    scope = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    kind = manifest["kind"].lower()
    return f"{root}{scope}/{kind}{'es' if kind.endswith('s') else 's'}/{metadata['name']}"


def is_ready(node: dict[str, Any] | None) -> bool:
    """Whether a Node says that it is ready."""
    conditions = (node or {}).get("status", {}).get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _checked(path: str, status: int, content: dict[str, Any]) -> dict[str, Any]:
    if status >= http.HTTPStatus.BAD_REQUEST:
        raise ClusterError(f"{path}: the API server answered {status}: {content.get('message', '')}")
    return content
