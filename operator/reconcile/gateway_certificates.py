"""Keeps the certificates of the stream between operator and gateway: gather the Secret, decide, write it.

The operator may read and change this one Secret and may not create it: the right to create can't be limited to a name,
so the chart makes it, empty. Whatever empties or breaks it later is mended with what is in memory, so that gateways go
on trusting what they trust; to have everything made anew, empty it and restart the operator.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from glm_operator.clients.errors import ClusterError
from glm_operator.clients.kubernetes import Cluster, Object
from glm_operator.gateway.certificates import (
    Credentials,
    Renewal,
    ServerCredentials,
    UnreadableCredentialsError,
    new_credentials,
    read_secret,
    renew,
    renewal_due,
)
from glm_operator.observability.log import log
from glm_operator.observability.metrics import Metrics
from glm_operator.reconcile.backoff import backoff_seconds

LOOK_SECONDS: Final = 60.0
"""Between two looks at the Secret: a read of one small object."""
STEPS: Final = 4
"""Renewals that can be due at once: a new authority, its leaves, and old ones that end."""

OnChange = Callable[[ServerCredentials], None]


class SecretMissingError(ClusterError):
    """The Secret isn't there, and the operator may not create it."""


@dataclass(frozen=True, slots=True)
class SecretName:
    """Where the Secret is."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the Secret has shown."""

    version: str
    """The Secret's resource version."""
    credentials: Credentials | None
    """None when what it holds can't be used."""
    problem: str = ""
    """Why it can't."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The credentials to go on with, and what was done to the Secret's."""

    credentials: Credentials
    write: bool
    action: str
    reason: str
    message: str


class GatewayCertificates:
    """The loop. `current` is what the server shows; `on_change` is told of each new one."""

    def __init__(
        self,
        cluster: Cluster,
        secret: SecretName,
        server_names: Sequence[str],
        on_change: OnChange,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._cluster = cluster
        self._secret = secret
        self._server_names = tuple(server_names)
        self._on_change = on_change
        self._metrics = metrics
        self._clock = clock
        self._credentials: Credentials | None = None
        self.problem = ""
        """Why the Secret can't be kept current at present; empty while it is."""

    @property
    def current(self) -> ServerCredentials | None:
        """What the operator's server shows; None until the Secret has been read or filled once."""
        return None if self._credentials is None else self._credentials.for_server

    async def run(self) -> None:
        """Work until cancelled. What was there goes on being used while the API server can't be asked."""
        failures = 0
        while True:
            try:
                await self.look()
                failures, self.problem = 0, ""
            except ClusterError as error:
                failures += 1
                self.problem = str(error)
                log.warning("the gateway's certificates can't be kept", extra={"error": self.problem})
            await asyncio.sleep(backoff_seconds(failures) if failures else LOOK_SECONDS)

    async def look(self) -> None:
        """One look: gather, decide, act.

        Raises:
            ClusterError: the Secret can't be read or written.
        """
        found = await self._gather()
        decision = decide(found, self._credentials, self._server_names, self._clock())
        if decision.write:
            await self._write(decision, found.version)
        self._take(decision.credentials)

    async def _gather(self) -> Look:
        body = await self._cluster.get("Secret", self._secret.namespace, self._secret.name)
        if body is None:
            message = f"Secret {self._secret} is missing: `helm upgrade`, or applying manifests/install.yaml, makes it"
            raise SecretMissingError(message, 404)
        return look_at(body)

    async def _write(self, decision: Decision, version: str) -> None:
        """Only over what was read: another operator's newer certificates must not be lost."""
        await self._cluster.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {
                    "namespace": self._secret.namespace,
                    "name": self._secret.name,
                    "resourceVersion": version,
                },
                "data": decision.credentials.to_secret(),
            }
        )
        self._metrics.wrote("Secret")
        log.info(
            "the gateway's certificates were written",
            extra={
                "action": decision.action,
                "reason": decision.reason,
                "why": decision.message,
                "ends": {name: identity.end.isoformat() for name, identity in decision.credentials.named.items()},
                "authorities": len(decision.credentials.authorities),
            },
        )

    def _take(self, credentials: Credentials) -> None:
        before = self.current
        self._credentials = credentials
        for name, identity in credentials.named.items():
            self._metrics.certificate_ends(name, identity.end.timestamp())
        now = credentials.for_server
        if now != before:
            self._on_change(now)


def look_at(body: Object) -> Look:
    """What a Secret shows."""
    version = str(body["metadata"]["resourceVersion"])
    try:
        return Look(version, read_secret(body.get("data") or {}))
    except UnreadableCredentialsError as error:
        return Look(version, None, str(error))


def decide(found: Look, known: Credentials | None, server_names: Sequence[str], now: datetime) -> Decision:
    """The credentials to go on with; new keys are made here.

    Args:
        found: what the Secret holds.
        known: what was in use until now.
        server_names: DNS names of the operator's server.
        now: the time.
    """
    credentials = found.credentials or known
    if credentials is None:
        return Decision(new_credentials(server_names, now), True, "Make", "NothingUsable", found.problem)
    due: list[Renewal] = []
    while len(due) < STEPS and (renewal := renewal_due(credentials, server_names, now)) is not None:
        credentials = renew(credentials, renewal, server_names, now)
        due.append(renewal)
    if due:
        return Decision(credentials, True, "Renew", due[0].reason, "; ".join(renewal.message for renewal in due))
    if found.credentials is None:
        return Decision(credentials, True, "Restore", "SecretUnusable", found.problem)
    return Decision(credentials, False, "Keep", "Current", "")
