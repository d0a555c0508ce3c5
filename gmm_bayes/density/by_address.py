"""Calls of compiled functions through their addresses, which do not copy them into the caller.

Numba puts a copy of all that a compiled function calls into the function, and optimises the copy
anew. A density is most of the code of each function that calls it, so that a dozen such functions
would take a dozen times as long to compile as one. And where ``fastmath`` allows it, copies round
differently, while a process uses the copy that it has loaded first: the same seed would give other
draws after another fit. Here a caller reads the function's address from a table and calls it there.
A function is compiled when it is first needed, and one that no posterior of the process needs is
never compiled.

The table is known to the compiled code by a name of the linker, which stays the same from process
to process. So the code of the callers can be kept on disk, while each process writes its own
addresses to the table.
"""

from __future__ import annotations

import ctypes
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from gmm_bayes.core.jit import inlined

EXP_BELOW, ALLOCATE, WHITENED_MOMENTS, LOG_LIKELIHOOD = 2, 3, 4, 5
"""Places of the loops over rows. The densities stand at 0 and 1."""

ADD_INCOMPLETE, INTEGRATE_SCALE = 6, 7
"""Places of the parts of a density that few posteriors need."""

_N_PLACES = 8

_NAME = "gmm_bayes_addresses"
_TABLE = (ctypes.c_int64 * _N_PLACES)()
llvm.add_symbol(_NAME, ctypes.addressof(_TABLE))

POINTER = types.CPointer(types.float64)

SIGNATURE = types.float64(
    types.int64, POINTER, POINTER, POINTER, types.int64, POINTER, POINTER
)  # fmt: skip
"""A density in the table: a function of the length of the vector, the vector, the packed numbers,
the gradient to write, the number of rows with weights, these weights, and the rows' log densities
to write. It returns the log density."""

_ARRAY = types.Array(types.float64, 1, "C")


def address_of(place: int) -> int:
    """Return the address of the function at a place of the table, or 0 where there is none yet."""
    return _TABLE[place]


def set_address(place: int, address: int) -> None:
    """Let compiled code find a function at a place of the table."""
    _TABLE[place] = address


def _places(builder: Any) -> Any:
    """Return the table as a global variable of the module that is being compiled."""
    found = builder.module.globals.get(_NAME)
    if found is not None:
        return found
    table = ir.ArrayType(ir.IntType(64), _N_PLACES)
    return ir.GlobalVariable(builder.module, table, _NAME)


@intrinsic
def address_at(typing_context, place):  # type: ignore[no-untyped-def]
    """Return, in compiled code, what :func:`address_of` does."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        first = ir.Constant(ir.IntType(64), 0)
        return builder.load(builder.gep(_places(builder), [first, arguments[0]]))

    return types.int64(types.int64), generate


@intrinsic
def call_at(typing_context, address, theta, packed, gradient, row_weights, row_log_prob):  # type: ignore[no-untyped-def]
    """Call, in compiled code, the density at an address. All arrays are contiguous float64."""
    arrays = (theta, packed, gradient, row_weights, row_log_prob)
    if any(array != _ARRAY for array in arrays):
        return None

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        views = [context.make_array(_ARRAY)(context, builder, value=a) for a in arguments[1:]]
        lengths = [builder.extract_value(view.shape, 0) for view in views]
        data = [view.data for view in views]
        values = [lengths[0], *data[:3], lengths[3], *data[3:]]
        function = ir.FunctionType(ir.DoubleType(), [value.type for value in values])
        pointer = builder.inttoptr(arguments[0], function.as_pointer())
        return builder.call(pointer, values)

    return types.float64(types.int64, *arrays), generate


def _flattened(kind: Any) -> list[Any]:
    """Return the types in a type, tuples opened."""
    if not isinstance(kind, types.BaseTuple):
        return [kind]
    return [inner for part in kind for inner in _flattened(part)]


def _values(context: Any, builder: Any, kind: Any, value: Any) -> list[Any]:
    """Return what a function in the table takes for a value: an array's address, or the value."""
    if isinstance(kind, types.BaseTuple):
        parts = cgutils.unpack_tuple(builder, value)
        pairs = zip(kind, parts, strict=True)
        return [v for inner, part in pairs for v in _values(context, builder, inner, part)]
    if isinstance(kind, types.Array):
        return [context.make_array(kind)(context, builder, value=value).data]
    return [context.cast(builder, value, kind, types.int64)]


@intrinsic
def call_with(typing_context, address, arguments):  # type: ignore[no-untyped-def]
    """Call, in compiled code, the function at an address; return its float64.

    `arguments` is a tuple of integers, of contiguous arrays of float64, of which the function gets
    the addresses, and of such tuples.
    """
    for kind in _flattened(arguments):
        is_array = isinstance(kind, types.Array)
        if not (isinstance(kind, types.Integer | types.Boolean) or is_array):
            return None
        if is_array and (kind.dtype != types.float64 or kind.layout != "C"):
            return None

    def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
        given = _values(context, builder, arguments, values[1])
        function = ir.FunctionType(ir.DoubleType(), [value.type for value in given])
        return builder.call(builder.inttoptr(values[0], function.as_pointer()), given)

    return types.float64(types.int64, arguments), generate


@inlined()
def call(place, arguments):  # type: ignore[no-untyped-def]
    """Call, in compiled code, the function at a place of the table, as :func:`call_with` does."""
    address = address_at(place)
    if address == 0:
        raise RuntimeError("a compiled function is not loaded; gmm_bayes.density.loading loads it")
    return call_with(address, arguments)
