"""Settings of the operator, from environment variables that the chart sets."""

from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from glm_operator.api.allowed_urls import DEFAULT_ALLOWED_URLS, AllowedUrls
from glm_operator.resources.triton_deployment import Images
from glm_operator.telemetry.cpu import check_prometheus_url

PREFIX: Final = "GLM_"


class InvalidSettingsError(Exception):
    """The environment holds a value that can't be used; the message names the variable."""


def _list_of_urls(text: str) -> str:
    AllowedUrls.parse(text)
    return text


def _prometheus_url(text: str) -> str:
    if text:
        check_prometheus_url(text)
    return text


class Settings(BaseModel):
    """Environment variables, each `GLM_` and the field's name in capitals."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    runtime_image: Annotated[str, Field(min_length=1)]
    """Triton image of resources that name none."""
    repository_image: Annotated[str, Field(min_length=1)]
    """Image of the init container that lays out the model repository: the operator's own."""
    image_pull_policy: str = "IfNotPresent"
    """Pull policy of both."""
    repository_urls: Annotated[str, AfterValidator(_list_of_urls)] = DEFAULT_ALLOWED_URLS
    """Where `spec.repository.s3` and `.http` may fetch from: prefixes, comma-separated; empty: from nowhere."""
    namespaces: str = ""
    """Namespaces to serve, comma-separated; empty: all."""
    resync_seconds: Annotated[float, Field(ge=5)] = 60.0
    """How often a settled resource is looked at without an event; less often where there are very many."""
    workers: Annotated[int, Field(ge=1, le=256)] = 32
    """Resources that are looked at in parallel. A look waits for its servers, and those that can't be reached cost it
    seconds: there must be enough of them that dead servers don't hold up the others."""
    prometheus_url: Annotated[str, AfterValidator(_prometheus_url)] = ""
    """Prometheus that scrapes the kubelets, for the CPU use of pods; empty: the metrics API is asked."""
    metrics_port: Annotated[int, Field(ge=1, le=65535)] = 8080
    """Port of the operator's own metrics and health."""
    silent_watch_seconds: Annotated[float, Field(ge=60)] = 180.0
    """How long a watch may miss a change that a list shows, before the operator asks to be started anew."""
    gateway_enabled: bool = False
    """Whether the chart's gateway is there, for resources with `traffic.provider: Envoy`."""
    gateway_namespace: str = ""
    """Namespace of the operator and the gateway."""
    gateway_service: str = "glm-operator-gateway"
    """The gateway's Service, which clients ask."""
    gateway_secret: str = "glm-operator-gateway"  # noqa: S105
    """Secret with the certificates of the stream between operator and gateway."""
    xds_service: str = "glm-operator-xds"
    """The Service through which the gateway asks the operator for its configuration."""
    xds_port: Annotated[int, Field(ge=1, le=65535)] = 18000
    """The port of that."""
    cluster_domain: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")] = "cluster.local"
    """The cluster's DNS domain."""

    @model_validator(mode="after")
    def _gateway_has_a_place(self) -> Self:
        if self.gateway_enabled and not self.gateway_namespace:
            raise ValueError(f"{PREFIX}GATEWAY_NAMESPACE is needed with {PREFIX}GATEWAY_ENABLED")
        return self

    @property
    def gateway_host(self) -> str | None:
        """The name by which pods find the gateway; None without one."""
        if not self.gateway_enabled:
            return None
        return f"{self.gateway_service}.{self.gateway_namespace}.svc.{self.cluster_domain}"

    @property
    def xds_names(self) -> tuple[str, ...]:
        """The names that the gateway may find the operator by; its certificate holds them."""
        short = f"{self.xds_service}.{self.gateway_namespace}.svc"
        return (short, f"{short}.{self.cluster_domain}")

    @property
    def images(self) -> Images:
        """As the builders take them."""
        return Images(self.runtime_image, self.repository_image, self.image_pull_policy, self.repository_urls)

    @property
    def scopes(self) -> tuple[str | None, ...]:
        """Namespaces to serve; a single None: all."""
        return tuple(name.strip() for name in self.namespaces.split(",") if name.strip()) or (None,)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from the environment.

    Raises:
        InvalidSettingsError: naming every variable that is missing or wrong.
    """
    values = {key.removeprefix(PREFIX).lower(): value for key, value in environment.items() if key.startswith(PREFIX)}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise InvalidSettingsError("; ".join(_problem(each) for each in error.errors())) from None


def _problem(error: ErrorDetails) -> str:
    variable = f"{PREFIX}{str(error['loc'][0]).upper()}: " if error["loc"] else ""
    return f"{variable}{error['msg']}"
