"""GaussianMixtureBayes: the posterior of a Gaussian mixture, behind scikit-learn's conventions."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from gmm_bayes.core.checks import (
    check_count,
    check_covariance_type,
    check_data,
    check_enough_samples,
    check_n_components,
)
from gmm_bayes.core.limits import MAX_POINTWISE
from gmm_bayes.core.progress import reporting
from gmm_bayes.core.types import FloatArray, IntArray
from gmm_bayes.draws import MixtureDraws
from gmm_bayes.evaluation.datatree import to_datatree
from gmm_bayes.evaluation.diagnostics import Diagnostics, diagnose
from gmm_bayes.evaluation.model_checks import FittedModel
from gmm_bayes.evidence import Evidence
from gmm_bayes.labels.relabelling import relabel
from gmm_bayes.plots import plot_prior_predictive
from gmm_bayes.priors.lkj import LKJPrior
from gmm_bayes.priors.niw import NIWPrior
from gmm_bayes.priors.predictive import sample_prior_predictive
from gmm_bayes.priors.registry import check_prior
from gmm_bayes.samplers.contract import Sampled, Sampler, Task
from gmm_bayes.samplers.registry import get_sampler
from gmm_bayes.space.structures import get_structure
from gmm_em import Mixture
from gmm_em.core.sklearn_checks import (
    NotFittedError,
    check_feature_names,
    feature_names,
    sklearn_or,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr
from gmm_bayes.core.seeds import RandomState, seed_sequence


class GaussianMixtureBayes:
    """The posterior distribution of a Gaussian mixture.

    The twin of :class:`gmm_em.GaussianMixtureEM`: the same data and the same questions, answered
    with uncertainty. Labels are aligned (:func:`gmm_bayes.relabel`) before anything is summarised.

    Parameters
    ----------
    n_components : int, default 1
        The number of components, K.
    covariance_type : {"full", "tied", "diag", "spherical"}, default "full"
        What the covariances leave free, as in :class:`gmm_em.GaussianMixtureEM`.
    prior : LKJPrior or NIWPrior, optional
        By default weakly informative on standardised data: ``LKJPrior()``, or ``NIWPrior()`` where
        the sampler needs a conjugate prior.
    sampler : {"nuts", "gibbs", "advi", "smc"} or Sampler, default "nuts"
        "gibbs" takes an :class:`NIWPrior`, the others either prior; "advi" only approximates the
        posterior. A name, or an object such as ``gmm_bayes.NUTS(backend="pymc")``.
    draws : int, default 1000
        Kept draws per chain; at least 4, the fewest that can be diagnosed.
    tune : int, default 1000
        Discarded draws per chain, in which the sampler adapts.
    chains : int, default 4
    cores : int, optional
        Chains run at the same time; by default one per processor. Does not change the draws.
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
        A point: posterior means of weights, means and covariances over aligned draws.
    weights_, means_, covariances_ : ndarray
        Those of `mixture_`.
    permutations_ : ndarray of int, shape (C, S, K)
        What aligned the sampler's draws.
    diagnostics_ : Diagnostics
    log_likelihood_ : ndarray of shape (C, S)
        Every draw's log-likelihood of the data.
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

    posterior_: xr.DataTree
    draws_: MixtureDraws
    mixture_: Mixture
    permutations_: IntArray
    diagnostics_: Diagnostics
    log_likelihood_: FloatArray
    n_features_in_: int

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        prior: LKJPrior | NIWPrior | None = None,
        sampler: str | Sampler = "nuts",
        draws: int = 1000,
        tune: int = 1000,
        chains: int = 4,
        cores: int | None = None,
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
        self.random_state = random_state
        self.progressbar = progressbar

    # scikit-learn's conventions ------------------------------------------------------------------

    @classmethod
    def _parameter_names(cls) -> list[str]:
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's parameters by name; `deep` is accepted and changes nothing."""
        return {name: getattr(self, name) for name in self._parameter_names()}

    def set_params(self, **params: Any) -> Self:
        """Set constructor parameters by name.

        Raises
        ------
        ValueError
            If a name is unknown.
        """
        names = self._parameter_names()
        for name in params:
            if name not in names:
                raise ValueError(
                    f"{type(self).__name__} has no parameter {name!r}; it has {', '.join(names)}"
                )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> Any:
        """Describe the estimator to scikit-learn, which alone calls this."""
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(
            estimator_type="density_estimator",
            target_tags=TargetTags(required=False),
            input_tags=InputTags(),
        )

    def _repr_html_(self) -> str:
        from gmm_em.core.html import mixture_table, table

        if not hasattr(self, "draws_"):
            rows = [[name, repr(value)] for name, value in self.get_params().items()]
            return table(f"{self!r}, not fitted", ("parameter", "value"), rows)
        found = self.diagnostics_
        state = "nothing wrong" if found.converged else "; ".join(found.problems)
        caption = f"{self!r}: {len(self.draws_)} draws, {state}. Posterior means"
        names = getattr(self, "feature_names_in_", None)
        return mixture_table(
            self.weights_,
            self.means_,
            self.covariances_,
            caption,
            None if names is None else [str(name) for name in names],
        )

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self).__init__).parameters
        changed = [
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if value is not defaults[name].default and value != defaults[name].default
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    # Fitting -------------------------------------------------------------------------------------

    def fit(
        self, X: ArrayLike, y: object = None, *, callback: Callable[[int, int], None] | None = None
    ) -> Self:
        """Draw the posterior given `X`.

        Parameters
        ----------
        X : array_like of shape (N, D)
        y : ignored
        callback : callable, optional
            Called as ``callback(n_done, n_total)`` with the iterations of all chains, tuning
            included, from the thread that called `fit`; it replaces the progress bar.

        Raises
        ------
        TypeError, ValueError
            If the data or a parameter cannot be used; the message says which and why.
        KeyboardInterrupt
            If interrupted before every chain has a draw to keep. Later, what was drawn is kept,
            and ``posterior_`` is marked as interrupted.
        """
        names = feature_names(X)
        data, n_components, covariance_type = self._checked(X)
        sampler, prior = self._sampler_and_prior(data.shape[1])
        draws = check_count("draws", self.draws, minimum=4)
        tune = check_count("tune", self.tune, minimum=1)
        chains = check_count("chains", self.chains)
        cores = None if self.cores is None else check_count("cores", self.cores)
        seed = seed_sequence(self.random_state)
        total = chains * (draws + tune)
        with reporting(total, shown=self.progressbar, callback=callback) as progress:
            task = Task(
                data, n_components, prior, draws, tune, chains, cores, seed, progress,
                covariance_type,
            )  # fmt: skip
            sampled = sampler.sample(task)
        self.n_features_in_ = data.shape[1]
        self.__dict__.pop("feature_names_in_", None)
        if names is not None:
            self.feature_names_in_ = names
        self._summarise(task, sampled)
        return self

    def _checked(self, X: ArrayLike) -> tuple[FloatArray, int, str]:
        data = check_data(X)
        check_enough_samples(data.shape[0])
        n_components = check_n_components(self.n_components, data.shape[0])
        return data, n_components, check_covariance_type(self.covariance_type)

    def _sampler_and_prior(self, n_features: int) -> tuple[Sampler, LKJPrior | NIWPrior]:
        sampler = get_sampler(self.sampler)
        prior = sampler.default_prior() if self.prior is None else self.prior
        return sampler, check_prior(prior, n_features)

    def _summarise(self, task: Task, sampled: Sampled) -> None:
        data = task.X
        aligned, permutations = relabel(sampled.draws)
        pointwise = None
        if len(aligned) * data.shape[0] <= MAX_POINTWISE:
            pointwise = aligned.log_prob(data)
        log_likelihood = (
            aligned.log_likelihood(data) if pointwise is None else pointwise.sum(axis=-1)
        )
        self.draws_ = aligned
        self.permutations_ = permutations
        self.log_likelihood_ = log_likelihood
        self.mixture_ = aligned.mean()
        self.diagnostics_ = diagnose(
            aligned,
            sampled.draws,
            permutations,
            log_likelihood,
            sampled.stats,
            get_structure(task.covariance_type),
            sampled.problems,
            sampled.notes,
        )
        self._judged = FittedModel(
            aligned, data, task.prior, task.covariance_type, task.cores, sampled.evidence
        )
        self._evidence: Evidence | None = None
        names = getattr(self, "feature_names_in_", None)
        attributes = {**sampled.attributes, "interrupted": int(sampled.interrupted)}
        self.posterior_ = to_datatree(
            aligned,
            sampled.stats,
            data,
            pointwise,
            attributes,
            None if names is None else [str(name) for name in names],
            sampled.paths,
        )

    @property
    def weights_(self) -> FloatArray:
        """Posterior means of the weights, shape (K,)."""
        return self._fitted().mixture_.weights

    @property
    def means_(self) -> FloatArray:
        """Posterior means of the component means, shape (K, D)."""
        return self._fitted().mixture_.means

    @property
    def covariances_(self) -> FloatArray:
        """Posterior means of the covariances, shape (K, D, D)."""
        return self._fitted().mixture_.covariances

    # Before the data -----------------------------------------------------------------------------

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

    # Asking --------------------------------------------------------------------------------------

    def score_samples(self, X: ArrayLike) -> FloatArray:
        """Return the log posterior predictive density of each row, shape (N,).

        ``log mean_s p(x | s)`` over all draws: parameter uncertainty included.
        """
        joint = self._fitted().draws_.predictive_component_log_prob(self._check(X))
        return np.asarray(logsumexp(joint, axis=1))

    def score(self, X: ArrayLike, y: object = None) -> float:
        """Return the mean of :meth:`score_samples`."""
        return float(self.score_samples(X).mean())

    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Return the posterior predictive probability of each component, shape (N, K).

        ``p(k | x) = mean_s w_k N(x | k, s) / mean_s p(x | s)``, for a new row at `x`.
        """
        joint = self._fitted().draws_.predictive_component_log_prob(self._check(X))
        return np.exp(joint - logsumexp(joint, axis=1, keepdims=True))

    def predict(self, X: ArrayLike) -> IntArray:
        """Return the most probable component of each row, shape (N,)."""
        return np.asarray(self.predict_proba(X).argmax(axis=1))

    def fit_predict(self, X: ArrayLike, y: object = None) -> IntArray:
        """Fit, then return the most probable component of each row."""
        return self.fit(X).predict(X)

    def sample(self, n_samples: int = 1) -> tuple[FloatArray, IntArray]:
        """Return new rows from the posterior predictive distribution, and their components.

        Each row comes from a draw of its own. Repeated calls with the same integer `random_state`
        return the same rows.

        Parameters
        ----------
        n_samples : int, default 1

        Returns
        -------
        X : ndarray of shape (n_samples, D)
        labels : ndarray of int, shape (n_samples,)
        """
        draws = self._fitted().draws_
        n = check_count("n_samples", n_samples)
        rng = np.random.default_rng(seed_sequence(self.random_state).spawn(1)[0])
        chains = rng.integers(draws.n_chains, size=n)
        picks = rng.integers(draws.n_draws, size=n)
        cumulative = draws.weights[chains, picks].cumsum(axis=1)
        points = rng.random((n, 1)) * cumulative[:, -1:]
        labels = (points >= cumulative).sum(axis=1)
        noise = rng.standard_normal((n, draws.n_features))
        factors = draws.scale_trils[chains, picks, labels]
        rows = draws.means[chains, picks, labels] + np.einsum("nij,nj->ni", factors, noise)
        return rows, labels

    def pointwise_log_likelihood(self, X: ArrayLike) -> FloatArray:
        """Return every draw's log density at every row, shape (C, S, N)."""
        return self._fitted().draws_.log_prob(self._check(X))

    # Judging the model ---------------------------------------------------------------------------

    def log_marginal_likelihood(self) -> tuple[float, float]:
        """Return the log marginal likelihood of the data, and its Monte Carlo standard error.

        ``log p(X) = log integral p(X | mixture) p(mixture)``, every constant included and in the
        data's own units, so that numbers of components, covariance types and priors can be
        compared: the difference of two is a log Bayes factor. With sampler "smc" it is that
        sampler's own, with "advi" importance sampling's, otherwise that of bridge sampling
        (:func:`gmm_bayes.evaluation.bridge_sampling.bridge_sampling`), which sees only modes that
        the chains visited.
        Computed once.

        Returns
        -------
        value : float
        standard_error : float
            NaN where it cannot be told: a single chain of "smc", or "advi" with Pareto-k > 0.7.

        Raises
        ------
        ValueError
            If there are too few draws: bridge sampling needs about four per parameter.
        """
        evidence = self._fitted()._evidence
        if evidence is None:
            rng = np.random.default_rng(seed_sequence(self.random_state).spawn(3)[2])
            evidence = self._evidence = self._judged.log_marginal_likelihood(rng)
        return evidence.value, evidence.standard_error

    def loo(self) -> Any:
        """Return the expected log predictive density by leave-one-out cross-validation.

        Returns
        -------
        arviz_stats.ELPDData
            Pareto-smoothed importance sampling (Vehtari, Gelman & Gabry 2017), with the pointwise
            values and Pareto-k; ``az.compare`` takes several. Its ``warning`` is True if a Pareto-k
            is too high for its row's value to be trusted.
        """
        return self._fitted()._judged.loo(self.posterior_)

    def sample_posterior_predictive(self, n: int | None = None) -> xr.DataTree:
        """Add replicated data sets to `posterior_`, one for each of `n` posterior draws.

        Repeated calls with the same integer `random_state` give the same rows.

        Parameters
        ----------
        n : int, optional
            Draws, evenly spaced over each chain and rounded up to as many of each; by default all,
            or as many as hold 50 million values.

        Returns
        -------
        xarray.DataTree
            `posterior_`, with the group ``posterior_predictive`` of x (chain, draw, obs, feature),
            for ``az.plot_ppc_dist`` and its like.
        """
        judged = self._fitted()._judged
        count = None if n is None else check_count("n", n)
        rng = np.random.default_rng(seed_sequence(self.random_state).spawn(4)[3])
        predicted = judged.posterior_predictive(self.posterior_, count, rng)
        self.posterior_ = self.posterior_.assign(posterior_predictive=predicted)
        return self.posterior_

    def _check(self, X: ArrayLike) -> FloatArray:
        own = type(self).__name__
        fitted = self._fitted()
        check_feature_names(own, feature_names(X), getattr(self, "feature_names_in_", None))
        return check_data(X, n_features=fitted.n_features_in_, who=own)

    def _fitted(self) -> Self:
        if not hasattr(self, "draws_"):
            raise sklearn_or(NotFittedError)(
                f"this {type(self).__name__} is not fitted yet; call fit first"
            )
        return self
