"""What weights are decided by: the resource's rules, and the constants around them, each with its reason."""

from dataclasses import dataclass
from typing import Final

from glm_operator.api.traffic import CpuRule, Failover, IdleRule, LatencyRule, Weighting

MEAN_WEIGHT: Final = 1000
"""Weight of the average pod, before the rules. Envoy takes whole numbers from 1; their sum must fit 32 bits."""

CPU_FLOOR: Final = 0.05
LATENCY_FLOOR_MS: Final = 1.0
"""Idle and instant pods divide by zero; below these, differences say nothing."""
FAILURE_MS: Final = 5000.0
"""A failed request counts as one that took so long (Linkerd's penalty): else who fails fast wins the traffic."""

LOWEST_HEALTH: Final = 1 / 16
HIGHEST_HEALTH: Final = 4.0
"""Bounds of a pod's health against the middle pod's. The upper one bounds what a wrong measurement can win: one pod of
ten never gets more than a third."""
FLOOR: Final = 0.05
"""Least part of the average weight that a pod gets that isn't paused, so that its samples stay fresh."""

BLACKOUT_SECONDS: Final = 10.0
"""A new pod's first samples (cold caches) don't move its weight (gRPC A58); a pod is called unknown after as long."""
EXPIRY_SECONDS: Final = 180.0
"""After as long without a sample, a pod is worth what the average pod is (gRPC A58)."""
PROBE_AFTER_SECONDS: Final = 10.0
PROBE_TIME_CONSTANT: Final = 60.0
"""A pod that has answered nothing for so long drifts back to the average, until requests reach it again."""

LAG_SECONDS: Final = 5.0
"""The longest way from a weight to the sample that shows it for which the average is slow enough."""
DELAYS_PER_TIME_CONSTANT: Final = 4.0
BASE_GAIN: Final = 3.0
"""The formula's gain at half load; above it, the average gets slower as the gain grows."""
HIGHEST_UTILISATION: Final = 0.9
"""Utilisation that counts at most for the gain, and up to which the others have room for a slow pod's requests."""
LONGEST_STEP_SECONDS: Final = 10.0
"""A tick after a longer break counts as one of this length."""

BALANCE_TIME_CONSTANT: Final = 60.0
HIGHEST_BALANCE: Final = 2.0
"""How quickly, and by which factor at most, weights follow unequal utilisation."""
BALANCED_WITHIN: Final = 0.03
"""Difference from the mean utilisation, as a part of it, that is left as it is."""
LEAST_UTILISATION: Final = 0.1
"""Below it, the pods' utilisation is left as it is."""

SLOWER_RATIO: Final = 4.0
SLOWER_EXCESS_MS: Final = 20.0
SLOWER_SAMPLES: Final = 2
"""Against the middle pod in the same second, in as many samples in a row: less traffic at once."""
FAR_SLOWER_RATIO: Final = 20.0
FAR_SLOWER_EXCESS_MS: Final = 100.0
SURE_REQUESTS: Final = 5.0
"""So far off, one sample of so many requests is enough, or two of fewer: no traffic at once."""
USUAL_TIME_CONSTANT: Final = 60.0
HIGHEST_USUAL_RATIO: Final = 8.0
"""How quickly a pod's own ratio becomes what it is judged against, and what that is at most."""
OVERLOADED_ANSWERS: Final = 0.5
"""A pod that gives at least this part of the answers it owes isn't broken; with a busy CPU it is overloaded."""
MISSED_ANSWERS: Final = 15.0
MISSED_ANSWERS_QUEUED: Final = 8.0
"""Answers that a pod owes by its share and gave none of: that is chance once in three million seconds. Fewer will do
where requests are seen to wait besides."""
MISSED_LATENCIES: Final = 3.0
"""And it has been silent for as many times the usual latency: a slow model answers in lumps."""
DEEPEST_CUT: Final = 0.2
CUT_RECOVERY_SECONDS: Final = 5.0
"""How far a slower pod's weight falls at once at most, and the time constant of its way back."""

SILENT_MOST: Final = 0.5
MOST_PAUSED: Final = 0.5
"""Share of the pods that may be out at once, rounded down: never all, never the only one."""
FULL_UTILISATION: Final = 0.9
"""The others must be able to serve without the paused one at no more than this."""
TRIAL_REQUESTS_PER_SECOND: Final = 1.0
HIGHEST_TRIAL: Final = 0.05
LOWEST_TRIAL: Final = 0.001
"""A pod comes back with about one request a second, as a part of its weight between these bounds."""
DOUBLING_SECONDS: Final = 1.0
PROBING_DOUBLING_SECONDS: Final = 10.0
"""While it answers well, that part doubles so often; while no request reaches it, so often."""
LONGEST_PAUSE_SECONDS: Final = 30.0
"""A pod that fails its trial is paused for twice as long as before, up to this."""
OVERLOADED_PART: Final = 0.5
"""What is left of an overloaded pod's health after a pause: what it had was too much."""
TRIAL_RATIO: Final = 2.0
"""In its trial, a pod above the latency rule's threshold is slow only if the others aren't as slow."""

FAILING_SHARE: Final = 0.5
"""It fails its trial when more of its answers are failures than not, unless that is so with the other pods as well."""

REDUCED_BELOW: Final = 0.5
NOT_REDUCED_ABOVE: Final = 0.6
"""Parts of the average weight at which a pod is called Reduced for its health, and no longer."""
RULE_REDUCED_BELOW: Final = 0.95
RULE_NOT_REDUCED_ABOVE: Final = 0.99
"""The same for the CPU rule's factor, which is 1 where all pods are busy."""

PUBLISHED_CHANGE: Final = 0.05
PUBLISHED_EVERY_SECONDS: Final = 1.0
"""Envoy rebuilds its balancer with each change (envoy#14569)."""

ROUNDING: Final = 1e-6
"""Seconds by which sums of times may be off."""


DEFAULT: Final = Weighting()
DEFAULT_FAILOVER: Final = Failover()


@dataclass(frozen=True, slots=True)
class Rules:
    """What a resource asks for."""

    window_seconds: float = float(DEFAULT.window_seconds)
    cpu: CpuRule = DEFAULT.cpu_rule
    latency: LatencyRule = DEFAULT.latency_rule
    idle: IdleRule = DEFAULT.idle_rule
    heartbeat_seconds: float = float(DEFAULT_FAILOVER.heartbeat_timeout_seconds)
    """Silence after which a pod is paused."""


def rules_of(weighting: Weighting, failover: Failover) -> Rules:
    """The rules that a resource asks for."""
    return Rules(
        window_seconds=float(weighting.window_seconds),
        cpu=weighting.cpu_rule,
        latency=weighting.latency_rule,
        idle=weighting.idle_rule,
        heartbeat_seconds=float(failover.heartbeat_timeout_seconds),
    )
