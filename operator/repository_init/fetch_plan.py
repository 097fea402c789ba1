"""What shall be fetched, as the operator wrote it, and the credentials, as the Secret has them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from glm_operator.api.allowed_urls import s3_address
from glm_operator.api.repository_layout import FETCH_FILE, SECRET_PREFIX
from glm_operator.repository_init.failure import FetchError


@dataclass(frozen=True, slots=True)
class HttpArchive:
    """`spec.repository.http`."""

    uri: str
    sha256: str


@dataclass(frozen=True, slots=True)
class S3Objects:
    """`spec.repository.s3`."""

    uri: str
    region: str
    endpoint: str

    @property
    def address(self) -> str:
        """What the list of allowed addresses is asked about."""
        return s3_address(self.uri, self.endpoint)

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self.uri.removeprefix("s3://").partition("/")[0]

    @property
    def prefix(self) -> str:
        """What the keys begin with; it ends in a slash, so that `models` doesn't stand for `models-old`."""
        prefix = self.uri.removeprefix("s3://").partition("/")[2].strip("/")
        return f"{prefix}/" if prefix else ""


@dataclass(frozen=True, slots=True)
class Secret:
    """The keys of the user's Secret. Its values are in nothing that is printed."""

    name: str
    """Empty: the resource names none."""
    values: Mapping[str, str] = field(repr=False)

    @classmethod
    def from_environment(cls, name: str, environment: Mapping[str, str]) -> "Secret":
        """As kubelet hands it over. A line's end, which many a file has, belongs to no credential."""
        prefixed = {key: value for key, value in environment.items() if key.startswith(SECRET_PREFIX)}
        return cls(name, {key.removeprefix(SECRET_PREFIX): value.strip() for key, value in prefixed.items()})

    def get(self, key: str) -> str:
        """The value of a key; empty when there is none."""
        return self.values.get(key, "")

    def require(self, *keys: str) -> tuple[str, ...]:
        """The values of keys.

        Raises:
            FetchError: naming those that are missing.
        """
        missing = [key for key in keys if not self.get(key)]
        if missing:
            raise FetchError(f"Secret {self.name} has no key {' and no key '.join(missing)}; add it")
        return tuple(self.get(key) for key in keys)


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """What the operator wants fetched."""

    source: HttpArchive | S3Objects
    secret_name: str
    size_limit_bytes: int
    timeout_seconds: float


def read_fetch_plan(folder: Path) -> FetchPlan:
    """The plan as the operator wrote it."""
    document = json.loads((folder / FETCH_FILE).read_text())
    kind = S3Objects if document["kind"] == "s3" else HttpArchive
    return FetchPlan(
        source=kind(**document["source"]),
        secret_name=document["secret"],
        size_limit_bytes=document["size_limit_bytes"],
        timeout_seconds=document["timeout_seconds"],
    )
