"""The figures of a comparison, as methods that return plotly figures."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from experiments.report.comparison.chains import chains_figure
from experiments.report.comparison.clusters import classes_figure
from experiments.report.comparison.data_and_mixtures import data_figure, projection_figure
from experiments.report.comparison.disagreement import disagreement_figure
from experiments.report.comparison.em_steps import steps_figure
from experiments.report.comparison.energy import energy_figure
from experiments.report.comparison.left_out import left_out_figure
from experiments.report.comparison.likelihoods import deviance_figure, paths_figure, scores_figure
from experiments.report.comparison.parameters import parameters_figure
from experiments.report.comparison.posterior_health import (
    convergence_figure,
    ranks_figure,
    switching_figure,
)
from experiments.report.comparison.replicates import replicates_figure
from experiments.values.comparison import ComparisonValues


class DrawnComparison(ComparisonValues):
    """The values of a comparison with a method for each figure.

    Every method returns a plotly figure; `experiments.plots.save_figure` writes it to a file. Each
    raises `UsageError` where the comparison has nothing of the kind.
    """

    def plot_data(self, features: Sequence[str] | None = None) -> go.Figure:
        """Draw the data with the truth and every fit.

        Parameters
        ----------
        features : sequence of str, optional
            Names of the features to draw in pairs; by default the four in which the components
            differ most.
        """
        return data_figure(self, features)

    def plot_projection(self) -> go.Figure:
        """Draw the data in the two directions that separate the components best."""
        return projection_figure(self)

    def plot_em_steps(self, run: str = "best") -> go.Figure:
        """Draw EM step by step.

        Parameters
        ----------
        run : {"best", "worse"}
            The restart that was kept, or one that ended in a worse optimum.
        """
        return steps_figure(self, run)

    def plot_parameters(self) -> go.Figure:
        """Draw the truth and every fit with its intervals as a forest plot."""
        return parameters_figure(self)

    def plot_log_likelihood(self) -> go.Figure:
        """Draw the log-likelihood path of every EM restart."""
        return paths_figure(self)

    def plot_scores(self) -> go.Figure:
        """Draw mean differences of log density per row, with their errors.

        The rows are those held out where there are any, and those fitted otherwise.
        """
        return scores_figure(self)

    def plot_deviance(self) -> go.Figure:
        """Draw the deviance of posterior draws from EM's optimum against its chi-square limit."""
        return deviance_figure(self)

    def plot_disagreement(self) -> go.Figure:
        """Colour each row by how differently two fits, EM and the posterior, assign it."""
        return disagreement_figure(self)

    def plot_classes(self) -> go.Figure:
        """Draw the rows in the colours of their known classes, with the components of the fits."""
        return classes_figure(self)

    def plot_posterior(self) -> go.Figure:
        """Draw R-hat before and after alignment, and effective sample sizes."""
        return convergence_figure(self)

    def plot_ranks(self) -> go.Figure:
        """Draw rank plots of the parameters with the largest R-hat, chain by chain."""
        return ranks_figure(self)

    def plot_chains(self, parameter: str | None = None) -> go.Figure:
        """Draw the chains of a parameter: trace, density, ranks and autocorrelation.

        Parameters
        ----------
        parameter : str, optional
            Such as ``"mean[1, 2]"``, of those with the largest R-hat; by default the first.
        """
        return chains_figure(self, parameter)

    def plot_energy(self) -> go.Figure:
        """Draw the sampler's energy and its change from draw to draw, with E-BFMI, by chain."""
        return energy_figure(self)

    def plot_pareto_k(self) -> go.Figure:
        """Draw Pareto k of each row: whether leave-one-out is known for it."""
        return left_out_figure(self)

    def plot_replicates(self, feature: str | None = None) -> go.Figure:
        """Draw a feature of the data beside data sets that the posterior replicates.

        Parameters
        ----------
        feature : str, optional
            Its name; by default the one that the replicated data sets resemble least.
        """
        return replicates_figure(self, feature)

    def plot_label_switching(self) -> go.Figure:
        """Draw component means through the chains, before and after alignment."""
        return switching_figure(self)
