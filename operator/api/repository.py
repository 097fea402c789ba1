"""`spec.repository`: where the model files come from. References stay in the resource's namespace."""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, StringConstraints

from glm_operator.api.allowed_urls import s3_address
from glm_operator.api.base import ApiModel, Rule
from glm_operator.api.types import ImageReference, ObjectName, QuantityString, RelativePath, ResourceMap

DEFAULT_REGION: Final = "us-east-1"

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
    """A bucket or prefix that holds one folder a model. Which ones may be used is a setting of the operator."""

    uri: Annotated[
        str, StringConstraints(pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._/-]*)?$", max_length=1024)
    ]
    """`s3://BUCKET/PREFIX`; `PREFIX/MODEL/VERSION/FILENAME` are the objects."""
    region: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=63)] = (
        DEFAULT_REGION
    )
    """Region of the bucket."""
    endpoint: Annotated[
        str, StringConstraints(pattern=r"^$|^https?://([A-Za-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?$", max_length=256)
    ] = ""
    """Address of another server that speaks S3, as `https://HOST:PORT`; empty: AWS."""
    secret_ref: SecretReference | None = None
    """Secret with `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, for temporary ones, `AWS_SESSION_TOKEN`; with
    `ca.crt`, the endpoint's certificate is checked by that authority. Left out: the bucket is public."""

    @property
    def address(self) -> str:
        """What the operator's list of allowed addresses is asked about."""
        return s3_address(self.uri, self.endpoint)


class HttpSource(ApiModel):
    """An archive that holds one folder a model. Which addresses may be used is a setting of the operator."""

    uri: Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9._~:/?#@!$&()*+,;=%\[\]-]+$", max_length=1024)]
    """Address of a `.tar.gz` archive with `MODEL/VERSION/FILENAME` in it."""
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the archive; it is checked before anything is unpacked."""
    secret_ref: SecretReference | None = None
    """Secret with `token` (sent as bearer token), or `username` and `password`; with `ca.crt`, the server's certificate
    is checked by that authority. Credentials are for the host of `uri` and aren't sent on to where it redirects."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="GLM221",
            cel="!self.uri.matches('^https?://[^/?]*@')",
            message="http.uri holds credentials, which everybody could read; put them into a Secret (secretRef)",
            holds=lambda source: "@" not in source.uri.partition("://")[2].partition("/")[0].partition("?")[0],
        ),
    )


class FetchResources(ApiModel):
    """Requests and limits of the container that fetches."""

    requests: ResourceMap = {"cpu": "100m", "memory": "64Mi"}
    """What the scheduler sets aside; left out: 100m of a CPU and 64Mi of memory."""
    limits: ResourceMap = {"memory": "256Mi"}
    """What the container may use; left out: 256Mi of memory, enough for files of any size, for they are streamed."""


class Download(ApiModel):
    """How the files of `s3` and `http` are fetched: by an init container of each pod, into a volume of the pod."""

    resources: FetchResources = FetchResources()
    """Requests and limits."""
    size_limit: QuantityString = "20Gi"
    """Most that the files may take on the node's disk; with `http`, archive and unpacked files together."""
    timeout_seconds: Annotated[int, Field(ge=10, le=86_400)] = 3600
    """How long fetching may take. It goes on where it was after that, but is reported as failed."""


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
    download: Download | None = None
    """How the files of `s3` and `http` are fetched."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="GLM201",
            cel="[has(self.configMap), has(self.persistentVolumeClaim), has(self.image), has(self.s3), has(self.http)]"
            ".filter(given, given).size() == 1",
            message="repository needs exactly one source of configMap, persistentVolumeClaim, image, s3, http",
            holds=lambda repository: sum(getattr(repository, source) is not None for source in SOURCES) == 1,
        ),
        Rule(
            code="GLM222",
            cel="!has(self.download) || has(self.s3) || has(self.http)",
            message="repository.download is for s3 and http only: the other sources are mounted; remove it",
            holds=lambda repository: repository.download is None or repository.fetched is not None,
        ),
    )

    @property
    def fetched(self) -> S3Source | HttpSource | None:
        """The source that a container has to fetch; None: it is a volume."""
        return self.s3 or self.http

    @property
    def address(self) -> str:
        """Where a fetched source's files come from; empty for a volume."""
        if self.s3 is not None:
            return self.s3.address
        return self.http.uri if self.http is not None else ""

    @property
    def effective_download(self) -> Download:
        """How they are fetched."""
        return self.download or Download()
