"""The rivals are what they are said to be: the numbers of Kubernetes' and Knative's own tests."""

import pytest

from glm_operator.cli.backtest.scaling.hpa import Hpa, replicas_by_pods, replicas_by_total, replicas_by_value
from glm_operator.cli.backtest.scaling.kpa import Kpa


@pytest.mark.parametrize(
    ("levels", "missing", "target", "current", "expected"),
    [
        pytest.param([20_000, 10_000, 30_000], 0, 15_000, 3, 4, id="a third more than the target"),
        pytest.param([50_000, 10_000, 30_000], 0, 15_000, 3, 6, id="unready but hot pods still count"),
        pytest.param([400, 95], 2, 1000, 4, 3, id="on the way in, pods without a metric count as at their target"),
        pytest.param([1000], 1, 1000, 2, 2, id="at the target, missing ones change nothing"),
        pytest.param([1450], 1, 1000, 2, 2, id="idle missing ones would turn the direction: hold"),
        pytest.param([900], 1, 1000, 2, 2, id="and so on the way in: within tolerance then"),
    ],
)
def test_hpa_by_a_metric_of_each_pod(levels, missing, target, current, expected):
    assert replicas_by_pods(levels, missing, target, current) == expected


def test_hpa_without_any_pods_metric_is_an_error():
    with pytest.raises(ValueError, match="no pod has the metric"):
        replicas_by_pods([], 4, 100, 4)


@pytest.mark.parametrize(
    ("total", "target", "current", "expected"),
    [
        pytest.param(20_000, 5_000, 3, 4, id="out by a total"),
        pytest.param(8_600, 2_867, 5, 3, id="in by a total"),
        pytest.param(20_166, 5_000, 4, 4, id="within tolerance of four"),
        pytest.param(0, 5_000, 4, 0, id="no load wants no pod"),
        pytest.param(100, 5_000, 0, 1, id="from zero there is no tolerance"),
    ],
)
def test_hpa_by_a_total_shared_out(total, target, current, expected):
    assert replicas_by_total(total, target, current) == expected


@pytest.mark.parametrize(
    ("value", "target", "expected"),
    [
        pytest.param(8_600, 8_888, 3, id="within tolerance"),
        pytest.param(20_000, 15_000, 4, id="a third more"),
        pytest.param(4_000, 8_000, 2, id="half"),
    ],
)
def test_hpa_by_a_value(value, target, expected):
    assert replicas_by_value(value, target, 3, 3) == expected


def test_hpa_by_default_doubles_from_ten_to_twenty_when_fifty_are_wanted():
    assert Hpa(1.0).replicas((50.0,), 10, 0.0) == 20


def test_hpa_scales_in_after_five_minutes():
    hpa = Hpa(1.0)
    assert [hpa.replicas((load,), 10, at) for at, load in ((0.0, 10.0), (15.0, 2.0), (300.0, 2.0))] == [10, 10, 10]
    assert hpa.replicas((2.0,), 10, 316.0) == 2


def test_hpa_takes_the_largest_of_its_metrics():
    assert Hpa(1.0).replicas((10.0, 14.0), 10, 0.0) == 14


def kpa(target=1.0, **fields):
    return Kpa(target, max_up_rate=10.0, max_down_rate=10.0, **fields)


def test_kpa_panics_extends_and_calms_down():
    scaler = kpa()
    assert scaler.replicas(11, 25, ready=10, now=0.0) == 25
    assert scaler.replicas(30, 41, ready=40, now=30.0) == 41
    assert scaler.panicked_at == 0.0
    assert scaler.replicas(50, 56, ready=55, now=62.0) == 50
    assert scaler.panicked_at is None


def test_kpa_extends_its_panic_while_the_surge_goes_on():
    scaler = kpa()
    assert scaler.replicas(11, 25, ready=10, now=0.0) == 25
    assert scaler.replicas(30, 80, ready=40, now=30.0) == 80
    assert scaler.panicked_at == 30.0


def test_kpa_follows_an_exponential_rise():
    scaler, ready, seen = kpa(), 1, []
    for second, load in enumerate((6, 36, 216, 1296, 1296)):
        ready = scaler.replicas(load, load, ready, float(second))
        seen.append(ready)
    assert seen == [6, 36, 216, 1296, 1296]


@pytest.mark.parametrize(
    ("scaler", "stable", "burst", "ready", "expected"),
    [
        pytest.param(Kpa(1.0, max_up_rate=1.1), 3, 3.1, 2, 3, id="up-rate 1.1: at least one more than two"),
        pytest.param(Kpa(10.0, max_down_rate=1.1), 1, 1, 100, 90, id="down-rate 1.1: a hundred to ninety"),
        pytest.param(kpa(10.0), 1000, 1001, 1, 10, id="up-rate 10 limits"),
        pytest.param(kpa(10.0), 1, 1, 100, 10, id="down-rate 10 limits"),
        pytest.param(kpa(10.0), 50, 100, 1, 10, id="the panic window goes before the stable one"),
        pytest.param(kpa(panicked_at=-5.0, panic_pods=5), 50, 30, 5, 50, id="unless the stable one is larger"),
        pytest.param(kpa(), None, None, 3, None, id="no data, no decision"),
    ],
)
def test_kpa_decides(scaler, stable, burst, ready, expected):
    assert scaler.replicas(stable, burst, ready, 0.0) == expected


def test_kpa_scales_in_sixty_one_seconds_after_a_panic():
    scaler = kpa(10.0)
    assert scaler.replicas(100, 1000, ready=10, now=0.0) == 100
    assert scaler.replicas(1, 1, ready=10, now=30.0) == 100
    assert scaler.replicas(1, 1, ready=10, now=61.0) == 1


@pytest.mark.parametrize(("ready", "panics"), [(0, False), (1, False), (2, True)])
def test_kpa_starts_in_panic_when_it_finds_several_pods(ready, panics):
    scaler = Kpa.created(1.0, ready, now=7.0)
    assert (scaler.panicked_at, scaler.panic_pods) == (7.0 if panics else None, ready)
