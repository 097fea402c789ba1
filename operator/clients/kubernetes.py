"""The Kubernetes API, as plain JSON objects: read, apply on the server's side, delete, tell.

Dictionaries and not the client's model classes: at thousands of objects those are most of a process's memory.
"""

import asyncio
import copy
import json
import os
import re
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, Self

import aiohttp
import orjson
from kubernetes.aio import client as aio_client
from kubernetes.aio import config as aio_config

from glm_operator.api import group
from glm_operator.clients.errors import ClusterError, RefusedError
from glm_operator.clients.retry import PASSING, wait_before_retry

Object = dict[str, Any]

REQUEST_TIMEOUT_SECONDS: Final = 20
CONNECTIONS: Final = 64

LIST_PAGE: Final = 500
WATCH_SECONDS: Final = 300
"""How long the server keeps a watch open."""
SILENT_SECONDS: Final = 70
"""A watch that has told nothing for so long is opened anew: the server sends a bookmark about once a minute."""

_METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
_METADATA: Final = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"

_JSON: Final = "application/json"
_JSON_HEADERS: Final = {"Accept": _JSON, "Content-Type": _JSON}

_APPLY_PATCH: Final = "application/apply-patch+yaml; charset=utf-8"
"""With the character set the client sends a text as it is, and doesn't take it for a value to be written as JSON."""
_NOT_PLAIN: Final = re.compile(r"[^\x20-\x7e]")
_UNTYPED: Final = "failed to create typed patch object"
"""How the API server begins to say, with a 500, that an applied object has a field that its kind doesn't have."""

_PATHS: Final[Mapping[str, tuple[str, str]]] = {
    "ServiceAccount": ("/api/v1", "serviceaccounts"),
    "ConfigMap": ("/api/v1", "configmaps"),
    "Service": ("/api/v1", "services"),
    "Secret": ("/api/v1", "secrets"),
    "Pod": ("/api/v1", "pods"),
    "Event": ("/api/v1", "events"),
    "Deployment": ("/apis/apps/v1", "deployments"),
    "PodDisruptionBudget": ("/apis/policy/v1", "poddisruptionbudgets"),
    "NetworkPolicy": ("/apis/networking.k8s.io/v1", "networkpolicies"),
    "Node": ("/api/v1", "nodes"),
    "CustomResourceDefinition": ("/apis/apiextensions.k8s.io/v1", "customresourcedefinitions"),
    "PodMetrics": ("/apis/metrics.k8s.io/v1beta1", "pods"),
    "SelfSubjectAccessReview": ("/apis/authorization.k8s.io/v1", "selfsubjectaccessreviews"),
    group.KIND: (f"/apis/{group.API_VERSION}", group.PLURAL),
}


def proxy_of(url: str) -> str | None:
    """The proxy that the environment names for an address (`HTTPS_PROXY`, `NO_PROXY`); None for none."""
    parts = urllib.parse.urlsplit(url)
    proxies = urllib.request.getproxies()
    if urllib.request.proxy_bypass(parts.netloc):
        return None
    return proxies.get(parts.scheme)


def path_of(kind: str, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
    """Path of an object, or of a list without `name`; without `namespace`, of all namespaces."""
    prefix, plural = _PATHS[kind]
    parts = [prefix, *(["namespaces", namespace] if namespace else []), plural, name, subresource]
    return "/".join(part for part in parts if part)


class Cluster:
    """A connection to one API server."""

    def __init__(self, api: Any, streams: Any) -> None:
        self._api = api
        self._streams = streams

    @classmethod
    async def connect(cls, context: str | None = None, kubeconfig: str | None = None) -> Self:
        """Connect with the pod's own credentials inside a cluster, else with the kubeconfig."""
        configuration = aio_client.Configuration()
        configuration.connection_pool_maxsize = CONNECTIONS
        if context is None and kubeconfig is None and "KUBERNETES_SERVICE_HOST" in os.environ:
            aio_config.load_incluster_config(client_configuration=configuration)
        else:
            await aio_config.load_kube_config(
                config_file=kubeconfig, client_configuration=configuration, context=context
            )
        # aiohttp would read `.netrc` and the environment for every request, each in a thread; the proxy never changes.
        configuration.client_session_kwargs = {"trust_env": False}
        configuration.proxy = configuration.proxy or proxy_of(configuration.host)
        # Watches keep their connections: they must not use up those of the requests.
        unlimited = copy.copy(configuration)
        unlimited.connection_pool_maxsize = 0
        return cls(aio_client.ApiClient(configuration), aio_client.ApiClient(unlimited))

    async def close(self) -> None:
        """Close all connections."""
        await self._api.close()
        await self._streams.close()

    async def version(self) -> str:
        """The API server's version, such as `v1.37.2`."""
        answer = await self._request("GET", "/version")
        return str(answer["gitVersion"])

    async def get(self, kind: str, namespace: str | None, name: str) -> Object | None:
        """The object; None when there is none.

        Raises:
            ClusterError: when the API server can't tell.
        """
        try:
            return await self._request("GET", path_of(kind, namespace, name))
        except ClusterError as error:
            if error.status == 404:  # noqa: PLR2004
                return None
            raise

    async def list_objects(self, kind: str, namespace: str | None, selector: str = "") -> list[Object]:
        """All objects that the label selector selects."""
        return (await self.list_all(kind, namespace, selector))[0]

    async def list_all(
        self, kind: str, namespace: str | None, selector: str = "", *, metadata_only: bool = False
    ) -> tuple[list[Object], str]:
        """The same, and the version that the list is of, from which a watch can go on. Read page by page."""
        accept = _METADATA_LIST if metadata_only else _JSON
        query = [("limit", str(LIST_PAGE)), *([("labelSelector", selector)] if selector else [])]
        objects: list[Object] = []
        more: list[tuple[str, str]] = []
        while True:
            answer = await self._request("GET", path_of(kind, namespace), query=[*query, *more], accept=accept)
            # The items of a list come without what the list says for all of them.
            named = {"apiVersion": answer["apiVersion"], "kind": kind}
            objects += [named | item for item in _items(answer)]
            if not answer["metadata"].get("continue"):
                # The metrics API's lists are of no version: they can't be watched.
                return objects, str(answer["metadata"].get("resourceVersion", ""))
            more = [("continue", answer["metadata"]["continue"])]

    async def watch(
        self, kind: str, namespace: str | None, selector: str, version: str, *, metadata_only: bool = False
    ) -> AsyncIterator[tuple[str, Object]]:
        """What happens after `version`: ADDED, MODIFIED, DELETED or BOOKMARK, and the object.

        Ends when the server ends it, which is usual; the next one goes on from the last object's version.

        Raises:
            ClusterError: the stream broke or went silent; with status 410, `version` is too old: all is to be listed.
        """
        path = path_of(kind, namespace)
        query = [("watch", "1"), ("allowWatchBookmarks", "true"), ("timeoutSeconds", str(WATCH_SECONDS))]
        query += [("resourceVersion", version), *([("labelSelector", selector)] if selector else [])]
        limits = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_TIMEOUT_SECONDS, sock_read=SILENT_SECONDS)
        try:
            headers = _JSON_HEADERS | {"Accept": _METADATA} if metadata_only else _JSON_HEADERS
            response = await self._send(self._streams, "GET", path, query=query, headers=headers, limits=limits)
            try:
                if response.status != 200:  # noqa: PLR2004
                    raise error_of(f"watch {path}", response.status, await response.read())
                async for line in response.response.content:
                    yield _watch_event(path, line)
            finally:
                response.response.close()
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise ClusterError(f"watch {path}: {type(error).__name__}: {error}") from error

    async def list_metadata(self, kind: str, namespace: str | None) -> list[Object]:
        """Metadata of all objects, which costs a fraction of the whole objects."""
        answer = await self._request("GET", path_of(kind, namespace), accept=_METADATA_LIST)
        return [item["metadata"] for item in _items(answer)]

    async def apply(self, body: Object) -> Object:
        """Server-side apply: make the named fields so, and own them."""
        return await self._apply(body, None, group.FIELD_MANAGER)

    async def apply_status(self, body: Object) -> Object:
        """The same for the status; 404 when the resource is gone, never a new one."""
        return await self._apply(body, "status", f"{group.FIELD_MANAGER}-status")

    async def set_pod_condition(self, namespace: str, name: str, condition: Object) -> None:
        """Set one condition of a pod, such as a readiness gate."""
        body = {"status": {"conditions": [condition]}}
        await self._request(
            "PATCH",
            path_of("Pod", namespace, name, "status"),
            body=body,
            content_type="application/strategic-merge-patch+json",
        )

    async def annotate(self, kind: str, namespace: str, name: str, annotations: Mapping[str, str | None]) -> None:
        """Set annotations of an object, and remove those that are None; all others stay."""
        await self._request(
            "PATCH",
            path_of(kind, namespace, name),
            body={"metadata": {"annotations": dict(annotations)}},
            content_type="application/merge-patch+json",
        )

    async def delete(self, kind: str, namespace: str, name: str) -> None:
        """Delete; an object that is gone already is fine."""
        try:
            await self._request("DELETE", path_of(kind, namespace, name))
        except ClusterError as error:
            if error.status != 404:  # noqa: PLR2004
                raise

    async def create(self, body: Object) -> Object:
        """Create an object that has no name of its own to apply, such as an Event."""
        return await self._request("POST", path_of(body["kind"], body["metadata"].get("namespace")), body=body)

    async def _apply(self, body: Object, subresource: str | None, manager: str) -> Object:
        metadata = body["metadata"]
        path = path_of(body["kind"], metadata["namespace"], metadata["name"], subresource)
        query = [("fieldManager", manager), ("force", "true")]
        return await self._request("PATCH", path, query=query, body=yaml_of(body), content_type=_APPLY_PATCH)

    async def _request(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        body: Object | str | None = None,
        content_type: str = _JSON,
        accept: str = _JSON,
    ) -> Object:
        headers = {"Accept": accept, "Content-Type": content_type}
        attempt = 1
        while True:
            status, told, data = await self._attempt(method, path, query=query, headers=headers, body=body)
            if status is not None and 200 <= status < 300:  # noqa: PLR2004
                answer: Object = orjson.loads(data)
                return answer
            error = _no_answer(method, path, data) if status is None else error_of(f"{method} {path}", status, data)
            wait = None if isinstance(error, RefusedError) else wait_before_retry(method, attempt, status, told)
            if wait is None:
                raise error
            await asyncio.sleep(wait)
            attempt += 1

    async def _attempt(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]],
        headers: Mapping[str, str],
        body: Object | str | None,
    ) -> tuple[int | None, Mapping[str, str], bytes]:
        """Status, headers and content of the answer; None for the status when the connection broke, and why.

        Raises:
            ClusterError: there was none in time; another try would take as long.
        """
        try:
            response = await self._send(self._api, method, path, query=query, headers=headers, body=body)
            return response.status, response.response.headers, await response.read()
        except TimeoutError as error:
            raise _no_answer(method, path, f"{type(error).__name__}: {error}".encode()) from error
        except (aiohttp.ClientError, OSError) as error:
            return None, {}, f"{type(error).__name__}: {error}".encode()

    @staticmethod
    async def _send(
        api: Any,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]],
        headers: Mapping[str, str] = _JSON_HEADERS,
        body: Object | str | None = None,
        limits: float | aiohttp.ClientTimeout = REQUEST_TIMEOUT_SECONDS,
    ) -> Any:
        request = await api.param_serialize(
            method,
            path,
            query_params=list(query),
            header_params=dict(headers),
            body=body,
            auth_settings=["BearerToken"],
        )
        return await api.call_api(*request, _request_timeout=limits)


def _items(answer: Object) -> list[Object]:
    """The items of a list; of an empty one as metadata the API server writes `null`."""
    return answer["items"] or []


def _watch_event(path: str, line: bytes) -> tuple[str, Object]:
    """One line of a watch.

    Raises:
        ClusterError: the server tells of an error in the stream.
        ValueError: it is none, since the stream was cut in the middle of a line.
    """
    event = orjson.loads(line)
    if event["type"] == "ERROR":
        status = event["object"]
        raise error_of(f"watch {path}", int(status.get("code", 0)), orjson.dumps(status))
    return str(event["type"]), event["object"]


def yaml_of(body: Object) -> str:
    """An object as YAML, as server-side apply wants it: JSON, but for characters outside the basic plane.

    JSON escapes those as two surrogates, which is an error in YAML.
    """
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return _NOT_PLAIN.sub(lambda found: _escaped(ord(found.group())), text)


def _escaped(code: int) -> str:
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004


def _no_answer(method: str, path: str, why: bytes) -> ClusterError:
    return ClusterError(f"{method} {path}: {why.decode(errors='replace')}")


def error_of(request: str, status: int, data: bytes) -> ClusterError:
    """The error of an answer, told apart by whether another try may help."""
    try:
        message = orjson.loads(data).get("message", "")
    except ValueError:
        message = data[:200].decode(errors="replace")
    retryable = (status in PASSING or status == 404) and not message.startswith(_UNTYPED)  # noqa: PLR2004
    kind = ClusterError if retryable else RefusedError
    return kind(f"{message or request} (HTTP {status})", status)
