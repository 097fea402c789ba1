"""CPU use of pods as shares, kept up to date in the background of the rounds: the sources change every 15 s or so."""

import asyncio
from collections.abc import Mapping
from typing import Final

from glm_operator.clients.errors import ClusterError
from glm_operator.clients.kubernetes import Cluster
from glm_operator.observability.log import log
from glm_operator.telemetry.cpu import CpuSourceError, PodName, UsageTable, cores_of_nodes, share
from glm_operator.telemetry.cpu_sources import CpuSource
from glm_operator.telemetry.target import Target

REFRESH_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 60.0
"""A cluster without a metrics API is asked again so often: it may get one."""
NODES_SECONDS: Final = 300.0


class CpuUse:
    """What the source told last, as shares of what each pod may use."""

    def __init__(self, source: CpuSource | None, cluster: Cluster | None) -> None:
        """`source`: None for none. `cluster`: where nodes are listed, for pods without a limit; None for nowhere."""
        self._source = source
        self._cluster = cluster
        self._table = UsageTable()
        self._nodes: Mapping[str, float] = {}
        self._due = self._nodes_due = -float("inf")
        self._problem = ""
        self._asked = False
        self._task: asyncio.Task[None] | None = None

    @property
    def problem(self) -> str:
        """Why the source told nothing last time; empty when it did."""
        return self._problem

    def refresh(self, now: float, nodes: bool) -> asyncio.Task[None] | None:
        """Begin to ask the source when it is time to.

        Args:
            now: seconds on the monotonic clock.
            nodes: whether the sizes of nodes are needed.

        Returns:
            The first time that is asked, which is worth waiting for a little; None later.
        """
        under_way = self._task is not None and not self._task.done()
        if not under_way and self._source is not None and now >= self._due:
            self._due = now + REFRESH_SECONDS
            self._task = asyncio.create_task(self._refresh(self._source, now, nodes), name="cpu")
        return None if self._asked else self._task

    def share(self, target: Target, now: float, of_node: float | None) -> float | None:
        """The share that a pod's server uses; None when it isn't known.

        Args:
            target: the pod.
            now: seconds on the monotonic clock.
            of_node: how busy its whole node is, as Triton sees it. It stands in only where no pod's share could be
                told: one pod's own share and another's node can't be compared.
        """
        node = self._nodes.get(target.node)
        if not self._table.any_at(now) or (target.cpu_limit_cores is None and node is None):
            return of_node
        return share(self._table.cores(PodName(target.namespace, target.name), now), target.cpu_limit_cores, node)

    async def close(self) -> None:
        """Stop asking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._source is not None:
            await self._source.close()

    async def _refresh(self, source: CpuSource, now: float, nodes: bool) -> None:
        if nodes:
            await self._refresh_nodes(now)
        try:
            self._table.told(await source.read(), now)
        except CpuSourceError as error:
            self._tell(str(error))
            self._due = now + RETRY_SECONDS
        else:
            self._tell("")
        self._asked = True

    async def _refresh_nodes(self, now: float) -> None:
        if self._cluster is None or now < self._nodes_due:
            return
        self._nodes_due = now + NODES_SECONDS
        try:
            self._nodes = cores_of_nodes(await self._cluster.list_objects("Node", None))
        except ClusterError as error:
            log.warning(
                "nodes can't be listed: the CPU of pods without a limit is that of their node",
                extra={"error": str(error)},
            )

    def _tell(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            log.info("CPU use of pods", extra={"problem": problem or "none"})
