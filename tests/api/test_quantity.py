import pytest

from glm_operator.api.quantity import quantity_bytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("20Gi", 20 * 2**30, id="powers of two"),
        pytest.param("500M", 500_000_000, id="powers of ten"),
        pytest.param("7", 7, id="no unit"),
        pytest.param("1.5Ki", 1536, id="a fraction"),
        pytest.param("1500m", 2, id="thousandths are rounded up"),
    ],
)
def test_quantity_bytes(text, expected):
    assert quantity_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "Gi", "5XB", "-1", "1 Gi", "0x1"])
def test_what_is_no_quantity_is_refused(text):
    with pytest.raises(ValueError, match="is not a quantity"):
        quantity_bytes(text)
