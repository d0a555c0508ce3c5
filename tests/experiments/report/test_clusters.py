"""The report's section on rows, their components and known classes."""

import re

import numpy as np
import pytest

from experiments.api.comparing import compare_fits
from experiments.api.comparison import Comparison
from experiments.core.errors import UsageError
from experiments.datasets.dataset import Dataset
from experiments.report.comparison.page import render_page
from tests.conftest import random_mixture
from tests.experiments.made import made_bayes, made_em


def made(rng, n_features, classes=True, n_components=2):
    mixture = random_mixture(rng, n_components, n_features)
    X, labels = mixture.sample(80, rng)
    names = tuple(f"x{i}" for i in range(n_features))
    kinds = tuple(None if i == 3 else f"<kind {k}>" for i, k in enumerate(labels))
    known = {"label_column": "<b>kind", "labels": kinds} if classes else {}
    fits = {"em": made_em(mixture), "bayes": made_bayes(mixture, rng)}
    return compare_fits(Dataset("made", X, names, **known), fits)


@pytest.mark.parametrize("n_features", [1, 2, 5])
def test_rows_have_the_colours_of_their_classes(rng, n_features):
    comparison = made(rng, n_features)
    figure = comparison.plot_classes()
    marks = [trace for trace in figure.data if trace.mode == "markers"]
    drawn = {trace.name: len(trace.x) for trace in marks}
    known = comparison.clusters.classes
    counts = np.array(known.engines["em"].counts).sum(axis=1)
    for name, count in zip(known.names, counts, strict=True):
        assert drawn[name.replace("<", "&lt;").replace(">", "&gt;")] == count
    assert drawn["no class"] == known.n_unknown == 1
    assert len({(trace.marker.color, trace.marker.symbol) for trace in marks}) == len(marks)
    again = Comparison.from_dict(comparison.to_dict())
    assert again.plot_classes().to_json() == figure.to_json()


def test_the_section_counts_classes_by_component_and_shows_names_as_text(rng):
    comparison = made(rng, 2)
    page = render_page(comparison)
    section = re.search(r'id="clusters".*?</section>', page, re.S)[0]
    assert "&lt;b&gt;kind" in section
    assert "<b>kind" not in section
    assert f"{comparison.clusters.n_uncertain} of 80 rows are uncertain" in section
    for title in ("EM", "posterior"):
        assert f"{title}: rows of each class in each component" in section


def test_without_classes_there_is_no_such_table(rng):
    page = render_page(made(rng, 2, classes=False))
    assert "of 80 rows are uncertain" in page
    assert "rows of each class" not in page
    with pytest.raises(UsageError, match="no classes are known"):
        made(rng, 2, classes=False).plot_classes()


def test_of_one_component_there_is_nothing_to_say(rng):
    assert "There is one component, to which every row belongs." in render_page(
        made(rng, 2, classes=False, n_components=1)
    )
