"""Speed of gmm_em on a device of PyTorch: ``gmm-compare bench em --device cuda``.

The rows are on the device already. Ours is raced against scikit-learn's GaussianMixture with its
array API and, where it is installed (``pip install tgmm``), against TorchGMM, from the same start,
for the same ten iterations. scikit-learn and SciPy want to be told of other arrays before they are
imported, so the race is run in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from experiments.benchmarks.cases import Case, make_data, seconds
from experiments.core.errors import UsageError
from experiments.core.types import FloatArray
from gmm_em import Mixture, fit_em

ITERATIONS = 10
# The target is the smallest ratio of the seconds, theirs to ours.
CASES = (
    Case(100_000, 2, 5, target=7),
    Case(1_000_000, 4, 8, target=7),
    Case(100_000, 32, 16, target=7),
    Case(5_000_000, 16, 16, target=7),
)
_QUICK_ELEMENTS = 4_000_000
_REPEATS = 3


@dataclass(frozen=True)
class Device:
    """Where a race is run.

    Attributes
    ----------
    name : str
        What is printed of it.
    send : callable
        Copies an array of NumPy there.
    wait : callable
        Returns when all that was asked of the device is done.
    peak : callable
        Returns the largest memory in use there since the last call, in bytes; 0 where unknown.
    """

    name: str
    send: Callable[[FloatArray], Any]
    wait: Callable[[], object]
    peak: Callable[[], int]


def torch_device(name: str) -> Device:
    """Return a device of PyTorch.

    Raises
    ------
    UsageError
        If PyTorch is not installed, or has no such device here.
    """
    try:
        import torch  # noqa: PLC0415 - takes seconds, and is not installed everywhere
    except ImportError:
        raise UsageError(
            f"--device {name} needs PyTorch: pip install torch array-api-compat"
        ) from None
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"--device {name}: PyTorch has no such device here: {reason}") from None
    send = partial(torch.asarray, device=name)
    if not name.startswith("cuda"):
        return Device(f"PyTorch {torch.__version__} on {name}", send, lambda: None, lambda: 0)

    def peak() -> int:
        most = int(torch.cuda.max_memory_allocated(name))
        torch.cuda.reset_peak_memory_stats(name)
        return most

    wait = partial(torch.cuda.synchronize, name)
    title = f"PyTorch {torch.__version__} on {torch.cuda.get_device_name(name)}"
    return Device(title, send, wait, peak)


class Peer(Protocol):
    """Another program that fits a mixture to rows on a device."""

    def fit(self, X: Any) -> object:
        """Make ten iterations of EM."""

    def score(self, X: Any) -> Any:
        """Return the mean log-likelihood of a row."""


def race(device: Device, cases: tuple[Case, ...]) -> None:
    """Print a row of the table for each case."""
    torch_gmm = _torch_gmm_class()
    print(
        f"{device.name}; {ITERATIONS} iterations from the same start, rows already there (seconds)"
    )
    if torch_gmm is None:
        print("TorchGMM is not installed (pip install tgmm): raced against scikit-learn alone")
    print(
        f"{'N':>9} {'D':>3} {'K':>3}{'sklearn':>10}{'TorchGMM':>10}{'gmm_em':>10}{'ratio':>8}"
        f"{'target':>8}{'':>6}{'MiB beyond rows':>17}  log-likelihood differs by"
    )
    for case in cases:
        print(_row(device, case, torch_gmm), flush=True)


def _row(device: Device, case: Case, torch_gmm: type[Peer] | None) -> str:
    from sklearn import config_context  # noqa: PLC0415 - SciPy is told of other arrays before

    rows, means = make_data(case)
    X, k, d = device.send(rows), case.n_components, case.n_features
    # Near the truth, with unit covariances: no component degenerates.
    means = means + 0.5 * np.random.default_rng(1).normal(size=means.shape)
    start = Mixture(np.full(k, 1.0 / k), means, np.repeat(np.eye(d)[None], k, axis=0))
    ours = partial(fit_em, X, k, init=start, accelerate=False, tol=0.0, max_iter=ITERATIONS)
    peers = {"sklearn": _scikit_learn(start, device)}
    if torch_gmm is not None:
        peers["TorchGMM"] = _torch_gmm(torch_gmm, start, device)
    with warnings.catch_warnings(), config_context(array_api_dispatch=True):
        warnings.simplefilter("ignore")
        device.peak()
        result = ours()
        beyond = device.peak() - rows.nbytes
        contestants: dict[str, Callable[[], object]] = {"gmm_em": ours}
        contestants |= {name: partial(peer.fit, X) for name, peer in peers.items()}
        best = dict.fromkeys(contestants, np.inf)
        for _ in range(_REPEATS):
            for name, fit in contestants.items():
                best[name] = min(best[name], seconds(partial(_finished, fit, device)))
        mean = result.log_likelihood / case.n_samples
        difference = max(abs(mean / float(peer.score(X)) - 1) for peer in peers.values())
    ratio = best["sklearn"] / best["gmm_em"]
    verdict = "ok" if ratio >= case.target else "below"
    memory = f"{beyond / 2**20:17.0f}" if beyond > 0 else f"{'-':>17}"
    third = f"{best['TorchGMM']:10.4f}" if torch_gmm is not None else f"{'-':>10}"
    return (
        f"{case.label}{best['sklearn']:10.4f}{third}{best['gmm_em']:10.4f}{ratio:7.1f}x"
        f"{case.target:7g}x{verdict:>6}{memory}  {difference:.1e}"
    )


def _scikit_learn(start: Mixture, device: Device) -> Peer:
    from sklearn.mixture import GaussianMixture  # noqa: PLC0415 - as in `_row`

    model: Peer = GaussianMixture(
        start.n_components,
        tol=0.0,
        max_iter=ITERATIONS,
        reg_covar=0.0,
        init_params="random",
        weights_init=device.send(start.weights.copy()),
        means_init=device.send(start.means.copy()),
        precisions_init=device.send(start.covariances.copy()),
    )
    return model


def _torch_gmm_class() -> type[Peer] | None:
    """Return the class of TorchGMM; None where it is not installed."""
    try:
        from tgmm import GaussianMixture  # noqa: PLC0415 - not installed everywhere
    except ImportError:
        return None
    fitted: type[Peer] = GaussianMixture
    return fitted


def _torch_gmm(torch_gmm: Callable[..., Peer], start: Mixture, device: Device) -> Peer:
    weights = device.send(start.weights.copy())
    return torch_gmm(
        n_components=start.n_components,
        n_features=start.n_features,
        max_iter=ITERATIONS,
        # It refuses zero.
        tol=np.finfo(float).tiny,
        reg_covar=0.0,
        # By default it moves the rows to the first GPU.
        device=str(weights.device),
        init_weights=weights,
        init_means=device.send(start.means.copy()),
        init_covariances=device.send(start.covariances.copy()),
    )


def _finished(fit: Callable[[], object], device: Device) -> None:
    """Fit, and wait until the device has done so."""
    fit()
    device.wait()


def main(device: str, quick: bool = False) -> int:
    """Race in a process of its own.

    Parameters
    ----------
    device : str
        What PyTorch calls it: "cuda", "cuda:1", "cpu".
    quick : bool, default False
        Leave out the large cases.

    Returns
    -------
    int
        The status of that process.
    """
    # What can be put right is said before.
    torch_device(device)
    command = [sys.executable, "-m", "experiments.benchmarks.device", device]
    environment = os.environ | {"SCIPY_ARRAY_API": "1"}
    return subprocess.run(command + quick * ["--quick"], check=False, env=environment).returncode


if __name__ == "__main__":
    small = tuple(case for case in CASES if case.elements <= _QUICK_ELEMENTS)
    race(torch_device(sys.argv[1]), small if "--quick" in sys.argv else CASES)
