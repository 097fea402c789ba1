"""The order in which recipes are tried, and where the ladder ends."""

from decimal import Decimal

import pytest

from glm_operator.quantization.recipes import CALIBRATIONS, Attempt, Recipe, best, next_recipe
from glm_operator.quantization.verdict import Accuracy, Verdict

BEFORE = 95


def attempt(recipe, correct):
    return Attempt(recipe, Verdict(Accuracy(BEFORE, 100), Accuracy(correct, 100), Decimal(2)))


def attempts(*correct):
    return [attempt(Recipe("INT8", way), number) for way, number in zip(CALIBRATIONS, correct, strict=False)]


REFUSED = attempts(50, 80, 70)
ENDS = Recipe("INT8", "Entropy", float_ends=True)


@pytest.mark.parametrize(
    ("precision", "tried", "layers", "expected"),
    [
        pytest.param("INT8", [], 9, Recipe("INT8", "MinMax"), id="the simplest first"),
        pytest.param("INT8", attempts(94), 9, None, id="an accepted one ends it"),
        pytest.param("INT8", attempts(50), 9, Recipe("INT8", "Entropy"), id="then the range that tells most"),
        pytest.param("INT8", attempts(50, 50), 9, Recipe("INT8", "Percentile"), id="then the range without outliers"),
        pytest.param("INT8", REFUSED, 9, ENDS, id="then the ends in FP32, with the calibration that lost least"),
        pytest.param("INT8", REFUSED, 3, ENDS, id="three layers leave one between the ends"),
        pytest.param("INT8", REFUSED, 2, None, id="two leave none"),
        pytest.param("INT8", [*REFUSED, attempt(ENDS, 80)], 9, None, id="then nothing is left"),
        pytest.param("FP16", [], 9, Recipe("FP16"), id="FP16 has one recipe"),
        pytest.param("FP16", [attempt(Recipe("FP16"), 50)], 9, None, id="and no other"),
    ],
)
def test_next_recipe(precision, tried, layers, expected):
    assert next_recipe(precision, tried, layers) == expected


def test_of_equals_the_simpler_recipe_is_the_best():
    assert best(attempts(80, 90, 90)).recipe == Recipe("INT8", "Entropy")
