"""GaussianMixtureBayes: the posterior of a Gaussian mixture, behind scikit-learn's conventions."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike

from gmm_bayes.core.checks import (
    ImproperPosteriorWarning,
    check_count,
    check_data,
    check_enough_samples,
    check_n_components,
)
from gmm_bayes.core.progress import reporting
from gmm_bayes.core.seeds import RandomState, seed_sequence
from gmm_bayes.core.types import FloatArray
from gmm_bayes.estimators.base import PosteriorEstimator
from gmm_bayes.estimators.summary import Summary, summarise
from gmm_bayes.plots import plot_prior_predictive
from gmm_bayes.priors.base import Prior
from gmm_bayes.priors.predictive import sample_prior_predictive
from gmm_bayes.priors.registry import check_prior, default_prior
from gmm_bayes.samplers.contract import Sampler, Task
from gmm_bayes.samplers.registry import get_sampler
from gmm_bayes.space.structures import get_structure
from gmm_em.core.sklearn_checks import feature_names
from gmm_em.core.threads import single_threaded_blas

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr


class GaussianMixtureBayes(PosteriorEstimator):
    """The posterior distribution of a Gaussian mixture.

    The twin of :class:`gmm_em.GaussianMixtureEM`: the same data and the same questions, answered
    with uncertainty. Labels are aligned (:func:`gmm_bayes.relabel`) before anything is summarised.

    Parameters
    ----------
    n_components : int, default 1
        The number of components, K.
    covariance_type : str, default "full"
        What the covariances leave free, one of the names of :class:`gmm_em.GaussianMixtureEM`.
    prior : InverseWishartPrior, HierarchicalPrior, LKJPrior, NIWPrior or VolumeShapePrior, optional
        By default ``InverseWishartPrior()`` for every sampler, or ``VolumeShapePrior()`` where
        components share some of volume, shape and orientation: weakly informative on standardised
        data, with a proper posterior whatever the data.
    sampler : {"nuts", "gibbs", "advi", "smc"} or Sampler, default "nuts"
        "gibbs" takes any prior but an :class:`LKJPrior` or a :class:`VolumeShapePrior`, the others
        any prior of the structure; "advi" only approximates the posterior. A name, or an object
        such as
        ``gmm_bayes.NUTS(backend="pymc")``.
    draws : int, default 1000
        Kept draws per chain; at least 4, the fewest that can be diagnosed.
    tune : int, default 1000
        Discarded draws per chain, in which the sampler adapts.
    chains : int, default 4
    cores : int, optional
        Chains run at the same time; by default one per processor. Does not change the draws.
    missing : {"error", "mar"}, default "error"
        What to do with NaN: refuse it, or treat it as missing at random. The posterior is then that
        given what was observed, exactly. NUTS with its default backend, "gibbs", "advi" and "smc"
        draw it.
    random_state : int, Generator, SeedSequence, RandomState or None, default None
        The same seed gives the same draws.
    progressbar : bool, default True
        Show progress on a terminal; nothing is ever written to a pipe or a file.

    Attributes
    ----------
    posterior_ : xarray.DataTree
        ArviZ's schema, data's own units, aligned labels: ``posterior`` with weights (chain, draw,
        component), means (chain, draw, component, feature) and covariances (chain, draw, component,
        feature, feature_bis); ``sample_stats``; ``observed_data``; ``log_likelihood``, pointwise,
        unless it would hold more than 50 million values (:meth:`pointwise_log_likelihood` gives it
        on demand). The attribute ``interrupted`` of ``posterior`` is 1 if sampling was stopped
        early. Components are numbered by decreasing posterior mean weight.
    draws_ : MixtureDraws
        The same draws as mixtures.
    mixture_ : gmm_em.Mixture
        A point: posterior means of weights, means and covariances over aligned draws. Where
        components share some of volume, shape and orientation, every draw has that structure, and
        a mean of draws in general has not.
    weights_, means_, covariances_ : ndarray
        Those of `mixture_`.
    permutations_ : ndarray of int, shape (C, S, K)
        What aligned the sampler's draws.
    diagnostics_ : Diagnostics
    log_likelihood_ : ndarray of shape (C, S)
        Every draw's log-likelihood of the data.
    model_ : pymc.Model
        The PyMC model of this posterior (:func:`gmm_bayes.build_model`), to look at or to extend.
    model_in_numbers_ : ModelInNumbers or None
        The same model as numbers, for another program; None where rows have missing values.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if `X` had string column names.

    Examples
    --------
    >>> from gmm_bayes import GaussianMixtureBayes
    >>> model = GaussianMixtureBayes(n_components=2, random_state=0).fit(X)   # doctest: +SKIP
    >>> import arviz as az
    >>> az.summary(model.posterior_)                                          # doctest: +SKIP
    """

    def __init__(  # noqa: PLR0913 - the parameters of an estimator are its public face
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        prior: Prior | None = None,
        sampler: str | Sampler = "nuts",
        draws: int = 1000,
        tune: int = 1000,
        chains: int = 4,
        cores: int | None = None,
        missing: str = "error",
        random_state: RandomState = None,
        progressbar: bool = True,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.prior = prior
        self.sampler = sampler
        self.draws = draws
        self.tune = tune
        self.chains = chains
        self.cores = cores
        self.missing = missing
        self.random_state = random_state
        self.progressbar = progressbar

    # Fitting -------------------------------------------------------------------------------------

    @single_threaded_blas()
    def fit(
        self,
        X: ArrayLike,
        y: object = None,
        *,
        callback: Callable[[int, int], None] | None = None,
        **refused: object,
    ) -> Self:
        """Draw the posterior given `X`.

        Parameters
        ----------
        X : array_like of shape (N, D)
        y : ignored
        callback : callable, optional
            Called as ``callback(n_done, n_total)`` with the iterations of all chains, tuning
            included, from the thread that called `fit`; it replaces the progress bar.
        **refused
            Nothing else is taken; `sample_weight` is refused in a sentence that says why.

        Raises
        ------
        TypeError, ValueError
            If the data or a parameter cannot be used; the message says which and why.
        ImproperPosteriorWarning
            Before sampling, if the prior leaves the posterior of these data improper. It is sampled
            all the same, but has no marginal likelihood.
        KeyboardInterrupt
            If interrupted before every chain has a draw to keep. Later, what was drawn is kept,
            and ``posterior_`` is marked as interrupted.
        """
        _refuse(refused)
        names = feature_names(X)
        data, n_components, covariance_type = self._checked(X)
        sampler, prior = self._sampler_and_prior(data.shape[1])
        draws = check_count("draws", self.draws, minimum=4)
        tune = check_count("tune", self.tune, minimum=1)
        chains = check_count("chains", self.chains)
        cores = None if self.cores is None else check_count("cores", self.cores)
        seed = seed_sequence(self.random_state)
        total = chains * (draws + tune)
        improper = prior.improper_on(data, n_components, get_structure(covariance_type))
        if improper is not None:
            warnings.warn(improper, ImproperPosteriorWarning, stacklevel=3)
        with reporting(total, shown=self.progressbar, callback=callback) as progress:
            task = Task(
                X=data,
                n_components=n_components,
                prior=prior,
                draws=draws,
                tune=tune,
                chains=chains,
                cores=cores,
                seed=seed,
                progress=progress,
                covariance_type=covariance_type,
            )
            sampled = sampler.sample(task)
        self.n_features_in_ = data.shape[1]
        self._set_feature_names(names)
        self._keep(summarise(task, sampled, self._feature_names(), improper))
        return self

    @classmethod
    def of_draws(cls, task: Task, summary: Summary) -> Self:
        """Return a fitted estimator of draws that were made otherwise, for a task and its summary.

        Parameters
        ----------
        task : Task
        summary : gmm_bayes.estimators.summary.Summary
        """
        model = cls(
            task.n_components,
            covariance_type=task.covariance_type,
            prior=task.prior,
            sampler="gibbs",
            draws=task.draws,
            tune=task.tune,
            chains=task.chains,
            cores=task.cores,
            random_state=task.seed,
            progressbar=False,
        )
        model.n_features_in_ = task.X.shape[1]
        model._keep(summary)
        return model

    def _checked(self, X: ArrayLike) -> tuple[FloatArray, int, str]:
        """Return the data, the number of components and the name of the structure, checked."""
        data = check_data(X, missing=self.missing)
        unseen = np.isnan(data).all(axis=0)
        if unseen.any():
            raise ValueError(f"column {int(unseen.argmax())} of X has no observed value")
        check_enough_samples(data.shape[0])
        n_components = check_n_components(self.n_components, data.shape[0])
        return data, n_components, get_structure(self.covariance_type).name

    def _sampler_and_prior(self, n_features: int) -> tuple[Sampler, Prior]:
        """Return the sampler, and the prior that it is to use."""
        sampler, structure = get_sampler(self.sampler), get_structure(self.covariance_type)
        prior = self.prior
        if prior is None:
            prior = default_prior(structure) if structure.decomposed else sampler.default_prior()
        checked = check_prior(prior, n_features)
        checked.check_structure(structure)
        return sampler, checked

    # Before the data -----------------------------------------------------------------------------

    @single_threaded_blas()
    def sample_prior_predictive(self, X: ArrayLike, n_draws: int = 200) -> xr.DataTree:
        """Return draws from the prior, and from each a data set as large as `X`.

        Needs no fit. Repeated calls with the same integer `random_state` return the same draws.

        Parameters
        ----------
        X : array_like of shape (N, D)
            Its size, and for a prior on the standardised scale its location and scale, are used.
        n_draws : int, default 200

        Returns
        -------
        xarray.DataTree
            In the data's own units: ``prior`` (weights, means, covariances as in `posterior_`),
            ``prior_predictive`` with x (chain, draw, obs, feature), and ``observed_data``.

        Raises
        ------
        TypeError, ValueError
            If the data or a parameter cannot be used; the message says which and why.
        """
        data, n_components, covariance_type = self._checked(X)
        _, prior = self._sampler_and_prior(data.shape[1])
        names = feature_names(X)
        rng = np.random.default_rng(seed_sequence(self.random_state).spawn(2)[1])
        return sample_prior_predictive(
            prior,
            data,
            n_components,
            check_count("n_draws", n_draws),
            rng,
            covariance_type,
            None if names is None else [str(name) for name in names],
        )

    def plot_prior_predictive(self, X: ArrayLike, n_draws: int = 200) -> go.Figure:
        """Return a plotly figure of what the prior expects of each feature, with the data.

        Parameters and errors are those of :meth:`sample_prior_predictive`; see
        :func:`gmm_bayes.plots.plot_prior_predictive` for what is shown.
        """
        return plot_prior_predictive(self.sample_prior_predictive(X, n_draws))


def _refuse(given: dict[str, object]) -> None:
    """Refuse arguments of `fit` that it does not have; None is nothing given."""
    if given.pop("sample_weight", None) is not None:
        raise ValueError(
            "sample_weight is given, but a posterior counts every row as one observation: with "
            "weights it would be surer or less sure than the data are; repeat rows that occurred "
            "several times, or weight them in gmm_em.GaussianMixtureEM"
        )
    if given:
        raise TypeError(f"fit has no argument {next(iter(given))!r}; allowed are X, y and callback")
