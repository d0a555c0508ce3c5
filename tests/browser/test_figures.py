"""Figures saved from Python, as papers want them: drawn by the same browser."""

import re

import kaleido
import numpy as np
import pytest

from experiments.api.comparing import compare_fits
from experiments.core.errors import UsageError
from experiments.datasets.dataset import Dataset
from experiments.report.saving import save_figure
from gmm_em import Mixture
from tests.experiments.made import made_bayes, made_em, with_energies


@pytest.fixture(scope="module")
def comparison():
    truth = Mixture([0.6, 0.4], [[0.0, 0.0], [4.0, 3.0]], [np.eye(2), np.eye(2)])
    rng = np.random.default_rng(4)
    X, drawn = truth.sample(80, rng)
    dataset = Dataset(
        "made",
        X,
        ("eruption", "waiting"),
        truth.sample(40, rng)[0],
        truth,
        label_column="kind",
        labels=tuple("short" if k == 0 else "long" for k in drawn),
    )
    bayes = with_energies(made_bayes(truth, rng, n_draws=60), rng)
    return compare_fits(dataset, {"em": made_em(truth), "bayes": bayes})


def test_figure_is_saved_as_svg_with_its_words_as_words(comparison, tmp_path):
    svg = save_figure(comparison.plot_em_steps(), tmp_path / "steps.svg").read_text()
    assert svg.startswith("<svg")
    words = " ".join(re.findall(r">([^<>]+)</text>", svg))
    for expected in ("eruption", "waiting", "log-likelihood", "best optimum"):
        assert expected in words
    assert "Play" not in words, "nothing moves on paper"
    assert comparison.plot_em_steps().layout.sliders, "only the copy on paper is still"


@pytest.fixture
def one_browser_for_all():
    """Kaleido starts a browser for every figure otherwise."""
    kaleido.start_sync_server(n=1)
    yield
    kaleido.stop_sync_server()


@pytest.mark.slow
@pytest.mark.usefixtures("one_browser_for_all")
@pytest.mark.filterwarnings("ignore:The kopts argument is ignored")
def test_every_figure_is_saved_for_print(comparison, tmp_path):
    names = [name for name in dir(comparison) if name.startswith("plot_")]
    assert len(names) > 10
    for name in names:
        pdf = save_figure(getattr(comparison, name)(), tmp_path / f"{name}.pdf").read_bytes()
        assert pdf.startswith(b"%PDF"), name
        assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1, name
        assert len(pdf) > 8000, f"{name}: an empty sheet is smaller"


def test_another_ending_is_refused_in_a_sentence(comparison, tmp_path):
    with pytest.raises(UsageError, match=r"ends in '.docx', allowed is .svg, .pdf, .png, .html"):
        save_figure(comparison.plot_scores(), tmp_path / "scores.docx")
