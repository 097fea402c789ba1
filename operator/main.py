"""Start-up: `kopf run -m glm_operator.main`. The only place that wires things together."""

import os
from typing import Final

import kopf

from glm_operator.handlers import inference
from glm_operator.handlers.lasting_watches import make_watches_last
from glm_operator.observability.log import configure
from glm_operator.reconcile.services import Services
from glm_operator.reconcile.settings import InvalidSettingsError, read_settings

HANDLERS: Final = (inference.inference_changed,)
"""kopf knows a handler from the moment its module is imported."""


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: object) -> None:
    """Configure kopf and start the loops."""
    configure()
    _configure_kopf(settings)
    try:
        memo.services = await Services.start(read_settings(os.environ))
    except InvalidSettingsError as error:
        raise kopf.PermanentError(f"settings: {error}") from None


@kopf.on.cleanup()
async def stop(memo: kopf.Memo, **_: object) -> None:
    """Stop the loops."""
    if "services" in memo:
        await memo.services.stop()


def _configure_kopf(settings: kopf.OperatorSettings) -> None:
    # One replica with `Recreate`, and every write is idempotent: kopf's peering would only freeze an operator.
    settings.peering.standalone = True
    settings.posting.enabled = False
    # No watch of CRDs and namespaces, so no right to read them either.
    settings.scanning.disabled = True
    # The server ends a watch before the client gives it up, and a silent one is opened anew.
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.connect_timeout = 10
    # A watch whose retries are used up begins anew: it must not wait long within one of them. No list takes a minute.
    make_watches_last()
    settings.networking.error_backoffs = (1, 1, 2, 3, 5)
    settings.networking.request_timeout = 60
    settings.networking.connect_timeout = 10
    # kopf keeps a worker for each object; ours only pass a key on, so there is nothing to limit or to keep.
    settings.queueing.worker_limit = None
    settings.queueing.idle_timeout = 0.5
