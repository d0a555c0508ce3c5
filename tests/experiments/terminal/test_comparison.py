"""A comparison on a terminal, whatever the engines are called and whatever they offer."""

import io

import pytest
from rich.console import Console

from experiments.terminal.comparison import render_comparison
from tests.experiments.pairs import PAIRS, made_pair


def printed(comparison):
    stream = io.StringIO()
    for part in render_comparison(comparison):
        Console(width=80, file=stream).print(part)
    return stream.getvalue()


def heading(text):
    """The line that names the engines: the last before the weights."""
    lines = text.splitlines()
    return lines[next(i for i, line in enumerate(lines) if line.startswith("weights")) - 1]


@pytest.mark.parametrize("offers", PAIRS)
def test_any_two_engines_stand_side_by_side(rng, offers):
    comparison = made_pair(rng, offers)
    text = printed(comparison)
    assert max(map(len, text.splitlines())) <= 80
    for engine in comparison.engines.values():
        assert engine.title in heading(text)
    for part in ("weights", "means", "covariances", "fitted rows", "held-out rows"):
        lines = [line for line in text.splitlines() if line.strip().startswith(part)]
        assert len(lines) == 1, "one table holds both"
    for finding in comparison.verdict:
        assert finding.text.split()[0] in text


@pytest.mark.parametrize("offers", [pair for pair in PAIRS if "draws" in pair])
def test_the_draws_have_their_lines_in_the_column_of_the_posterior(rng, offers):
    comparison = made_pair(rng, offers)
    draws = comparison.log_likelihood.bayes.draws
    lines = printed(comparison).splitlines()
    shown = f"{draws.mean:.2f} ± {draws.sd:.2f}"
    line = next(line for line in lines if "over draws" in line and "held out" not in line)
    assert shown in line
    # Columns are flush right: the number ends where those of the posterior's fitted rows end.
    fitted = next(line for line in lines if "fitted rows" in line)
    name = comparison.posterior
    value = f"{comparison.engines[name].log_likelihood.train:.2f}"
    ends = [fitted.find(value) + len(value), line.find(shown) + len(shown)]
    assert ends[0] == ends[1]


def test_three_baselines_follow_in_a_table_of_their_own(rng):
    comparison = made_pair(rng, ("estimate", "draws"), n_more=3)
    text = printed(comparison)
    assert text.count("covariances") == 2
    assert all(f"more {i}" in text for i in range(3))
