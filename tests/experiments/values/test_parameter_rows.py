import io
from dataclasses import replace

import pytest
from rich.console import Console

from experiments.api.comparing import compare_fits
from experiments.core.digits import in_digits_of, with_uncertainty
from experiments.datasets.dataset import Dataset
from experiments.values.parameter_rows import short_names
from experiments.values.parameters import Parameters
from gmm_bayes import MixtureDraws
from tests.conftest import random_mixture
from tests.experiments.made import made_bayes, made_em


@pytest.mark.parametrize(
    ("value", "uncertainty", "together", "alone"),
    [
        (0.22871, 0.0052, "0.2287 ± 0.0052", "0.2287"),
        (56_312, 10_400, "56000 ± 10000", "56000"),
        (3.2, 0.0, "3.200 ± 0.000", "3.200"),
        (0.0, 0.0, "0.000 ± 0.000", "0.000"),
        (2.35e-10, 1.04e-11, "(2.35 ± 0.10)e-10", "2.35e-10"),
        (-1.5e14, 5.6e12, "(-1.500 ± 0.056)e+14", "-1.500e+14"),
        (1e-12, 3e-10, "(0.0 ± 3.0)e-10", "1e-12"),
        (1e-310, 1e-311, "(1.000 ± 0.100)e-310", "1.00e-310"),
        (1e5, 2e-7, "100000.00000000 ± 0.00000020", "100000.00000000"),
        (0.0, 1e-9, "(0.0 ± 1.0)e-09", "0.0000000000"),
    ],
)
def test_numbers_are_written_to_two_digits_of_their_uncertainty(
    value, uncertainty, together, alone
):
    assert with_uncertainty(value, uncertainty) == together
    assert in_digits_of(uncertainty, value) == alone


def test_short_names_keep_both_ends_and_differ():
    names = ["flipper length, left", "flipper length, right", "mass"]
    assert short_names(names, 11) == ["flipp… left", "flipp…right", "mass"]
    alike = ["temperature of the sea, in K", "temperature in the sea, in K"]
    first, second = short_names(alike, 11)
    assert first != second
    assert max(map(len, (first, second))) <= 11
    assert short_names(["a", "b"], 11) == ["a", "b"]
    # What only one of them has is shown; where it is long, the number of the feature.
    middle = [f"measurement_{i}_of_the_wing" for i in range(3)]
    assert short_names(middle, 8) == ["measu…0…", "measu…1…", "measu…2…"]
    long = [f"first{letter * 20}last" for letter in "abc"]
    assert short_names(long, 8) == ["firsta…1", "firstb…2", "firstc…3"]


@pytest.mark.parametrize("scale", [1.0, 1e7, 1e-7])
def test_long_names_and_any_units_fit_80_columns_unambiguously(rng, scale):
    mixture = random_mixture(rng, 2, 3)
    names = ("flipper length of the left side", "mass", "flipper length of the right side")
    moved, made = mixture.affine(0.0, scale), made_bayes(mixture, rng)
    sd = Parameters(*(values * scale**power for power, values in enumerate(made.uncertainty)))
    draws = MixtureDraws(
        made.draws.weights, made.draws.means * scale, made.draws.covariances * scale**2
    )
    em = replace(made_em(moved), uncertainty=sd)
    bayes = replace(
        made, mixture=made.mixture.affine(0.0, scale), uncertainty=sd, draws=draws, intervals={}
    )
    X, _ = moved.sample(100, rng)
    comparison = compare_fits(Dataset("made", X, names, None, moved), {"em": em, "bayes": bayes})
    stream = io.StringIO()
    Console(width=80, file=stream).print(comparison)
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    start = next(i for i, line in enumerate(lines) if line.startswith("covariances"))
    rows = [line for line in lines[start + 1 :] if line.startswith(("  1, ", "  2, "))]
    assert len(rows) == 12, "each in a line of its own"
    assert len({row[:30] for row in rows}) == 12, "no two look alike"
    assert all(row.count("±") == 2 for row in rows)
