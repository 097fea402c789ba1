"""An API server on loopback with a few objects: they can be read, and their annotations patched."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

INFERENCES = "/apis/serving.autoglm.io/v1alpha1/namespaces/shop/glminferences"
PODS = "/api/v1/namespaces/shop/pods"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    objects: dict[str, dict[str, Any]]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == PODS:
            items = [body for name, body in self.objects.items() if name.startswith(f"{PODS}/")]
            self._answer(200, {"apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items})
        elif path in self.objects:
            self._answer(200, self.objects[path])
        else:
            self._answer(404, {"message": f"{path} not found", "code": 404})

    def do_PATCH(self) -> None:
        patch = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.headers["Content-Type"] == "application/merge-patch+json"
        metadata = self.objects[self.path]["metadata"]
        merged = metadata.get("annotations", {}) | patch["metadata"]["annotations"]
        metadata["annotations"] = {key: value for key, value in merged.items() if value is not None}
        self._answer(200, self.objects[self.path])

    def _answer(self, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def cluster_with(folder: Path, inference: dict[str, Any], *pods: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Objects by path, and a kubeconfig in `folder` for them."""
    objects = {f"{INFERENCES}/{inference['metadata']['name']}": inference}
    objects |= {f"{PODS}/{pod['metadata']['name']}": pod for pod in pods}
    handler = type("Handler", (_Handler,), {"objects": objects})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    named = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
    }
    (folder / "kubeconfig").write_text(
        yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "x"} | named)
    )
    try:
        yield objects
    finally:
        server.shutdown()
        server.server_close()
