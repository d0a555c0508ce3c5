"""What the covariances of all components have in common, in words and as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import plotly.graph_objects as go

from experiments.analysis.engine_result import has_structure
from experiments.core.types import FloatArray
from experiments.core.words import listed
from experiments.report.comparison.coordinates import (
    MAX_FEATURES,
    Source,
    chosen_features,
    view_of,
)
from experiments.report.comparison.curves import ellipse_radius
from experiments.report.comparison.data_and_mixtures import add_mixture
from experiments.report.comparison.panels import panel_labels, panels
from experiments.report.page.blocks import Block, Note, Picture
from experiments.report.page.theme import colour_of, compact
from experiments.values.comparison import ComparisonValues
from experiments.values.parameters import Parameters
from gmm_em.covariance.frames import moments_along, shared_frame
from gmm_em.covariance.layout import diagonal_matrices
from gmm_em.covariance.registry import get_structure

# mclust's letters: equal in all components, each component's own, and the identity.
EQUAL, OWN, IDENTITY = "E", "V", "I"
# The view reaches this many times as far as the widest outline, of draws as the widest of most.
ROOM, MOST = 1.25, 0.9
AXES = "dotted lines are the axes that they share, at right angles where features have equal scales"


@dataclass(frozen=True)
class SharedForm:
    """What a structure makes equal in all components, by mclust's three letters.

    Attributes
    ----------
    name : str
        The structure's, as it was given.
    volume, shape, orientation : str
        One letter each.
    """

    name: str
    volume: str
    shape: str
    orientation: str

    @property
    def has_picture(self) -> bool:
        """Whether the components share a shape or axes that are estimated."""
        return EQUAL in (self.shape, self.orientation)

    def words(self) -> str:
        """Say what is shared in a sentence; nothing where nothing is."""
        letters = {
            "volume": self.volume,
            "shape": self.shape,
            "orientation": self.orientation,
        }
        equal = [f"one {word}" for word, letter in letters.items() if letter == EQUAL]
        own = [word for word, letter in letters.items() if letter == OWN]
        if len(own) == len(letters):
            return ""
        parts = [f"all components have {listed(equal)}"] if equal else []
        parts += [f"each component has its own {listed(own)}"] if own else []
        if self.shape == IDENTITY:
            parts.append("all are spheres")
        elif self.orientation == IDENTITY:
            parts.append("the axes of all are those of the features")
        return f"With {self.name} covariances {', and '.join(parts)}."

    def of(self, mixture: Parameters) -> Parameters:
        """Bring the components about one centre, without what is each component's own.

        Volumes of their own become the geometric mean of all. Components with orientations of
        their own are turned until their longest axis is the first coordinate, and so on. A shape
        that is shared then needs one component only.
        """
        matrices = mixture.covariances
        if self.volume == OWN:
            logs = np.linalg.slogdet(matrices)[1] / matrices.shape[1]
            matrices = matrices * np.exp(mixture.weights @ logs - logs)[:, None, None]
        if self.orientation == OWN:
            matrices = diagonal_matrices(np.linalg.eigvalsh(matrices)[:, ::-1])
        if self.shape == EQUAL:
            matrices = matrices[:1]
        k, d, _ = matrices.shape
        return Parameters(np.full(k, 1.0 / k), np.zeros((k, d)), matrices)

    def of_source(self, source: Source) -> Source:
        """Bring an estimate and all its draws or replicates about one centre."""
        return replace(
            source, mixture=self.of(source.mixture), others=tuple(map(self.of, source.others))
        )

    def caption(self, front: Source) -> str:
        """Say what the outlines are."""
        volume = ", brought to one volume" if self.volume == OWN else ""
        axes = f"; {AXES}" if self.orientation == EQUAL else ""
        if self.shape != EQUAL:
            return f"All components about one centre{volume}{axes}."
        turned = ", along its own axes" if self.orientation == OWN else ""
        lengths = np.sqrt(np.linalg.eigvalsh(front.mixture.covariances[0])[::-1])
        ratio = " : ".join(f"{length:.2g}" for length in lengths / lengths[0])
        said = f"One outline of {front.label} stands for all components{volume}{turned}{axes}"
        return f"{said}. Its axes are as {ratio}."


def shared_blocks(comparison: ComparisonValues) -> Iterator[Block]:
    """Yield a sentence on what the components share, and a picture of a shape or of axes."""
    structure, d = get_structure(comparison.covariance_type), comparison.dataset.n_features
    if comparison.n_components == 1 or not structure.mclust_name:
        return
    if d == 1:
        if structure.n_parameters(2, 1) == 1:
            yield Note(f"With {structure.name} covariances all components have one variance.")
        return
    form = SharedForm(structure.name, *structure.mclust_name)
    if said := form.words():
        yield Note(said)
    sources = _sources(comparison, form)
    if form.has_picture and sources:
        yield Picture(
            "shared",
            shared_figure(comparison, form, sources),
            f"What the components share. {said}",
            form.caption(_front(sources)),
        )


def _sources(comparison: ComparisonValues, form: SharedForm) -> list[Source]:
    """Return what there is to draw; a mean of draws, and a truth, may have no such structure."""
    found = []
    for source in view_of(comparison).sources:
        first = source.others[0] if source.is_cloud else source.mixture
        if has_structure(comparison.layout, first.covariances):
            found.append(form.of_source(source))
    return found


def _front(sources: list[Source]) -> Source:
    return next((source for source in sources[::-1] if source.name != "truth"), sources[-1])


def shared_figure(
    comparison: ComparisonValues, form: SharedForm, sources: list[Source]
) -> go.Figure:
    """Draw the shared form of every fit about one centre, in features or along own axes."""
    if form.orientation == OWN:
        shown = list(range(min(MAX_FEATURES, comparison.dataset.n_features)))
        names = [f"axis {i + 1}" for i in shown]
        unit = np.ones(comparison.dataset.n_features)
    else:
        shown = chosen_features(comparison, None)
        labels = panel_labels(comparison.dataset.feature_names, len(shown))
        names = [labels[i] for i in shown]
        # In standard deviations of the rows the outlines look as they do among the rows.
        unit = np.std(comparison.illustration.points, axis=0)
    axes = _axes(_front(sources).mixture.covariances) if form.orientation == EQUAL else None
    limits = ROOM * unit * max(float((_reach(source) / unit)[shown].max()) for source in sources)

    def draw(figure: go.Figure, i: int, j: int, **cell: int) -> None:
        for source in sources:
            add_mixture(figure, source, shown[i], shown[j], **cell)
        if axes is not None:
            _add_axes(figure, axes[[shown[i], shown[j]]], _front(sources).name, **cell)
        figure.update_xaxes(range=[-limits[shown[i]], limits[shown[i]]], **cell)
        figure.update_yaxes(range=[-limits[shown[j]], limits[shown[j]]], **cell)

    figure = panels(names, draw)
    if form.orientation == OWN and len(names) == 2:
        # Both axes have the same units.
        figure.update_yaxes(scaleanchor="x", constrain="domain")
        figure.update_xaxes(constrain="domain")
    return figure


def _reach(source: Source) -> FloatArray:
    """How far from the centre the outlines of a source reach along each coordinate, shape (D,)."""
    mixtures = source.others if source.is_cloud else (source.mixture,)
    variances = [np.diagonal(m.covariances, axis1=1, axis2=2).max(axis=0) for m in mixtures]
    return np.asarray(ellipse_radius() * np.sqrt(np.quantile(variances, MOST, axis=0)))


def _axes(matrices: FloatArray) -> FloatArray:
    """Return half of each shared axis, as long as the longest outline; the columns of (D, D)."""
    frame = shared_frame(matrices)
    longest = moments_along(frame, matrices).max(axis=0)
    return frame * ellipse_radius() * np.sqrt(longest)


def _add_axes(figure: go.Figure, halves: FloatArray, name: str, **cell: int) -> None:
    gap = np.full_like(halves, np.nan)
    x, y = np.stack([-halves, halves, gap], axis=2).reshape(2, -1)
    figure.add_scatter(
        x=compact(x),
        y=compact(y),
        mode="lines",
        name="shared axes",
        legendgroup="shared axes",
        line={"color": colour_of(name), "width": 1.5, "dash": "dot"},
        hoverinfo="skip",
        **cell,
    )
