"""Draws from a Stan program, or evaluates its density. ``python stan_run.py TASK FOUND``.

It runs as a process of its own, by a Python that has PyStan and may have nothing else of this
project, so that it imports PyStan and NumPy only. TASK is a JSON file; FOUND will hold arrays.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import httpstan.cache
import httpstan.compile
import httpstan.models
import numpy as np
import stan

# What ArviZ calls Stan's statistics.
STATS = {"divergent__": "diverging", "energy__": "energy"}


def compile_program(program: str) -> None:
    """Compile a program, unless it was compiled before, and load it.

    PyStan would compile it, too, but waits for five minutes at most, and does not say why a program
    that was compiled cannot be loaded.
    """
    name = httpstan.models.calculate_model_name(program)
    try:
        httpstan.models.import_services_extension_module(name)
    except KeyError:
        _, warnings = httpstan.compile.compile(program, "checked_first")
        told = asyncio.run(httpstan.models.build_services_extension_module(program))
        # PyStan asks for both whenever it finds the program.
        httpstan.cache.dump_stanc_warnings(warnings, name)
        httpstan.cache.dump_services_extension_module_compiler_output(told, name)
        httpstan.models.import_services_extension_module(name)


def draw(model: Any, task: dict[str, Any]) -> dict[str, Any]:
    """Return the draws of weights, means and covariances (C, S, ...), and the statistics."""
    fit = model.sample(init=task["starts"], num_chains=len(task["starts"]), **task["settings"])

    def by_chain(name: str) -> Any:
        # The last axis holds the chains of the first draw, then those of the second.
        flat = fit[name]
        split = flat.reshape(*flat.shape[:-1], -1, len(task["starts"]))
        return np.moveaxis(split, (-1, -2), (0, 1))

    parts = {name: by_chain(name) for name in ("weights", "means", "covariances")}
    return parts | {name: by_chain(of_stan)[..., 0] for of_stan, name in STATS.items()}


def log_density(model: Any, task: dict[str, Any]) -> dict[str, Any]:
    """Return the log density of the parameters in the program, without that of their transforms."""
    points = [model.unconstrain_pars(values) for values in task["points"]]
    values = [model.log_prob(point, adjust_transform=False) for point in points]
    return {"log_density": np.array(values)}


ACTIONS = {"draw": draw, "log density": log_density}

if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    compile_program(asked["program"])
    built = stan.build(asked["program"], data=asked["data"], random_seed=asked["seed"])
    np.savez(sys.argv[2], **ACTIONS[asked["action"]](built, asked))
