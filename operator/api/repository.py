"""`spec.repository`: where the model files come from. References stay in the resource's namespace."""

from typing import Annotated, ClassVar, Literal

from pydantic import StringConstraints

from glm_operator.api.base import ApiModel, Rule
from glm_operator.api.types import ImageReference, ObjectName, RelativePath

SOURCES: tuple[str, ...] = ("config_map", "persistent_volume_claim", "image", "s3", "http")


class ConfigMapSource(ApiModel):
    """Small models and demos: keys are `MODEL.VERSION.FILENAME`, for example `intent.1.model.onnx`."""

    name: ObjectName
    """Name of the ConfigMap."""


class PersistentVolumeClaimSource(ApiModel):
    """A volume that holds one folder a model, each with its version folders."""

    name: ObjectName
    """Name of the PersistentVolumeClaim."""
    path: RelativePath = ""
    """Folder in the volume that holds the model folders; empty: the volume's root."""


class ImageSource(ApiModel):
    """An OCI image that holds one folder a model, mounted as a volume."""

    reference: ImageReference
    """The image, best with its digest."""
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When the node pulls it."""
    path: RelativePath = ""
    """Folder in the image that holds the model folders."""


class SecretReference(ApiModel):
    """A Secret in the resource's own namespace."""

    name: ObjectName
    """Name of the Secret."""


class S3Source(ApiModel):
    """A bucket or prefix that holds one folder a model."""

    uri: Annotated[
        str, StringConstraints(pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._/-]*)?$", max_length=1024)
    ]
    """`s3://BUCKET/PREFIX`."""
    secret_ref: SecretReference | None = None
    """Credentials."""


class HttpSource(ApiModel):
    """An archive that holds one folder a model."""

    uri: Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9._~:/?#@!$&()*+,;=%-]+$", max_length=1024)]
    """Address of a `.tar.gz` archive."""
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the archive."""
    secret_ref: SecretReference | None = None
    """Credentials."""


class Repository(ApiModel):
    """Exactly one source."""

    config_map: ConfigMapSource | None = None
    """A ConfigMap of the same namespace."""
    persistent_volume_claim: PersistentVolumeClaimSource | None = None
    """A PersistentVolumeClaim of the same namespace."""
    image: ImageSource | None = None
    """An OCI image volume."""
    s3: S3Source | None = None
    """An S3 bucket."""
    http: HttpSource | None = None
    """An archive over HTTP(S)."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="GLM201",
            cel="[has(self.configMap), has(self.persistentVolumeClaim), has(self.image), has(self.s3), has(self.http)]"
            ".filter(given, given).size() == 1",
            message="repository needs exactly one source of configMap, persistentVolumeClaim, image, s3, http",
            holds=lambda repository: sum(getattr(repository, source) is not None for source in SOURCES) == 1,
        ),
    )
