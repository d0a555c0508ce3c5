"""Checks of a model by its posterior: evidence, cross-validation, replicated data."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gmm_bayes.core.cores import processors
from gmm_bayes.core.limits import MAX_POINTWISE
from gmm_bayes.core.types import FloatArray
from gmm_bayes.draws import MixtureDraws
from gmm_bayes.evidence import Evidence
from gmm_bayes.priors.base import Prior

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class FittedModel:
    """A posterior together with what it was drawn from.

    Parameters
    ----------
    draws : MixtureDraws
        Aligned, in the data's own units.
    X : ndarray of shape (N, D)
    prior : InverseWishartPrior, HierarchicalPrior, LKJPrior or NIWPrior
    covariance_type : str
    cores : int or None
    evidence : Evidence or None
        Where the sampler gave it.
    improper : str or None
        Why the posterior is improper, if it is.
    """

    draws: MixtureDraws
    X: FloatArray
    prior: Prior
    covariance_type: str
    cores: int | None
    evidence: Evidence | None
    improper: str | None = None

    def log_marginal_likelihood(self, rng: np.random.Generator) -> Evidence:
        """Return the sampler's own log marginal likelihood, or that of bridge sampling.

        Raises
        ------
        ValueError
            If the posterior is improper, or there are too few draws for bridge sampling.
        """
        if self.improper is not None:
            raise ValueError(f"there is no log marginal likelihood: {self.improper}")
        if self.evidence is not None:
            return self.evidence
        # That module loads numba, which takes half a second.
        from gmm_bayes.evaluation.bridge_sampling import (  # noqa: PLC0415 - loads numba
            marginal_likelihood_of,
        )

        cores = self.cores or processors()
        return marginal_likelihood_of(
            self.X, self.prior, self.covariance_type, self.draws, rng, cores
        )

    def loo(self, posterior: xr.DataTree) -> Any:
        """Return ArviZ's PSIS-LOO of `posterior`, with its pointwise Pareto-k.

        Where the pointwise log-likelihood is too large to keep, evenly spaced draws stand for all.
        Rows of which nothing was observed are left out: their density is 1 whatever the mixture.
        """
        import arviz as az  # noqa: PLC0415 - takes a second to load
        import xarray as xr  # noqa: PLC0415 - takes half a second to load

        if "log_likelihood" not in posterior.children:
            few, kept = self.draws.thin(MAX_POINTWISE // (len(self.X) * self.draws.n_chains))
            thinned = posterior["posterior"].to_dataset().isel(draw=kept)
            values = few.log_prob(self.X, "mar")
            coords = {name: thinned[name] for name in ("chain", "draw")}
            pointwise = xr.Dataset({"x": (("chain", "draw", "obs"), values)}, coords=coords)
            posterior = xr.DataTree.from_dict({"posterior": thinned, "log_likelihood": pointwise})
        seen = ~np.isnan(self.X).all(axis=1)
        if not seen.all():
            kept_rows = posterior["log_likelihood"].to_dataset().isel(obs=np.flatnonzero(seen))
            whole = posterior["posterior"].to_dataset()
            posterior = xr.DataTree.from_dict({"posterior": whole, "log_likelihood": kept_rows})
        with warnings.catch_warnings():
            # The result has the same warning in `warning`, `pareto_k` and the table that it prints.
            warnings.filterwarnings("ignore", message="Estimated shape parameter of Pareto")
            return az.loo(posterior, pointwise=True)

    def posterior_predictive(
        self, posterior: xr.DataTree, n: int | None, rng: np.random.Generator
    ) -> xr.DataTree:
        """Return a replicated data set ``x`` (chain, draw, obs, feature) for each of n draws.

        Parameters
        ----------
        posterior : xarray.DataTree
            Gives the coordinates.
        n : int or None
            Draws, evenly spaced over each chain and rounded up to as many of each; by default all,
            or as many as hold 50 million values.
        rng : numpy.random.Generator
        """
        import xarray as xr  # noqa: PLC0415 - takes half a second to load

        most = MAX_POINTWISE // self.X.size if n is None else n
        few, kept = self.draws.thin(-(-most // self.draws.n_chains))
        rows = [mixture.sample(len(self.X), rng)[0] for mixture in few]
        observed = posterior["observed_data"]
        replicated = xr.Dataset(
            {
                "x": (
                    ("chain", "draw", "obs", "feature"),
                    np.stack(rows).reshape(few.n_chains, few.n_draws, *self.X.shape),
                )
            },
            coords={
                "chain": posterior["posterior"]["chain"].to_numpy(),
                "draw": posterior["posterior"]["draw"].to_numpy()[kept],
                "obs": observed["obs"].to_numpy(),
                "feature": observed["feature"].to_numpy(),
            },
            attrs=dict(posterior["posterior"].attrs),
        )
        return xr.DataTree(dataset=replicated)
