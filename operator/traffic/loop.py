"""Once a second: gather samples of all pods, decide who gets how much, tell the gateway, note what is worth telling.

The gateway is told nothing before everything has been listed once: an operator that has just started knows of no
resource, and would take them all from it. While the operator is away, the gateway goes on with what it was told last.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from glm_operator.api.status import MAX_DECISIONS
from glm_operator.gateway.server import Programmed
from glm_operator.gateway.store import ConfigStore
from glm_operator.gateway.traffic import GatewaySettings, ResourceKey, ResourceTraffic
from glm_operator.observability.log import log
from glm_operator.observability.traffic_metrics import Owner, TrafficMetrics
from glm_operator.resources.names import Object
from glm_operator.resources.triton_deployment import PRE_STOP_SECONDS
from glm_operator.scheduler.sample import PodSample
from glm_operator.scheduler.weights.decide import Observation, decide
from glm_operator.scheduler.weights.decision import WeightDecision
from glm_operator.scheduler.weights.rules import rules_of
from glm_operator.scheduler.weights.state import WeightState
from glm_operator.status.decisions import Decision
from glm_operator.status.traffic_decisions import traffic_decisions
from glm_operator.telemetry.target import Target, target_of
from glm_operator.telemetry.telemetry import Telemetry
from glm_operator.traffic.crew import Crew
from glm_operator.traffic.hurry import patience_seconds
from glm_operator.traffic.programme import resource_traffic, weights_of
from glm_operator.traffic.report import TrafficReport, first_report, next_report, shown_of, statuses_of
from glm_operator.traffic.served import Served, weighed
from glm_operator.traffic.verdict import Progress, is_behind, traffic_verdict

TICK_SECONDS: Final = 1.0

PodsOf = Callable[[str, str], Sequence[Object]]
"""All pods of the resource with this namespace and name, as the watch knows them."""
ProgrammedOf = Callable[[ResourceKey], Programmed]
OnNews = Callable[[ResourceKey], Awaitable[None]]
"""Is told of a resource whose status has something new to say."""


@dataclass(slots=True)
class _Known:
    """What the loop remembers of a resource."""

    served: Served
    state: WeightState
    report: TrafficReport
    weights: dict[str, int | None] = field(default_factory=dict)
    """As last published."""
    decided: WeightDecision | None = None
    patience: float | None = None
    """Seconds that a request waits for one pod before another is asked as well."""
    behind_since: float | None = None
    problem: str = ""
    """Why the gateway can't be told of it; empty when it can."""
    ending_since: dict[str, float] = field(default_factory=dict)
    untold: list[Decision] = field(default_factory=list)
    """As many as a status keeps."""

    def still_there(self, crew: Crew, now: float) -> Crew:
        """The crew without the pods that have been ending for so long that they wait for idle connections alone."""
        self.ending_since = {pod: self.ending_since.get(pod, now) for pod in crew.ending}
        return crew.without(pod for pod, since in self.ending_since.items() if now - since >= PRE_STOP_SECONDS)


class TrafficLoop:
    """Weights for all resources whose requests go through the gateway."""

    def __init__(
        self,
        store: ConfigStore,
        settings: GatewaySettings,
        telemetry: Telemetry,
        metrics: TrafficMetrics,
        pods_of: PodsOf,
        envoys: Callable[[], int],
        programmed: ProgrammedOf,
        on_news: OnNews,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._settings = settings
        self._envoys = envoys
        self._telemetry = telemetry
        self._metrics = metrics
        self._pods_of = pods_of
        self._programmed = programmed
        self._on_news = on_news
        self._monotonic = monotonic
        self._known: dict[ResourceKey, _Known] = {}

    def begin(self, served: Mapping[ResourceKey, Served]) -> None:
        """All resources that there are; from the first tick after it on, the gateway is told."""
        for each in served.values():
            self.serve(each)

    def serve(self, served: Served) -> None:
        """A resource is as this says from now on."""
        known = self._known.get(served.key)
        if known is None:
            self._known[served.key] = _Known(
                served,
                WeightState.from_weights(weighed(served.endpoints)),
                first_report(served.endpoints, self._monotonic()),
            )
        else:
            known.served = served

    def forget(self, key: ResourceKey) -> None:
        """A resource is gone, or its requests go another way."""
        if self._known.pop(key, None) is not None:
            self._store.withdraw(key)

    def report(self, key: ResourceKey) -> TrafficReport | None:
        """What stands in the status of a resource; None for one that the loop doesn't know."""
        known = self._known.get(key)
        return None if known is None else known.report

    def take_decisions(self, key: ResourceKey) -> tuple[Decision, ...]:
        """Decisions about a resource that nobody was told of yet; whoever takes them tells."""
        known = self._known.get(key)
        if known is None:
            return ()
        untold, known.untold = tuple(known.untold), []
        return untold

    async def run(self) -> None:
        """Work until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await self.tick()
            await asyncio.sleep(max(0.0, TICK_SECONDS - (loop.time() - began)))

    async def tick(self) -> None:
        """One round for all resources."""
        with self._metrics.update():
            crews = {key: self._crew(known.served) for key, known in self._known.items()}
            samples = await self._samples(crews)
            now = self._monotonic()
            # Resources that came or went while the pods were read are the next round's.
            present = [key for key in crews if key in self._known]
            decided = (self._decided_or_as_before(key, crews[key], samples[key], now) for key in present)
            traffic = [each for each in decided if each is not None]
            self._store.use(replace(self._settings, envoys=max(1, self._envoys())))
            problems = self._store.publish(*traffic) if self._store.whole else self._store.publish_all(traffic)
        for key in present:
            self._known[key].problem = problems.get(key, "")
        self._metrics.keep(Owner(*key) for key in self._known)
        for key in present:
            if self._has_news(key, now):
                await self._on_news(key)

    def _crew(self, served: Served) -> Crew:
        pods = self._pods_of(served.namespace, served.name)
        return Crew.of(served.name, pods, served.pods, served.traffic.failover.standby_replicas)

    async def _samples(self, crews: Mapping[ResourceKey, Crew]) -> dict[ResourceKey, dict[str, PodSample | None]]:
        """The newest sample of each pod, by resource and name."""
        targets: dict[tuple[ResourceKey, str], Target] = {
            (key, member.name): target_of(member.body, self._known[key].served.steps)
            for key, crew in crews.items()
            for member in crew.members
        }
        began = self._monotonic()
        read = await self._telemetry.read(list(targets.values()), began)
        self._metrics.read(self._monotonic() - began, len(targets), len(self._telemetry.problems))
        found: dict[ResourceKey, dict[str, PodSample | None]] = {key: {} for key in crews}
        for (key, name), target in targets.items():
            found[key][name] = read.get(target.uid)
        return found

    def _decided_or_as_before(
        self, key: ResourceKey, crew: Crew, samples: Mapping[str, PodSample | None], now: float
    ) -> ResourceTraffic | None:
        """A resource that can't be decided about must not end the loop for the others: its requests go on as before."""
        try:
            return self._decided(self._known[key], crew, samples, now)
        except Exception as error:  # whatever it is, it is a bug, and the others' traffic depends on this loop
            log.error("weights could not be decided", extra={"namespace": key[0], "inference": key[1]}, exc_info=error)
            return self._store.traffic.get(key)

    def _decided(
        self, known: _Known, crew: Crew, samples: Mapping[str, PodSample | None], now: float
    ) -> ResourceTraffic:
        served = known.served
        seen = Observation(samples, paused=crew.paused, standby=crew.standby, draining=crew.ending)
        rules = rules_of(served.traffic.weighting, served.traffic.failover)
        decision, known.state = decide(seen, rules, known.state, now)
        if decision.publish:
            known.weights = weights_of(decision)
        known.untold = [*known.untold, *traffic_decisions(decision, known.decided)][-MAX_DECISIONS:]
        known.decided = decision
        self._metrics.show(Owner(*served.key), shown_of(decision, samples))
        if served.uniform:
            typical = next((each.basis.typical_ms for each in decision.endpoints), None)
            known.patience = patience_seconds(known.patience, typical)
        traffic = resource_traffic(served, known.still_there(crew, now), known.weights, known.patience)
        verdict = traffic_verdict(self._progress(known, now))
        known.report = next_report(known.report, statuses_of(decision, samples), verdict, now)
        return traffic

    def _progress(self, known: _Known, now: float) -> Progress:
        key = known.served.key
        programmed = self._programmed(key)
        behind = is_behind(programmed)
        known.behind_since = (known.behind_since if known.behind_since is not None else now) if behind else None
        return Progress(
            told=self._store.traffic.get(key),
            programmed=programmed,
            problem=known.problem,
            behind_seconds=0.0 if known.behind_since is None else now - known.behind_since,
        )

    def _has_news(self, key: ResourceKey, now: float) -> bool:
        known = self._known[key]
        return bool(known.untold) or known.report.changed_at == now
