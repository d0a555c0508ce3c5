"""The No-U-Turn sampler of nutpie on the PyMC model."""

from __future__ import annotations

import nutpie

from gmm_bayes.pymc_model.cache import nutpie_model_of
from gmm_bayes.samplers.contract import Sampled, Task
from gmm_bayes.samplers.nuts.nutpie_runs import common_length, run_nutpie, statistics
from gmm_bayes.samplers.nuts.output import NUTSSettings, attributes, posterior_draws


def sample(settings: NUTSSettings, task: Task) -> Sampled:
    """Return the draws that `task` asks for."""
    model = nutpie_model_of(task.X, task.n_components, task.prior, task.covariance_type)
    trace, interrupted = run_nutpie(settings, task, model)
    kept = common_length(trace)
    draws = posterior_draws(trace["posterior"], kept)
    return Sampled(draws, statistics(trace, kept), interrupted, attributes(settings, nutpie))
