"""PyMC's own No-U-Turn sampler on the PyMC model."""

from __future__ import annotations

import warnings
from typing import Any

import pymc as pm

from gmm_bayes.pymc_model.cache import model_of
from gmm_bayes.samplers.contract import Sampled, Task, usable_cores
from gmm_bayes.samplers.nuts.output import STATISTICS, NUTSSettings, attributes, posterior_draws


def sample(settings: NUTSSettings, task: Task) -> Sampled:
    """Return the draws that `task` asks for."""
    model = model_of(task.X, task.n_components, task.prior, task.covariance_type)
    total = task.chains * (task.draws + task.tune)
    done = 0

    def count(**_: Any) -> None:
        nonlocal done
        done += 1
        task.progress(done, total)

    try:
        with warnings.catch_warnings():
            # gmm_bayes.evaluation.diagnostics judges convergence, on aligned draws.
            warnings.simplefilter("ignore")
            trace = pm.sample(
                model=model,
                draws=task.draws,
                tune=task.tune,
                chains=task.chains,
                cores=usable_cores(task),
                random_seed=task.seed.generate_state(task.chains).tolist(),
                nuts_sampler="pymc",
                target_accept=settings.target_accept,
                nuts={"max_treedepth": settings.max_treedepth},
                progressbar=False,
                quiet=True,
                compute_convergence_checks=False,
                callback=count,
            )
    except ValueError as error:
        # When interrupted, PyMC stops sampling as if it were done, and then finds too few draws.
        if "Not enough samples" in str(error):
            raise KeyboardInterrupt from error
        raise
    stats = trace["sample_stats"]
    draws = posterior_draws(trace["posterior"], trace["posterior"].sizes["draw"])
    return Sampled(
        draws,
        {name: stats[name].to_numpy() for name in STATISTICS.values() if name in stats},
        len(draws) < task.chains * task.draws,  # PyMC leaves out chains that have too few
        attributes(settings, pm),
    )
