"""What is read from a metrics text is what prometheus_client's own parser reads from it, or nothing."""

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from glm_operator.telemetry.exposition import (
    MAX_LABEL_BYTES,
    MAX_SERIES,
    Counters,
    UnreadableTextError,
    parse_exposition,
)
from telemetry.samples import AFTER, BEFORE

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

SUCCESS, FAILURE, DURATION = (
    "nv_inference_request_success",
    "nv_inference_request_failure",
    "nv_inference_request_duration_us",
)
PENDING, CPU, GPU = "nv_inference_pending_request_count", "nv_cpu_utilization", "nv_gpu_utilization"
FAMILIES = (SUCCESS, FAILURE, DURATION, PENDING, CPU, GPU)
CUT = b"nv_cpu_utilization 0.5"


def reference(text):
    """The same by the general parser."""
    values = {family: {} for family in FAMILIES}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            name = sample.name.removesuffix("_total")  # which the parser gives to every counter
            if name in values:
                model = sample.labels.get("model", ""), sample.labels.get("version", "")
                values[name].setdefault(model, []).append(sample.value)
    return values


def gauges(values):
    return [value for several in values.values() for value in several]


@pytest.mark.parametrize("text", [BEFORE, AFTER], ids=["before", "after"])
def test_a_real_servers_text_is_read_as_the_general_parser_reads_it(text):
    expected, seen = reference(text), parse_exposition(text)
    assert len(seen.models) == 5
    assert seen.models == {
        model: Counters(sum(expected[SUCCESS][model]), sum(expected[DURATION][model])) for model in expected[SUCCESS]
    }
    assert seen.failures == {model: sum(values) for model, values in expected[FAILURE].items()}
    assert [seen.pending] == [sum(gauges(expected[PENDING]))]
    assert [seen.cpu] == gauges(expected[CPU])
    assert seen.gpu is None


counts = st.one_of(
    st.integers(0, 10**15).map(float), st.floats(0, 1e18), st.sampled_from([0.0, 1e16, 1.5e-7, 123456789.5])
)
label_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=12)


def escaped(text):
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


@st.composite
def line(draw, family):
    labels = {"model": draw(label_texts), "version": draw(st.sampled_from(["1", "2"]))}
    if draw(st.booleans()):
        labels["reason"] = draw(label_texts)
    order = draw(st.permutations(sorted(labels)))
    inside = ",".join(f'{key}="{escaped(labels[key])}"' for key in order) + draw(st.sampled_from(["", ","]))
    value = draw(counts)
    written = draw(st.sampled_from([repr(value), f"{value:.17g}", f"+{value!r}"]))
    return f"{family}{{{inside}}} {written}{draw(st.sampled_from(['', ' 1700000000000']))}\n"


@st.composite
def texts(draw):
    """Texts of every family that matters, and of some whose names begin the same."""
    parts = []
    others = ["nv_inference_request_success_more", "nv_inference_request", "other_nv_inference_request_success"]
    for family in draw(st.permutations([SUCCESS, FAILURE, DURATION, PENDING, *others])):
        parts.append(f"# HELP {family} {SUCCESS} is told of here\n# TYPE {family} gauge\n")
        parts += draw(st.lists(line(family), max_size=4))
    gpus = draw(st.lists(counts, max_size=3))
    parts += [f'{GPU}{{gpu_uuid="{number}"}} {value!r}\n' for number, value in enumerate(gpus)]
    parts.append(f"{CPU} {draw(counts)!r}\n")
    return "".join(parts).encode()


@CALM
@given(texts())
def test_any_text_is_read_as_the_general_parser_reads_it(text):
    expected, seen = reference(text), parse_exposition(text)
    assert seen.models.keys() == expected[SUCCESS].keys()
    for model, counters in seen.models.items():
        assert counters.success == pytest.approx(math.fsum(expected[SUCCESS][model]))
        duration = expected[DURATION].get(model)
        assert counters.duration_us == (None if duration is None else pytest.approx(math.fsum(duration)))
    assert seen.failures == {model: pytest.approx(math.fsum(values)) for model, values in expected[FAILURE].items()}
    pending = gauges(expected[PENDING])
    assert seen.pending == (pytest.approx(math.fsum(pending)) if pending else None)
    gpus = gauges(expected[GPU])
    assert seen.gpu == (pytest.approx(math.fsum(gpus) / len(gpus)) if gpus else None)
    assert [seen.cpu] == gauges(expected[CPU])


@CALM
@given(st.binary(max_size=300), st.integers(0, len(AFTER)))
def test_bytes_of_any_kind_are_read_or_refused_and_nothing_else_happens(noise, at):
    for text in (noise, AFTER[:at] + noise + AFTER[at:]):
        try:
            seen = parse_exposition(text)
        except UnreadableTextError:
            continue
        assert all(counters.success >= 0 for counters in seen.models.values())


@CALM
@given(st.integers(1, len(AFTER) - 1).filter(lambda at: AFTER[at - 1 : at] != b"\n"))
def test_a_text_that_ends_in_a_line_is_refused(at):
    with pytest.raises(UnreadableTextError):
        parse_exposition(AFTER[:at])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(b"", "no metric of Triton's", id="nothing"),
        pytest.param(b"<html>404</html>\n", "no metric of Triton's", id="a web page"),
        pytest.param(b"go_goroutines 12\n", "no metric of Triton's", id="another program's metrics"),
        pytest.param(CUT, "in the middle of a line", id="no end of the last line"),
        pytest.param(b'nv_inference_request_success{model="a"} NaN\n', "is nan", id="a counter that is no number"),
        pytest.param(b'nv_inference_request_success{model="a"} -1\n', "is -1", id="a counter below zero"),
        pytest.param(b'nv_inference_request_success{model="a"} +Inf\n', "is inf", id="an infinite counter"),
        pytest.param(b'nv_inference_request_success{model="a"} many\n', "no number", id="a word for a value"),
        pytest.param(b'nv_inference_request_success{model="a"} 1_0\n', "no number", id="what only Python takes"),
        pytest.param(b'nv_inference_request_success{model="a"}\n', "no number", id="no value"),
        pytest.param(b'nv_inference_request_success{model="a" 3\n', "don't end", id="labels without an end"),
        pytest.param(b"nv_inference_request_success{model=a} 3\n", "can't be read", id="a label without quotes"),
        pytest.param(b'nv_inference_request_success{version="1"} 3\n', "names no model", id="no model"),
        pytest.param(b"nv_inference_request_success 3\n", "names no model", id="no labels"),
        pytest.param(
            b'nv_inference_request_success{model="' + b"a" * MAX_LABEL_BYTES + b'"} 3\n',
            "longer than",
            id="long labels",
        ),
        pytest.param(
            b'nv_inference_request_success{model="a"} 3\n' * (MAX_SERIES + 1), "more than", id="series without an end"
        ),
    ],
)
def test_a_text_that_makes_no_sense_is_refused_with_the_reason(text, why):
    with pytest.raises(UnreadableTextError, match=why):
        parse_exposition(text)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param("nv_cpu_utilization NaN\n", (None, None, None), id="a gauge that is no number is unknown"),
        pytest.param("nv_cpu_utilization -0.5\n", (None, None, None), id="a gauge below zero is unknown"),
        pytest.param("nv_cpu_utilization 0\n", (0.0, None, None), id="zero is known"),
        pytest.param(
            'nv_gpu_utilization{gpu_uuid="a"} 0.5\nnv_gpu_utilization{gpu_uuid="b"} NaN\n',
            (None, 0.5, None),
            id="of two GPUs the one that is known counts",
        ),
        pytest.param(
            'nv_inference_pending_request_count{model="a"} 3\nnv_inference_pending_request_count{model="b"} NaN\n',
            (None, None, None),
            id="a sum of which a part is unknown is unknown",
        ),
        pytest.param(
            'nv_inference_pending_request_count{model="a"} 3\nnv_inference_pending_request_count{model="b"} 4\n',
            (None, None, 7.0),
            id="the queues together",
        ),
    ],
)
def test_gauges(lines, expected):
    seen = parse_exposition(lines.encode())
    assert (seen.cpu, seen.gpu, seen.pending) == expected


def test_a_model_on_two_gpus_has_two_series_and_is_one_model():
    lines = [f'{SUCCESS}{{gpu_uuid="{gpu}",model="a",version="1"}} {count}\n' for gpu, count in (("x", 2), ("y", 3))]
    assert parse_exposition("".join(lines).encode()).models == {("a", "1"): Counters(5.0, None)}


def test_a_model_that_was_unloaded_leaves_its_failures_and_is_gone():
    lines = f'{SUCCESS}{{model="a",version="2"}} 1\n{FAILURE}{{model="a",reason="OTHER",version="1"}} 4\n'
    seen = parse_exposition(lines.encode())
    assert set(seen.models) == {("a", "2")}
    assert seen.failures == {("a", "1"): 4.0}
