"""GaussianMixtureUnknownK: the posterior of a Gaussian mixture and of its number of components."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from gmm_bayes.core.checks import (
    ImproperPosteriorWarning,
    check_count,
    check_data,
    check_enough_samples,
)
from gmm_bayes.core.progress import reporting, silent
from gmm_bayes.core.seeds import RandomState, seed_sequence
from gmm_bayes.core.types import FloatArray, IntArray
from gmm_bayes.draws import MixtureDraws
from gmm_bayes.estimators.base import PredictiveEstimator
from gmm_bayes.estimators.gaussian_mixture import GaussianMixtureBayes
from gmm_bayes.estimators.summary import summarise as summarise_known
from gmm_bayes.priors.base import Prior
from gmm_bayes.priors.number_of_components import ComponentsPrior
from gmm_bayes.space.structures import get_structure
from gmm_bayes.unknown_k.clusters import cluster_probabilities
from gmm_bayes.unknown_k.diagnostics import UnknownKDiagnostics
from gmm_bayes.unknown_k.draws import VaryingDraws
from gmm_bayes.unknown_k.given_k import given_k
from gmm_bayes.unknown_k.settings import PriorOfUnknownK
from gmm_bayes.unknown_k.task import UnknownKTask, usual_thinning
from gmm_em.core.html import mixture_table
from gmm_em.core.sklearn_checks import feature_names
from gmm_em.core.threads import single_threaded_blas

if TYPE_CHECKING:
    from gmm_bayes.unknown_k.summary import UnknownKSummary


class GaussianMixtureUnknownK(PredictiveEstimator):
    """The posterior distribution of a Gaussian mixture and of its number of components, K.

    A mixture of finite mixtures: K has a prior, and given K the mixture has the prior that it has
    in :class:`gmm_bayes.GaussianMixtureBayes`. It is drawn by the telescoping sampler
    (Frühwirth-Schnatter, Malsiner-Walli & Grün 2021).

    A component may have no rows. So the posterior of K, the number of components of the population,
    is not that of the number of components with rows, which is the number of clusters in the data.
    Both are returned.

    Parameters
    ----------
    covariance_type : {"full", "tied", "diag", "spherical"}, default "full"
        What the covariances leave free.
    components_prior : ComponentsPrior or mapping, optional
        Prior of K, as an object such as ``UniformComponents(30)`` or as a table such as
        ``{"kind": "uniform", "max": 30}``. Kinds are "uniform" (max), and of K - 1 "poisson"
        (rate), "geometric" (p) and "beta-negative-binomial" (a, b, c); or "fixed" (k). By default
        ``BetaNegativeBinomialComponents(1, 4, 3)``, which expects few components, 2 on average,
        but has a long tail, so that many are found where data show them (same source, section 2.2).
    prior : InverseWishartPrior, HierarchicalPrior, NIWPrior or mapping, optional
        Of the weights and of each component. By default ``InverseWishartPrior()``, under which the
        posterior is proper whatever the data, and which is that of
        :class:`gmm_bayes.GaussianMixtureBayes`: so the posterior of K divided by its prior is
        proportional to the marginal likelihoods that that one gives. Where the prior follows from
        K, as the default one does, it does so here.
    weights : {"static", "dynamic"}, default "static"
        Whether the weights given K are Dirichlet(c, ..., c) or Dirichlet(c / K, ..., c / K), c
        being `concentration`. With dynamic weights more components have no rows as K grows.
        "static" is the default because it is the prior of the weights for a known K.
    concentration : float, optional
        By default that of `prior`, which is 2 for the default one. A prior whose concentration is
        another is refused.
    max_components : int, optional
        Largest K considered, at most 1000; by default that of `components_prior`, or 50.
    draws : int, default 1000
        Kept draws per chain; at least 4, the fewest that can be diagnosed.
    tune : int, default 1000
        Discarded draws per chain.
    chains : int, default 4
    thin : int, optional
        Sweeps of the sampler for each draw. By default 10 for up to 1000 rows, and so many for
        more that a draw visits about 10 000 rows, at least one.
    cores : int, optional
        Chains run at the same time; by default one per processor. Does not change the draws.
    random_state : int, Generator, SeedSequence, RandomState or None, default None
        The same seed gives the same draws.
    progressbar : bool, default True
        Show progress on a terminal; nothing is ever written to a pipe or a file.

    Attributes
    ----------
    n_components_probabilities_ : dict of int to float
        Posterior probability of each K that was drawn.
    n_filled_probabilities_ : dict of int to float
        The same of the number of components that have rows.
    n_components_ : int
        The most probable K.
    posterior_ : xarray.DataTree
        ArviZ's schema: ``posterior`` with n_components and n_filled (chain, draw), and the mean and
        covariance of the whole mixture; ``clusters`` with partition (obs) and, for up to 3000 rows,
        co_clustering (obs, obs_bis); ``sample_stats``; ``observed_data``; ``log_likelihood``,
        pointwise, unless it would hold more than 50 million values. The attribute ``interrupted``
        of ``posterior`` is 1 if sampling was stopped early.
    draws_ : VaryingDraws
        All draws; those with one K are returned by :meth:`given`.
    mixture_ : gmm_em.Mixture
        A point: posterior means given the most probable K.
    weights_, means_, covariances_ : ndarray
        Those of `mixture_`.
    partition_ : ndarray of int, shape (N,)
        One partition of the rows for all draws, numbered by decreasing size: that of the least
        expected variation of information (Wade & Ghahramani 2018), or the most probable components
        of `mixture_` where there are more than 3000 rows.
    diagnostics_ : UnknownKDiagnostics
    log_likelihood_ : ndarray of shape (C, S)
        Every draw's log-likelihood of the data.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if `X` had string column names.

    References
    ----------
    Frühwirth-Schnatter, Malsiner-Walli & Grün (2021), Bayesian Analysis 16, 1279-1307.
    Miller & Harrison (2018), J. Am. Statist. Assoc. 113, 340-356.
    Richardson & Green (1997), J. R. Statist. Soc. B 59, 731-792.
    Wade & Ghahramani (2018), Bayesian Analysis 13, 559-626.

    Examples
    --------
    >>> from gmm_bayes import GaussianMixtureUnknownK
    >>> model = GaussianMixtureUnknownK(random_state=0).fit(X)        # doctest: +SKIP
    >>> model.n_components_probabilities_                             # doctest: +SKIP
    """

    draws_: VaryingDraws
    diagnostics_: UnknownKDiagnostics
    log_likelihood_: FloatArray
    n_components_probabilities_: dict[int, float]
    n_filled_probabilities_: dict[int, float]
    n_components_: int
    partition_: IntArray

    def __init__(  # noqa: PLR0913 - the parameters of an estimator are its public face
        self,
        *,
        covariance_type: str = "full",
        components_prior: ComponentsPrior | Mapping[str, Any] | None = None,
        prior: Prior | Mapping[str, Any] | None = None,
        weights: str = "static",
        concentration: float | None = None,
        max_components: int | None = None,
        draws: int = 1000,
        tune: int = 1000,
        chains: int = 4,
        thin: int | None = None,
        cores: int | None = None,
        random_state: RandomState = None,
        progressbar: bool = True,
    ) -> None:
        self.covariance_type = covariance_type
        self.components_prior = components_prior
        self.prior = prior
        self.weights = weights
        self.concentration = concentration
        self.max_components = max_components
        self.draws = draws
        self.tune = tune
        self.chains = chains
        self.thin = thin
        self.cores = cores
        self.random_state = random_state
        self.progressbar = progressbar

    # Fitting -------------------------------------------------------------------------------------

    @single_threaded_blas()
    def fit(
        self,
        X: ArrayLike,
        y: object = None,
        *,
        sample_weight: None = None,
        callback: Callable[[int, int], None] | None = None,
    ) -> Self:
        """Draw the posterior given `X`.

        Parameters
        ----------
        X : array_like of shape (N, D)
        y : ignored
        sample_weight : None
            Anything else is refused: a weighted row has no allocation to draw.
        callback : callable, optional
            Called as ``callback(n_done, n_total)`` with the draws of all chains, tuning included,
            from the thread that called `fit`; it replaces the progress bar.

        Raises
        ------
        TypeError, ValueError
            If the data or a parameter cannot be used; the message says which and why.
        ImproperPosteriorWarning
            Before sampling, if the prior leaves the posterior of these data improper for some K.
        KeyboardInterrupt
            If interrupted before every chain has a draw to keep. Later, what was drawn is kept,
            and ``posterior_`` is marked as interrupted.
        """
        # Those modules load numba, which takes half a second.
        from gmm_bayes.unknown_k.run import sample  # noqa: PLC0415 - loads numba
        from gmm_bayes.unknown_k.summary import summarise  # noqa: PLC0415 - loads numba

        if sample_weight is not None:
            raise ValueError(
                "sample_weight is given, but GaussianMixtureUnknownK takes no weights, because it "
                "draws a component for every row"
            )
        names = feature_names(X)
        data = check_data(X)
        check_enough_samples(data.shape[0])
        structure = get_structure(self.covariance_type)
        if structure.decomposed:
            raise ValueError(
                f"covariance_type is {self.covariance_type!r}, of which the Gibbs sampler has no "
                "conditional distribution that it could draw from; allowed are structures that "
                "have all of a covariance in common, or nothing"
            )
        found = PriorOfUnknownK.of(
            self.components_prior,
            self.prior,
            self.weights,
            self.concentration,
            self.max_components,
            data.shape[1],
        )
        draws = check_count("draws", self.draws, minimum=4)
        tune = check_count("tune", self.tune, minimum=1)
        chains = check_count("chains", self.chains)
        thin = usual_thinning(len(data)) if self.thin is None else check_count("thin", self.thin)
        cores = None if self.cores is None else check_count("cores", self.cores)
        improper = found.improper_on(data, structure)
        if improper is not None:
            warnings.warn(improper, ImproperPosteriorWarning, stacklevel=3)
        total = chains * (draws + tune)
        with reporting(total, shown=self.progressbar, callback=callback) as progress:
            task = UnknownKTask(
                X=data,
                prior=found.prior,
                components_prior=found.components,
                max_components=found.max_components,
                dynamic=found.dynamic,
                draws=draws,
                tune=tune,
                chains=chains,
                thin=thin,
                cores=cores,
                seed=seed_sequence(self.random_state),
                progress=progress,
                covariance_type=structure.name,
            )
            sampled = sample(task)
        self.n_features_in_ = data.shape[1]
        self._set_feature_names(names)
        self._task = replace(task, progress=silent)
        self._keep(summarise(task, sampled, self._feature_names(), improper))
        return self

    def _keep(self, summary: UnknownKSummary) -> None:
        """Set the attributes that a fit leaves behind, but for those of the data's columns."""
        self.draws_ = summary.draws
        self.log_likelihood_ = summary.log_likelihood
        self.n_components_probabilities_ = summary.n_components
        self.n_filled_probabilities_ = summary.n_filled
        self.n_components_ = max(summary.n_components, key=summary.n_components.__getitem__)
        self.partition_ = summary.partition
        self.diagnostics_ = summary.diagnostics
        self.posterior_ = summary.posterior
        self.mixture_ = summary.mixture
        self._given = {self.n_components_: summary.aligned}

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the settings, or the posterior means if there are any."""
        if not hasattr(self, "posterior_"):
            return self._parameters_html()
        found = self.diagnostics_
        state = "nothing wrong" if found.converged else "; ".join(found.problems)
        k, chance = self.n_components_, self.n_components_probabilities_[self.n_components_]
        caption = (
            f"{self!r}: {len(self.draws_)} draws, {state}. K = {k} has the probability "
            f"{chance:.2f}; posterior means given that"
        )
        return mixture_table(
            self.weights_, self.means_, self.covariances_, caption, self._feature_names()
        )

    # Asking --------------------------------------------------------------------------------------

    def given(self, n_components: int) -> MixtureDraws:
        """Return the draws with `n_components` components, labels aligned, as one chain.

        They are draws of the posterior given that number.

        Raises
        ------
        TypeError, ValueError
            If it is not a whole number, or no draw has so many components.
        """
        from gmm_bayes.labels.relabelling import relabel  # noqa: PLC0415 - loads numba

        self._check_fitted()
        n = check_count("n_components", n_components)
        if n not in self._given:
            self._given[n] = relabel(self.draws_.given(n)[0])[0]
        return self._given[n]

    def probability_error(self, n_components: int) -> float | None:
        """Return the Monte Carlo standard error of the probability of a number of components.

        None where no draw has that number, every draw has it, or there are too few draws to tell.

        Raises
        ------
        TypeError, ValueError
            If `n_components` is no whole number above 0.
        """
        from arviz_stats.base import array_stats  # noqa: PLC0415 - takes a second to load

        self._check_fitted()
        n = check_count("n_components", n_components)
        drawn = (self.draws_.n_components == n).astype(np.float64)
        if drawn.min() == drawn.max():
            return None
        with np.errstate(divide="ignore", invalid="ignore"):
            error = float(array_stats.mcse(drawn, method="mean"))
        return error if np.isfinite(error) else None

    def as_known(self, n_components: int) -> GaussianMixtureBayes:
        """Return the posterior given `n_components` as the estimator of a known number has it.

        Its draws are those of :meth:`given`, so that nothing is sampled; it answers whatever
        :class:`gmm_bayes.GaussianMixtureBayes` does, the marginal likelihood and
        leave-one-out cross-validation among it.

        Raises
        ------
        TypeError, ValueError
            If it is not a whole number, or no draw has so many components.
        """
        self._check_fitted()
        n = check_count("n_components", n_components)
        task, sampled = given_k(self._task, self.draws_, n, {**self.posterior_["posterior"].attrs})
        structure = get_structure(task.covariance_type)
        improper = task.prior.improper_on(task.X, n, structure)
        summary = summarise_known(task, sampled, self._feature_names(), improper)
        return GaussianMixtureBayes.of_draws(task, summary)

    def score_samples(self, X: ArrayLike) -> FloatArray:
        """Return the log posterior predictive density of each row, shape (N,).

        ``log mean_s p(x | s)`` over all draws, whatever their numbers of components.
        """
        rows = self._checked_rows(X)
        return self.draws_.predictive_log_prob(rows)

    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Return the probability of each cluster of `partition_` for a new row, shape (N, C).

        Averaged over all draws, whatever their numbers of components: in each draw a component
        belongs to the clusters in the proportions in which its rows do.
        """
        rows = self._checked_rows(X)
        return cluster_probabilities(self.draws_, rows, self.partition_)

    def sample(self, n_samples: int = 1) -> tuple[FloatArray, IntArray]:
        """Return new rows from the posterior predictive distribution, and their clusters.

        Each row comes from a draw of its own; its cluster is the one that :meth:`predict` returns.
        Repeated calls with the same integer `random_state` return the same rows.

        Parameters
        ----------
        n_samples : int, default 1

        Returns
        -------
        X : ndarray of shape (n_samples, D)
        labels : ndarray of int, shape (n_samples,)
        """
        self._check_fitted()
        n = check_count("n_samples", n_samples)
        rng = np.random.default_rng(seed_sequence(self.random_state).spawn(1)[0])
        rows = self.draws_.sample_predictive(n, rng)[0]
        return rows, cluster_probabilities(self.draws_, rows, self.partition_).argmax(axis=1)

    def pointwise_log_likelihood(self, X: ArrayLike) -> FloatArray:
        """Return every draw's log density at every row, shape (C, S, N)."""
        rows = self._checked_rows(X)
        return self.draws_.log_prob(rows)
