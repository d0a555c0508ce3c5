"""The samplers by name."""

from __future__ import annotations

from collections.abc import Callable

from gmm_bayes.samplers.advi.sampler import ADVI
from gmm_bayes.samplers.contract import Sampler
from gmm_bayes.samplers.gibbs.sampler import Gibbs
from gmm_bayes.samplers.nuts.sampler import NUTS
from gmm_bayes.samplers.smc.sampler import SMC

SAMPLERS: dict[str, Callable[[], Sampler]] = {
    "nuts": NUTS,
    "gibbs": Gibbs,
    "advi": ADVI,
    "smc": SMC,
}


def get_sampler(sampler: str | Sampler) -> Sampler:
    """Return the sampler of that name with its defaults, or the given sampler itself.

    Raises
    ------
    ValueError, TypeError
        If the name is unknown, or the object cannot sample.
    """
    if isinstance(sampler, str):
        if sampler not in SAMPLERS:
            raise ValueError(
                f"sampler is {sampler!r}; allowed are {', '.join(map(repr, SAMPLERS))}"
            )
        return SAMPLERS[sampler]()
    if not isinstance(sampler, Sampler) or isinstance(sampler, type):
        raise TypeError(f"sampler must be a name or have a method sample(task), but is {sampler!r}")
    return sampler
