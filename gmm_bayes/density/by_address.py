"""Calls of a compiled density through its address, which do not copy it into the caller.

Numba puts a copy of all that a compiled function calls into the function, and optimises the copy
anew. A density is most of the code of each function that calls it, so that a dozen such functions
would take a dozen times as long to compile as one. Here a caller reads the density's address from a
table and calls it there. A density is compiled when it is first needed, and one that no posterior
of the process needs is never compiled.

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
from numba.extending import intrinsic

N_DENSITIES = 2
"""Places of the table."""

_NAME = "gmm_bayes_densities"
_TABLE = (ctypes.c_int64 * N_DENSITIES)()
llvm.add_symbol(_NAME, ctypes.addressof(_TABLE))

POINTER = types.CPointer(types.float64)

SIGNATURE = types.float64(
    types.int64, POINTER, POINTER, POINTER, types.int64, POINTER, POINTER
)  # fmt: skip
"""What stands in the table: functions of the length of the vector, the vector, the packed numbers,
the gradient to write, the number of rows with weights, these weights, and the rows' log densities
to write. They return the log density."""

_ARRAY = types.Array(types.float64, 1, "C")


def address_of(place: int) -> int:
    """Return the address of the density at a place of the table, or 0 where there is none yet."""
    return _TABLE[place]


def set_address(place: int, address: int) -> None:
    """Let compiled code find a density at a place of the table."""
    _TABLE[place] = address


def _places(builder: Any) -> Any:
    """Return the table as a global variable of the module that is being compiled."""
    found = builder.module.globals.get(_NAME)
    if found is not None:
        return found
    table = ir.ArrayType(ir.IntType(64), N_DENSITIES)
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
