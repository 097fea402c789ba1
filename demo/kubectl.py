"""kubectl and helm on the cluster that devcluster decides on, and on no other."""

import json
import os
import subprocess
from dataclasses import dataclass
from typing import Any, Self

from demo.paths import ROOT
from devcluster import binaries, external, provider
from devcluster.provider import Kind, Provider, Request
from devcluster.state import Layout


class CommandFailedError(Exception):
    """A command ended with an error; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """One cluster."""

    provider: Provider
    kubeconfig: str
    """The kubeconfig's path; empty: where kubectl looks by itself."""

    @classmethod
    def connect(cls) -> Self:
        """The cluster that `make cluster` made, or that the user named."""
        binaries.ensure([binaries.named("kubectl"), binaries.named("helm")])
        layout = Layout(ROOT)
        decided = provider.decide(Request(), provider.observe(os.environ, str(layout.kubeconfig)))
        made_here = decided.kind is not Kind.EXTERNAL
        return cls(decided, str(layout.kubeconfig) if made_here else decided.kubeconfig or "")

    @property
    def is_ours(self) -> bool:
        """Whether the cluster was made here."""
        return self.provider.kind is not Kind.EXTERNAL

    def __call__(self, *arguments: str, stdin: str | None = None, timeout: float = 60.0) -> str:
        """Run kubectl; its output.

        Raises:
            CommandFailedError: with what kubectl said.
        """
        argv = external.kubectl(str(binaries.named("kubectl").path), self._named(), *arguments)
        return run(argv, stdin=stdin, timeout=timeout)

    def json(self, *arguments: str) -> Any:
        """Run `kubectl ... -o json`."""
        return json.loads(self(*arguments, "-o", "json"))

    def find(self, *arguments: str) -> Any:
        """Run `kubectl get ... -o json`; None when there is no such object."""
        answer = self("get", *arguments, "--ignore-not-found", "-o", "json")
        return json.loads(answer) if answer.strip() else None

    def apply(self, *objects: Any, namespace: str = "default") -> str:
        """Apply objects, each a dictionary or YAML text."""
        text = "\n---\n".join(item if isinstance(item, str) else json.dumps(item) for item in objects)
        return self("apply", "-n", namespace, "-f", "-", stdin=text)

    def helm(self, *arguments: str, timeout: float = 180.0) -> str:
        """Run helm."""
        environment = os.environ | ({"KUBECONFIG": self.kubeconfig} if self.kubeconfig else {})
        context = [f"--kube-context={self.provider.context}"] if self.provider.context else []
        argv = [str(binaries.named("helm").path), *arguments, *context]
        return run(argv, timeout=timeout, environment=environment)

    def _named(self) -> Provider:
        return Provider(self.provider.kind, self.provider.reason, self.kubeconfig or None, self.provider.context)


def run(
    argv: list[str], stdin: str | None = None, timeout: float = 60.0, environment: dict[str, str] | None = None
) -> str:
    """Run a command to its end; its output."""
    try:
        ended = subprocess.run(
            argv, input=stdin, capture_output=True, text=True, timeout=timeout, check=False, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise CommandFailedError(f"{' '.join(argv)} did not end within {timeout:.0f} s") from error
    if ended.returncode != 0:
        raise CommandFailedError(f"{' '.join(argv[:4])} ...: {ended.stderr.strip() or ended.stdout.strip()}")
    return ended.stdout
