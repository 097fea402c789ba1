"""What the watch tells of GLMInferences: they become due for a look.

Plain event handlers, and not kopf's create/update/timer ones: those store the last handled spec in an annotation (256
KiB at most), add a finalizer that blocks deletion while the operator is away, and react to edges
(docs/decisions/0001-level-triggered-queue.md). The children's watches are informers (decision 6).
"""

import kopf

from glm_operator.api.inference import RESOURCE
from glm_operator.reconcile.services import Services


@kopf.on.event(*RESOURCE)
async def inference_changed(
    namespace: str | None, name: str, meta: kopf.Meta, event: kopf.RawEvent, memo: kopf.Memo, **_: object
) -> None:
    """A resource was listed, added, changed or deleted."""
    services: Services = memo.services
    if event["type"] == "DELETED":
        await services.gone(namespace or "", name)
    else:
        await services.heard(namespace or "", name, meta["resourceVersion"])
