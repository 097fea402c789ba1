import pytest

from images.engines.signature import ANY, Signature, SignatureError, Tensor, check, declaration

DYNAMIC = Signature((Tensor("input", "TYPE_FP32", (ANY, 64)),), (Tensor("probabilities", "TYPE_FP32", (ANY, 10)),))
FIXED = Signature((Tensor("input", "TYPE_FP32", (1, 64)),), (Tensor("probabilities", "TYPE_FP32", (1, 10)),))


def configuration(max_batch_size=8, name="input", data_type="TYPE_FP32", dims=(64,), **more):
    return {
        "max_batch_size": max_batch_size,
        "input": [{"name": name, "data_type": data_type, "dims": list(dims), **more}],
        "output": [{"name": "probabilities", "data_type": "TYPE_FP32", "dims": [-1] if max_batch_size else [-1, -1]}],
    }


@pytest.mark.parametrize(
    ("config", "signature"),
    [
        pytest.param(configuration(), DYNAMIC, id="dims without the batch dimension fit a batched model"),
        pytest.param(configuration(0, dims=(-1, 64)), DYNAMIC, id="all dims fit a model that is not batched"),
        pytest.param(configuration(0, dims=(1, 64)), FIXED, id="a fixed batch fits a model that is not batched"),
        pytest.param(configuration(dims=(8, 8), reshape={"shape": [64]}), DYNAMIC, id="dims fit after their reshape"),
    ],
)
def test_check_accepts(config, signature):
    check(config, signature)


@pytest.mark.parametrize(
    ("config", "signature", "message"),
    [
        pytest.param(configuration(name="x"), DYNAMIC, "no input 'x'; it has 'input'", id="a name that the file lacks"),
        pytest.param(
            {**configuration(), "input": []}, DYNAMIC, "needs the input 'input'", id="an input that is not declared"
        ),
        pytest.param(
            configuration(data_type="TYPE_FP16"), DYNAMIC, "is TYPE_FP32 in the model file", id="another data type"
        ),
        pytest.param(configuration(dims=(65,)), DYNAMIC, r"has dims \[64\] in the model file", id="another size"),
        pytest.param(
            configuration(dims=(1, 64)), DYNAMIC, r"\[1, 64\] in the configuration", id="one dimension too many"
        ),
        pytest.param(configuration(), FIXED, "set max_batch_size to 0", id="batching with a file whose batch is fixed"),
    ],
)
def test_check_refuses(config, signature, message):
    with pytest.raises(SignatureError, match=message):
        check(config, signature)


@pytest.mark.parametrize(
    ("max_batch_size", "dims"),
    [
        pytest.param(8, [64], id="Triton adds the batch dimension of a batched model"),
        pytest.param(0, [ANY, 64], id="without batching all dimensions are declared"),
    ],
)
def test_declaration(max_batch_size, dims):
    expected = {"name": "input", "data_type": "TYPE_FP32", "dims": dims}
    assert declaration(DYNAMIC.inputs[0], max_batch_size) == expected
