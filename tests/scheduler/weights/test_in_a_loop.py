"""The loop around queues that answer it: it doesn't swing, it drains what is broken, and it evens out utilisation."""

from itertools import product

import pytest

from glm_operator.api.status import EndpointStatus
from glm_operator.scheduler.weights.state import WeightState
from pod_queues import Load, Pod, shares_of, swing

RATE = 200.0
SETTLING = 240
"""Ticks."""

LAGS = (0, 1, 2, 3, 5)

CASES = [
    pytest.param(count, load, lag, id=f"{count} pods at {load:.0%} with {lag} ticks of lag")
    for (load, lags), count in product(((0.5, LAGS), (0.7, LAGS), (0.85, LAGS[:-1])), (2, 3, 10))
    for lag in lags
]


def pods_at(load, count, lag=0, weights=(), seed=1):
    """Equal pods, whose weights begin at `weights` and then at the average."""
    names = [f"pod-{number}" for number in range(count)]
    status = [
        EndpointStatus(pod=name, weight=weights[number] if number < len(weights) else 1000, state="Active")
        for number, name in enumerate(names)
    ]
    return Load(
        pods={name: Pod(RATE) for name in names},
        requests=load * RATE * count,
        lag=lag,
        state=WeightState.from_weights(status),
        seed=seed,
    )


@pytest.mark.parametrize(("count", "load", "lag"), CASES)
def test_the_settled_shares_swing_by_at_most_5_points(count, load, lag):
    # One pod begins with far too much, so that it is overloaded at first, and one with too little.
    loop = pods_at(load, count, lag, weights=(2500, 400))
    loop.run(SETTLING)
    settled = loop.run(100)
    assert swing(loop.published[-100:]) <= 5.0
    even = 1 / count
    assert all(abs(one.share - even) <= 0.05 for one in settled[-1].endpoints)
    assert sum(one.publish for one in settled) < 20, "and little of it is worth publishing"


@pytest.mark.parametrize("rates", [(100.0, 200.0), (100.0, 150.0, 200.0, 250.0, 300.0)], ids=str)
@pytest.mark.parametrize("load", [0.3, 0.5, 0.7, 0.85])
def test_pods_of_unequal_size_come_to_equal_utilisation(rates, load):
    pods = {f"pod-{rate:.0f}": Pod(rate) for rate in rates}
    loop = Load(pods, load * sum(rates), lag=1)
    loop.run(500)
    settled = loop.run(100)
    shares = {name: sum(shares_of(settled, name)) / len(settled) for name in pods}
    used = [share * loop.requests / pods[name].rate for name, share in shares.items()]
    assert max(used) / (sum(used) / len(used)) <= 1.05
    assert swing(loop.published[-100:]) <= 5.0


@pytest.mark.parametrize("count", [2, 3, 10])
@pytest.mark.parametrize("load", [0.3, 0.4], ids="{:.0%} of the capacity".format)
def test_a_pod_that_answers_in_2_s_is_drained_within_2_ticks_and_comes_back_half_open(count, load):
    loop = pods_at(load, count)
    loop.run(30)
    slow = loop.pods["pod-0"]
    slow.extra_seconds = 2.0
    drained = shares_of(loop.run(12), "pod-0")
    assert 0.0 in drained[:2]
    assert sum(drained[2:]) < 0.15, "and is tried with about a request a second"
    slow.extra_seconds = 0.0
    back = loop.run(90)
    first = next(decision.endpoints[0] for decision in back if decision.endpoints[0].weight is not None)
    assert first.reason == "HalfOpen"
    assert first.share < 0.02
    assert back[-1].endpoints[0].share > 0.7 / count


def test_a_pod_that_stays_slow_harms_fewer_and_fewer_requests():
    loop = pods_at(0.5, 10)
    loop.run(30)
    loop.pods["pod-0"].extra_seconds = 2.0
    harmed = []
    for _ in range(3):
        before = loop.harmed
        loop.run(60)
        harmed.append(loop.harmed - before)
    assert harmed[0] < 1.3 * loop.requests / 10, "hardly more than in the second before it is noticed"
    assert harmed[1] < 20
    assert harmed[2] < 20


@pytest.mark.parametrize("failing", [1.0, 0.5, 0.1])
def test_a_pod_that_fails_fast_loses_the_traffic(failing):
    loop = pods_at(0.5, 5)
    loop.run(30)
    loop.pods["pod-0"].failing = failing
    shares = shares_of(loop.run(60), "pod-0")
    assert 0.0 in shares[:2]
    assert sum(shares) / len(shares) < 0.05


def test_a_pod_that_fails_one_in_a_hundred_gets_less():
    loop = pods_at(0.5, 5)
    loop.run(30)
    loop.pods["pod-0"].failing = 0.01
    assert shares_of(loop.run(60), "pod-0")[-1] < 0.15


def test_bad_requests_that_fail_everywhere_move_nothing():
    loop = pods_at(0.5, 5)
    loop.run(30)
    for pod in loop.pods.values():
        pod.failing = 0.3
    settled = loop.run(60)
    assert swing(loop.published[-60:]) <= 5.0
    assert all(one.weight is not None for decision in settled for one in decision.endpoints)


def test_a_surge_that_slows_all_pods_pauses_none():
    loop = pods_at(0.5, 5)
    loop.run(30)
    loop.requests *= 2.4
    surge = loop.run(30)
    assert all(one.weight is not None for decision in surge for one in decision.endpoints)
    assert swing(loop.published[-30:]) <= 5.0
    loop.requests /= 2.4
    loop.run(SETTLING)
    loop.run(60)
    assert swing(loop.published[-60:]) <= 5.0


def test_a_pod_that_shares_its_cpu_for_a_while_gives_traffic_away_within_2_ticks_and_gets_it_back():
    loop = pods_at(0.6, 10)
    loop.run(30)
    loop.pods["pod-0"].rate = RATE / 2
    crowded = shares_of(loop.run(10), "pod-0")
    assert min(crowded[:4]) < 0.05
    loop.pods["pod-0"].rate = RATE
    assert shares_of(loop.run(40), "pod-0")[-1] > 0.05


def test_the_same_load_and_seed_give_the_same_run():
    one, other = (pods_at(0.7, 3, lag=2, seed=7).run(60) for _ in range(2))
    assert one == other


def test_a_loop_that_ticks_late_settles_as_well():
    loop = pods_at(0.7, 3, weights=(2500, 400))

    def late(tick):
        if tick % 7 == 0:
            loop.now += 2.0

    loop.run(SETTLING, late)
    loop.run(60, late)
    assert swing(loop.published[-60:]) <= 5.0
