"""Arrays of other libraries than NumPy: PyTorch, CuPy, JAX, and all that follow the array API.

The array API standard (https://data-apis.org/array-api) names functions that these libraries have
in common. `array-api-compat` adds what a library lacks. It is imported when such an array is first
computed with, so that NumPy's own arrays do without it. NumPy is called the host here, and the
memory of its arrays the host's memory.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Values that are computed with at a time where the memory is a processor's, and elsewhere.
_HOST_ELEMENTS, _DEVICE_ELEMENTS = 1 << 19, 1 << 25


class _Library(NamedTuple):
    """What a library does in its own way.

    Attributes
    ----------
    to_host : callable
        Returns an array as one of NumPy.
    arithmetic : callable
        Returns a context in which float64 is computed with, and no gradients are prepared.
    """

    to_host: Callable[[Any], NDArray[Any]]
    arithmetic: Callable[[], AbstractContextManager[Any]] = nullcontext


def _standard_to_host(X: Any) -> NDArray[Any]:
    return np.from_dlpack(X, device="cpu")


_STANDARD = _Library(_standard_to_host)
_LIBRARIES = {
    "torch": _Library(
        lambda X: np.asarray(X.detach().cpu().numpy()), lambda: sys.modules["torch"].no_grad()
    ),
    "cupy": _Library(lambda X: np.asarray(X.get())),
    "jax": _Library(np.asarray, lambda: sys.modules["jax"].enable_x64(True)),
}


def _library_of(X: Any) -> str:
    name = type(X).__module__.partition(".")[0]
    # The arrays of JAX are defined in another package.
    return "jax" if name == "jaxlib" else name


def _traits(library: str) -> _Library:
    return _LIBRARIES.get(library, _STANDARD)


def is_foreign(X: Any) -> bool:
    """Whether `X` is an array that follows the array API and is none of NumPy."""
    if isinstance(X, np.ndarray | np.generic):
        return False
    standard = hasattr(type(X), "__array_namespace__")
    return standard or (_library_of(X) == "torch" and hasattr(X, "detach"))


def to_host(X: Any) -> Any:
    """Return an array of another library as one of NumPy, and anything else as it is."""
    return _traits(_library_of(X)).to_host(X) if is_foreign(X) else X


def place_name(X: Any) -> str:
    """Return the name of an array's library and device; anything that is no array is NumPy's."""
    return f"{_library_of(X)} on {X.device}" if is_foreign(X) else "numpy"


def refuse_foreign(X: Any, option: str) -> None:
    """Refuse an array of another library where an option needs rows of NumPy.

    Raises
    ------
    ValueError
    """
    if is_foreign(X):
        raise ValueError(
            f"{option} is for rows of NumPy, but X is an array of {_library_of(X)}: "
            "convert it first"
        )


def _namespace(X: Any) -> Any:
    try:
        from array_api_compat import array_namespace  # noqa: PLC0415 - needed for such arrays only
    except ImportError:
        raise ImportError(
            f"X is an array of {_library_of(X)}, for which array-api-compat is needed: "
            "pip install array-api-compat"
        ) from None
    return array_namespace(X)


@dataclass(frozen=True)
class Place:
    """Where an array of another library is, and how to compute there.

    Attributes
    ----------
    xp : module
        The library's functions.
    device : object
        The library's name for the memory that holds the array.
    dtype : object
        Type of the numbers that the user gets: float32 where the array has it, else float64.
    integer : object
        Type of the labels that the user gets: the library's usual one.
    has_float64 : bool
        Whether the user can hold float64, too. JAX must be told so.
    library : str
    """

    xp: Any
    device: Any
    dtype: Any
    integer: Any
    has_float64: bool
    library: str

    @classmethod
    def of(cls, X: Any) -> Place:
        """Return the place of an array.

        Raises
        ------
        ImportError
            If `array-api-compat` is not installed.
        ValueError
            If the array does not hold real numbers, or float64 cannot be computed with there.
        """
        xp, library = _namespace(X), _library_of(X)
        if not xp.isdtype(X.dtype, ("bool", "real floating", "integral")):
            raise ValueError(f"X must hold real numbers, got an array of {X.dtype}")
        device, info = X.device, xp.__array_namespace_info__()
        kinds = info.dtypes(device=device, kind="real floating")
        with _traits(library).arithmetic():
            wide = info.dtypes(device=device, kind="real floating")
        if "float64" not in wide:
            raise ValueError(
                f"X is on the device {device!s}, which has no float64: move it to another one"
            )
        has_float64 = "float64" in kinds
        wanted = xp.float64 if has_float64 and X.dtype != xp.float32 else xp.float32
        integer = info.default_dtypes(device=device)["integral"]
        return cls(xp, device, wanted, integer, has_float64, library)

    @property
    def is_float32(self) -> bool:
        """Whether float32 is returned."""
        return bool(self.dtype == self.xp.float32)

    @property
    def block_elements(self) -> int:
        """Number of values that are computed with at a time."""
        # A processor computes fastest in its caches. A device starts few large pieces of work.
        on_host = "cpu" in str(self.device).lower()
        return _HOST_ELEMENTS if on_host else _DEVICE_ELEMENTS

    @contextmanager
    def arithmetic(self) -> Iterator[None]:
        """Open the context in which all that is computed must be."""
        # Overflows are dealt with where they arise. Libraries that call NumPy would warn of them.
        with np.errstate(all="ignore"), _traits(self.library).arithmetic():
            yield

    def wide(self, X: Any) -> Any:
        """Return an array of this place as float64."""
        return self.xp.astype(X, self.xp.float64, copy=False)

    def send(self, array: NDArray[Any]) -> Any:
        """Copy an array of NumPy to the place."""
        # PyTorch warns of arrays that are read-only.
        writable = np.require(array, requirements="W")
        return self.xp.asarray(writable, device=self.device)

    def delivered(self, array: NDArray[Any]) -> Any:
        """Copy numbers or labels of NumPy to the place, as precisely as the user can hold them."""
        with self.arithmetic():
            sent = self.send(array)
            if array.dtype.kind == "i":
                return self.labels(sent)
            return sent if self.has_float64 else self.returned(sent)

    def returned(self, array: Any) -> Any:
        """Return numbers of this place in the type that the user gets."""
        return self.xp.astype(array, self.dtype, copy=False)

    def labels(self, array: Any) -> Any:
        """Return integers of this place in the type that the user gets."""
        return self.xp.astype(array, self.integer, copy=False)
