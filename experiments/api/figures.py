"""What a comparison can be asked to draw."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from experiments.report.comparison.data import data_figure, projection_figure
from experiments.report.comparison.disagreement import disagreement_figure
from experiments.report.comparison.em_steps import steps_figure
from experiments.report.comparison.likelihoods import deviance_figure, paths_figure, scores_figure
from experiments.report.comparison.parameters import parameters_figure
from experiments.report.comparison.posterior_health import (
    convergence_figure,
    ranks_figure,
    switching_figure,
)
from experiments.values.comparison import ComparisonValues


class Plots(ComparisonValues):
    """A comparison with its figures, each a plotly figure; see `save_figure`."""

    def plot_data(self, features: Sequence[str] | None = None) -> go.Figure:
        """Draw the data with truth, EM and posterior; of many features the four most telling."""
        return data_figure(self, features)

    def plot_projection(self) -> go.Figure:
        """Draw the data in the two directions that separate the components best."""
        return projection_figure(self)

    def plot_em_steps(self, run: str = "best") -> go.Figure:
        """Draw EM step by step: the best restart, or a "worse" one that ended lower."""
        return steps_figure(self, run)

    def plot_parameters(self) -> go.Figure:
        """Draw truth, EM and posterior with their intervals as a forest plot."""
        return parameters_figure(self)

    def plot_log_likelihood(self) -> go.Figure:
        """Draw the log-likelihood path of every EM restart."""
        return paths_figure(self)

    def plot_scores(self) -> go.Figure:
        """Draw differences of log density per row, held out where any are, with their errors."""
        return scores_figure(self)

    def plot_deviance(self) -> go.Figure:
        """Draw the deviance of posterior draws from EM's optimum against its chi-square limit."""
        return deviance_figure(self)

    def plot_disagreement(self) -> go.Figure:
        """Colour each row by how differently EM and the posterior assign it to components."""
        return disagreement_figure(self)

    def plot_posterior(self) -> go.Figure:
        """Draw R-hat before and after alignment, and effective sample sizes."""
        return convergence_figure(self)

    def plot_ranks(self) -> go.Figure:
        """Draw rank plots of the parameters with the largest R-hat, chain by chain."""
        return ranks_figure(self)

    def plot_label_switching(self) -> go.Figure:
        """Draw component means through the chains, before and after alignment."""
        return switching_figure(self)
