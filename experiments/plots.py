"""What a comparison can be asked to draw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.errors import UsageError
from experiments.schema import ComparisonValues

if TYPE_CHECKING:
    import plotly.graph_objects as go

FORMATS = (".svg", ".pdf", ".png", ".html")


class Plots(ComparisonValues):
    """A comparison with its figures, each a plotly figure; see `save_figure`.

    plotly is imported when the first figure is drawn.
    """

    def plot_data(self, features: Sequence[str] | None = None) -> go.Figure:
        """Draw the data with truth, EM and posterior; of many features the four most telling."""
        from experiments.report.mixture import data_figure

        return data_figure(self, features)

    def plot_projection(self) -> go.Figure:
        """Draw the data in the two directions that separate the components best."""
        from experiments.report.mixture import projection_figure

        return projection_figure(self)

    def plot_em_steps(self, run: str = "best") -> go.Figure:
        """Draw EM step by step: the best restart, or a "worse" one that ended lower."""
        from experiments.report.steps import steps_figure

        return steps_figure(self, run)

    def plot_parameters(self) -> go.Figure:
        """Draw truth, EM and posterior with their intervals as a forest plot."""
        from experiments.report.forest import parameters_figure

        return parameters_figure(self)

    def plot_log_likelihood(self) -> go.Figure:
        """Draw the log-likelihood path of every EM restart."""
        from experiments.report.likelihoods import paths_figure

        return paths_figure(self)

    def plot_scores(self) -> go.Figure:
        """Draw differences of log density per row, held out where any are, with their errors."""
        from experiments.report.likelihoods import scores_figure

        return scores_figure(self)

    def plot_deviance(self) -> go.Figure:
        """Draw the deviance of posterior draws from EM's optimum against its chi-square limit."""
        from experiments.report.likelihoods import deviance_figure

        return deviance_figure(self)

    def plot_disagreement(self) -> go.Figure:
        """Colour each row by how differently EM and the posterior assign it to components."""
        from experiments.report.disagreement import disagreement_figure

        return disagreement_figure(self)

    def plot_posterior(self) -> go.Figure:
        """Draw R-hat before and after alignment, and effective sample sizes."""
        from experiments.report.health import convergence_figure

        return convergence_figure(self)

    def plot_ranks(self) -> go.Figure:
        """Draw rank plots of the parameters with the largest R-hat, chain by chain."""
        from experiments.report.health import ranks_figure

        return ranks_figure(self)

    def plot_label_switching(self) -> go.Figure:
        """Draw component means through the chains, before and after alignment."""
        from experiments.report.health import switching_figure

        return switching_figure(self)


def save_figure(figure: go.Figure, path: str | Path, width: int = 1000) -> Path:
    """Write a figure to a file: SVG or PDF for print, PNG, or a page of its own.

    Drawn by a Chromium or Chrome, which has to be installed, except for HTML.

    Parameters
    ----------
    figure : Figure
    path : str or Path
        Ends in ".svg", ".pdf", ".png" or ".html".
    width : int, default 1000
        In pixels; the height is the figure's own.

    Raises
    ------
    UsageError
        If the ending is another, or no browser can be found.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"{path}: ends in '{path.suffix}', allowed is {', '.join(FORMATS)}")
    if path.suffix.lower() == ".html":
        figure.write_html(path, include_plotlyjs=True)
    else:
        try:
            _still(figure).write_image(path, width=width)
        except RuntimeError as error:
            raise UsageError(f"{path}: cannot be drawn without a Chromium or Chrome") from error
    return path


def _still(figure: go.Figure) -> go.Figure:
    """Leave out what only moves a figure: a slider on paper is of no use."""
    copy = type(figure)(figure)
    copy.frames = ()
    copy.layout.sliders = copy.layout.updatemenus = None
    return copy
