"""What the components share, as the report says and draws it."""

import numpy as np
import pytest

from experiments.api.comparing import compare_fits
from experiments.datasets.dataset import Dataset
from experiments.report.comparison.curves import ellipse_radius
from experiments.report.comparison.page import render_page
from experiments.report.comparison.shared_form import shared_blocks
from experiments.report.page.blocks import Note, Picture
from gmm_em import Mixture
from gmm_em.covariance.projection import structured
from gmm_em.covariance.registry import STRUCTURES, get_structure
from tests.conftest import random_mixture
from tests.experiments.made import made_bayes, made_em

PICTURED = {"tied", "EEI", "VEI", "VEE", "EVE", "VVE", "EEV", "VEV"}


def made(rng, kind, n_features=2, with_others=False):
    """An estimate of the structure; others are draws and a truth that do not have it."""
    free = random_mixture(rng, 3, n_features)
    own = structured(get_structure(kind), free.weights, free.covariances)
    mixture = Mixture(free.weights, free.means, own)
    X, _ = mixture.sample(60, rng)
    names = tuple(f"x{i}" for i in range(n_features))
    fits = {"em": made_em(mixture)} | ({"bayes": made_bayes(free, rng)} if with_others else {})
    dataset = Dataset("made", X, names, None, free if with_others else None)
    return mixture, compare_fits(dataset, fits, covariance_type=kind)


def shown(comparison):
    blocks = list(shared_blocks(comparison))
    notes = [block.text for block in blocks if isinstance(block, Note)]
    pictures = [block for block in blocks if isinstance(block, Picture)]
    assert len(notes) + len(pictures) == len(blocks)
    return notes, pictures


def outlines(picture):
    """Points of the estimate's outlines in the first panel, one array (n, 2) for each."""
    trace = next(t for t in picture.figure.data if t.name == "EM" and t.xaxis in (None, "x"))
    points = np.stack([trace.x, trace.y], axis=1).astype(float)
    ends = np.flatnonzero(np.isnan(points[:, 0]))
    return [points[start:end] for start, end in zip(np.r_[0, ends[:-1] + 1], ends, strict=True)]


@pytest.mark.parametrize("n_features", [2, 5])
@pytest.mark.parametrize("kind", STRUCTURES)
def test_each_structure_says_what_is_shared_and_draws_what_has_a_form(rng, kind, n_features):
    _, comparison = made(rng, kind, n_features)
    notes, pictures = shown(comparison)
    assert bool(notes) == (kind != "full")
    assert bool(pictures) == (kind in PICTURED)
    for picture in pictures:
        assert len(outlines(picture)) == (3 if kind in ("EVE", "VVE") else 1)


def test_fits_without_the_structure_are_left_out(rng):
    _, comparison = made(rng, "VVE", with_others=True)
    names = {trace.name for trace in shown(comparison)[1][0].figure.data}
    assert names == {"EM", "shared axes"}
    page = render_page(comparison)
    assert "figure-shared" in page
    assert "this section could not be drawn" not in page


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("EEE", "all components have one volume, one shape and one orientation."),
        (
            "VEI",
            "all components have one shape, and each component has its own volume, and the axes of "
            "all are those of the features.",
        ),
        ("VII", "each component has its own volume, and all are spheres."),
        ("EVV", "all components have one volume, and each component has its own shape and"),
    ],
)
def test_the_sentence_has_the_name_that_was_given(rng, kind, said):
    notes, _ = shown(made(rng, kind)[1])
    assert notes[0].startswith(f"With {kind} covariances {said}")


@pytest.mark.parametrize("kind", ["EEE", "EEI", "VEI", "VEE"])
def test_one_outline_has_the_shape_and_orientation_of_every_component(rng, kind):
    mixture, comparison = made(rng, kind)
    (points,) = outlines(shown(comparison)[1][0])
    for covariance in mixture.covariances:
        squares = np.einsum("ni,ij,nj->n", points, np.linalg.inv(covariance), points)
        assert squares == pytest.approx(np.full(len(points), squares[0]), rel=1e-4)
        if kind[0] == "E":
            assert squares[0] == pytest.approx(ellipse_radius() ** 2, rel=1e-4)


@pytest.mark.parametrize("kind", ["EEV", "VEV"])
def test_one_outline_has_the_lengths_of_every_component_s_axes(rng, kind):
    mixture, comparison = made(rng, kind)
    (points,) = outlines(shown(comparison)[1][0])
    lengths = np.abs(points).max(axis=0)
    for covariance in mixture.covariances:
        shortest, longest = np.sqrt(np.linalg.eigvalsh(covariance))
        assert lengths[0] / lengths[1] == pytest.approx(longest / shortest, rel=1e-2)
    ratio = f"1 : {shortest / longest:.2g}."
    assert shown(comparison)[1][0].caption.endswith(ratio)


@pytest.mark.parametrize("kind", ["EVE", "VVE", "VEE", "tied"])
def test_dotted_lines_are_axes_of_every_component(rng, kind):
    mixture, comparison = made(rng, kind)
    picture = shown(comparison)[1][0]
    trace = next(trace for trace in picture.figure.data if trace.name == "shared axes")
    directions = np.stack([trace.x, trace.y], axis=1)[1::3].astype(float)
    assert directions.shape == (2, 2)
    for covariance in mixture.covariances:
        turned = directions @ covariance
        across = turned[:, 0] * directions[:, 1] - turned[:, 1] * directions[:, 0]
        sizes = np.linalg.norm(turned, axis=1) * np.linalg.norm(directions, axis=1)
        assert np.abs(across / sizes).max() < 1e-5


def test_with_one_feature_one_variance_is_shared_or_nothing(rng):
    (said,), pictures = shown(made(rng, "EEV", 1)[1])
    assert said == "With EEV covariances all components have one variance."
    assert not pictures
    assert shown(made(rng, "VEI", 1)[1]) == ([], [])
