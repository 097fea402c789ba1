"""What the benchmark of the engines compares, and what it makes of its rounds."""

import pytest

from bench import engine_rows as rows
from bench.engine_rows import FULL, ON_GPU, QUICK, Variant
from glm_operator.api.inference import parse
from glm_operator.resources.model_config import model_config, parse_config

EVERY = (*FULL, *ON_GPU)


def config(variant):
    body = rows.resource(variant, "localhost/models:1", "triton:1")
    body["metadata"] |= {"namespace": "bench", "uid": "u", "generation": 1}
    inference = parse(body)
    return parse_config(model_config(inference.spec.models[0], variant.gpus))


@pytest.mark.parametrize("variant", EVERY, ids=lambda variant: variant.name)
def test_every_variant_is_a_valid_resource_that_batches_up_to_eight(variant):
    assert config(variant).max_batch_size == 8
    assert config(variant).HasField("dynamic_batching")


def test_no_two_variants_share_a_name_or_a_configuration():
    assert len({variant.name for variant in EVERY}) == len(EVERY)
    configurations = {config(variant).SerializeToString(deterministic=True) for variant in EVERY}
    assert len(configurations) == len(EVERY)


def test_the_quick_run_is_part_of_the_full_one():
    assert set(QUICK) < set(FULL)


@pytest.mark.parametrize(
    ("gpus", "image", "told"),
    [
        pytest.param(0, None, "no node of this cluster offers nvidia.com/gpu", id="no GPU"),
        pytest.param(0, "triton:1", "no node", id="an image, but no GPU"),
        pytest.param(1, None, "GPU_IMAGE names no Triton image", id="a GPU, but no image"),
        pytest.param(1, "triton:1", None, id="both"),
    ],
)
def test_a_missing_row_of_tensorrt_is_told_with_its_reason(gpus, image, told):
    reason = rows.why_no_tensorrt(gpus, image, "GPU_IMAGE")
    assert reason is None if told is None else told in reason


def test_gpus_are_counted_over_all_nodes():
    nodes = [{"status": {"allocatable": {"nvidia.com/gpu": "2"}}}, {"status": {}}, {}]
    assert rows.gpus_of(nodes) == 2


ROUNDS = [
    {"p50_ms": 3.0, "p99_ms": 9.0, "inferences_per_second": 10.0, "mean_batch": 1.0},
    {"p50_ms": 1.0, "p99_ms": 5.0, "inferences_per_second": 30.0, "mean_batch": None},
    {"p50_ms": 2.0, "p99_ms": 7.0, "inferences_per_second": 20.0, "mean_batch": None},
]


def test_a_row_holds_medians_with_their_ranges():
    row = rows.row(Variant("OpenVINO", graph_level=None), 8, ROUNDS, 123.4)
    assert (row["p50_ms"], row["p99_ms"], row["inferences_per_second"]) == (2.0, 7.0, 20.0)
    assert row["ranges"]["p50_ms"] == [1.0, 3.0]
    assert (row["engine"], row["graph_level"], row["batch"], row["memory_mib"]) == ("OpenVINO", None, 8, 123)


def test_what_was_not_measured_is_unknown_and_not_zero():
    row = rows.row(Variant("OpenVINO"), 1, [dict.fromkeys(rows.MEASURED)], None)
    assert [row[key] for key in (*rows.MEASURED, "memory_mib")] == [None] * (len(rows.MEASURED) + 1)


def test_the_working_set_is_read_for_the_pods_of_the_namespace_that_have_one():
    memory = {"time": "2026-01-01T00:00:00Z", "workingSetBytes": 2**21}
    summary = {
        "pods": [
            {"podRef": {"name": "a", "namespace": "bench"}, "memory": memory},
            {"podRef": {"name": "b", "namespace": "bench"}},
            {"podRef": {"name": "c", "namespace": "other"}, "memory": memory},
        ]
    }
    assert rows.working_set(summary, "bench") == {"a": ("2026-01-01T00:00:00Z", 2.0)}
