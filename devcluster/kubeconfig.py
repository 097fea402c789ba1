"""Kubeconfigs: for people, and for each component its own identity."""

import base64
from pathlib import Path

from devcluster import certificates
from devcluster.state import Layout, write_atomically

CONTEXT = "glm-dev"

_TEMPLATE = """\
apiVersion: v1
kind: Config
current-context: {context}
clusters:
  - name: {context}
    cluster:
      server: {server}
      certificate-authority-data: {authority}
contexts:
  - name: {context}
    context:
      cluster: {context}
      user: {user}
users:
  - name: {user}
    user:
      client-certificate-data: {certificate}
      client-key-data: {key}
"""


def kubeconfig(server: str, user: str, authority: bytes, certificate: bytes, key: bytes) -> str:
    """A kubeconfig that needs no other file."""
    return _TEMPLATE.format(
        context=CONTEXT,
        server=server,
        user=user,
        authority=_encoded(authority),
        certificate=_encoded(certificate),
        key=_encoded(key),
    )


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def write(layout: Layout, path: Path, server: str, certificate: str) -> Path:
    """Write the kubeconfig of whoever `certificate` names."""
    folder = layout.certificates
    parts = [folder / f"{certificates.AUTHORITY}.crt", folder / f"{certificate}.crt", folder / f"{certificate}.key"]
    content = kubeconfig(server, certificate, *[part.read_bytes() for part in parts])
    if not path.exists() or path.read_text() != content:
        write_atomically(path, content, mode=0o600)
    return path
