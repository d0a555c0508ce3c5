"""The array libraries that are installed, and how an array of NumPy becomes one of theirs.

`array-api-strict` always is. It has what the standard has and no more, and a device whose memory
NumPy cannot read, so that what passes there asks nothing else of the other libraries. Tests of
PyTorch and JAX run where these are found; PyTorch takes a GPU that it sees.
"""

import importlib.util

import array_api_strict
import numpy as np


def _strict(array):
    return array_api_strict.asarray(array, device=array_api_strict.Device("device1"))


def _torch(array):
    import torch

    return torch.asarray(np.array(array), device="cuda" if torch.cuda.is_available() else "cpu")


def _jax(array):
    import jax

    # Otherwise JAX would make float32 of float64.
    jax.config.update("jax_enable_x64", True)
    return jax.numpy.asarray(array)


LIBRARIES = {"array_api_strict": _strict} | {
    name: there
    for name, there in (("torch", _torch), ("jax", _jax))
    if importlib.util.find_spec(name) is not None
}
