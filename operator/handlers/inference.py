"""What the watches tell of GLMInferences and their children: the owner becomes due for a look.

Plain event handlers, and not kopf's create/update/timer ones: those store the last handled spec in an annotation (256
KiB at most), add a finalizer that blocks deletion while the operator is away, and react to edges
(docs/decisions/0001-level-triggered-queue.md).
"""

import kopf

from glm_operator.api import group
from glm_operator.api.inference import RESOURCE
from glm_operator.reconcile.services import Services


@kopf.on.event(*RESOURCE)
async def inference_changed(namespace: str | None, name: str, meta: kopf.Meta, memo: kopf.Memo, **_: object) -> None:
    """A resource was listed, added, changed or deleted."""
    services: Services = memo.services
    await services.heard(namespace or "", name, meta["resourceVersion"])


@kopf.on.event("apps", "v1", "deployments", labels={group.LABEL_INFERENCE: kopf.PRESENT})
@kopf.on.event("", "v1", "pods", labels={group.LABEL_INFERENCE: kopf.PRESENT})
async def child_changed(
    namespace: str | None, labels: kopf.Labels, resource: kopf.Resource, memo: kopf.Memo, **_: object
) -> None:
    """A Deployment or a pod of a resource was listed, added, changed or deleted."""
    services: Services = memo.services
    await services.child_changed(resource.plural, namespace or "", labels[group.LABEL_INFERENCE])
