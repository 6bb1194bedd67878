# mypy: ignore-errors
# numba infers the types; this file teaches it one more.
"""A numba value of eight float64 that are worked on together: one vector register, or a few narrower ones.

Left to itself the compiler does not make vectors of loops over several small arrays, because it cannot know that they
do not overlap (measured: four times slower). Here the arithmetic is on vectors from the start, on any processor.
Operators ``+ - * /`` take vectors and numbers; ``load`` and ``store`` address rows of C-contiguous float64 arrays.
"""

from __future__ import annotations

import operator

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

from anlan.stats.counts._fast._cache import is_possible

LANES = 8
# With "contract" numba lets every product fuse with a sum, those of ``product`` too: EXACT is for kernels without.
EXACT = {"cache": is_possible(), "nogil": True, "error_model": "numpy"}
OPTIONS = {**EXACT, "fastmath": {"contract", "nsz"}}

_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_WHOLE = ir.VectorType(ir.IntType(64), LANES)
_INDEX = ir.IntType(64)
_FLAGS = ("contract", "nsz")


class Lanes(types.Type):
    """The type of a vector of ``LANES`` float64."""

    def __init__(self):
        super().__init__(name="Lanes")


lanes_type = Lanes()


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager, frontend_type):
        super().__init__(manager, frontend_type, _VECTOR)


def _constant(value):
    return ir.Constant(_VECTOR, [float(value)] * LANES)


def _splat(builder, value):
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), mask)


def _as_vectors(context, builder, signature, args):
    """Numbers among the arguments become vectors of that number."""
    vectors = []
    for kind, value in zip(signature.args, args, strict=True):
        if not isinstance(kind, Lanes):
            value = _splat(builder, context.cast(builder, value, kind, types.float64))
        vectors.append(value)
    return vectors


def _address(context, builder, kind, array, row):
    data = context.make_array(kind)(context, builder, array).data
    place = builder.gep(data, [builder.mul(row, ir.Constant(_INDEX, LANES))])
    return builder.bitcast(place, _VECTOR.as_pointer())


def _address_at(context, builder, kind, array, element, pointed):
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [element]), pointed.as_pointer())


@intrinsic
def load_at(_context, array, element):
    """``LANES`` elements of a contiguous array from ``element`` on, wherever that is."""

    def generate(context, builder, signature, args):
        index = context.cast(builder, args[1], signature.args[1], types.int64)
        value = builder.load(_address_at(context, builder, signature.args[0], args[0], index, _VECTOR))
        value.align = 8
        return value

    return lanes_type(array, element), generate


@intrinsic
def store_at(_context, array, element, vector):
    """Write a vector from ``element`` on."""

    def generate(context, builder, signature, args):
        index = context.cast(builder, args[1], signature.args[1], types.int64)
        done = builder.store(
            args[2], _address_at(context, builder, signature.args[0], args[0], index, _VECTOR)
        )
        done.align = 8
        return context.get_dummy_value()

    return types.none(array, element, vector), generate


@intrinsic
def store_less_at(_context, array, element, left, right):
    """Write left < right into a contiguous array of bool from ``element`` on."""

    def generate(context, builder, signature, args):
        index = context.cast(builder, args[1], signature.args[1], types.int64)
        bytes_ = ir.VectorType(ir.IntType(8), LANES)
        less = builder.zext(builder.fcmp_ordered("<", args[2], args[3]), bytes_)
        done = builder.store(less, _address_at(context, builder, signature.args[0], args[0], index, bytes_))
        done.align = 1
        return context.get_dummy_value()

    return types.none(array, element, left, right), generate


@intrinsic
def product(_context, left, right):
    """left * right, rounded: never fused with an addition that follows."""

    def generate(_target, builder, _signature, args):
        return builder.fmul(args[0], args[1])

    return lanes_type(left, right), generate


@intrinsic
def root(_context, vector):
    """Square root of each lane."""

    def generate(_target, builder, _signature, args):
        kind = ir.FunctionType(_VECTOR, [_VECTOR])
        function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.sqrt.v{LANES}f64")
        return builder.call(function, [args[0]])

    return lanes_type(vector), generate


@intrinsic
def load(_context, array, row):
    """Row ``row`` of an array whose rows have ``LANES`` elements."""

    def generate(context, builder, signature, args):
        index = context.cast(builder, args[1], signature.args[1], types.int64)
        value = builder.load(_address(context, builder, signature.args[0], args[0], index))
        value.align = 8
        return value

    return lanes_type(array, row), generate


@intrinsic
def store(_context, array, row, vector):
    """Write a vector to row ``row``."""

    def generate(context, builder, signature, args):
        index = context.cast(builder, args[1], signature.args[1], types.int64)
        done = builder.store(args[2], _address(context, builder, signature.args[0], args[0], index))
        done.align = 8
        return context.get_dummy_value()

    return types.none(array, row, vector), generate


@intrinsic
def splat(_context, number):
    """A vector of one number."""

    def generate(context, builder, signature, args):
        return _as_vectors(context, builder, signature, args)[0]

    return lanes_type(number), generate


def _arithmetic(name):
    @intrinsic
    def operate(_context, left, right):
        def generate(context, builder, signature, args):
            first, second = _as_vectors(context, builder, signature, args)
            return getattr(builder, name)(first, second, flags=_FLAGS)

        return lanes_type(left, right), generate

    return operate


_add, _subtract, _multiply, _divide = (_arithmetic(name) for name in ("fadd", "fsub", "fmul", "fdiv"))


def _takes_vector(left, right):
    return isinstance(left, Lanes) or isinstance(right, Lanes)


@overload(operator.add)
def _overload_add(left, right):
    return (lambda left, right: _add(left, right)) if _takes_vector(left, right) else None


@overload(operator.sub)
def _overload_subtract(left, right):
    return (lambda left, right: _subtract(left, right)) if _takes_vector(left, right) else None


@overload(operator.mul)
def _overload_multiply(left, right):
    return (lambda left, right: _multiply(left, right)) if _takes_vector(left, right) else None


@overload(operator.truediv)
def _overload_divide(left, right):
    return (lambda left, right: _divide(left, right)) if _takes_vector(left, right) else None


@intrinsic
def where_less(_context, left, right, yes, no):
    """``yes`` in the lanes where left < right, ``no`` in the others; also where one is not a number."""

    def generate(context, builder, signature, args):
        first, second, chosen, other = _as_vectors(context, builder, signature, args)
        return builder.select(builder.fcmp_ordered("<", first, second), chosen, other)

    return lanes_type(left, right, yes, no), generate


@intrinsic
def any_less(_context, left, right):
    """Whether left < right in any lane."""

    def generate(context, builder, signature, args):
        first, second = _as_vectors(context, builder, signature, args)
        bits = builder.bitcast(builder.fcmp_ordered("<", first, second), ir.IntType(LANES))
        return builder.icmp_unsigned("!=", bits, ir.Constant(ir.IntType(LANES), 0))

    return types.boolean(left, right), generate


@intrinsic
def _floor(_context, vector):
    def generate(_target, builder, _signature, args):
        kind = ir.FunctionType(_VECTOR, [_VECTOR])
        function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.floor.v{LANES}f64")
        return builder.call(function, [args[0]])

    return lanes_type(vector), generate


@intrinsic
def _power_of_two(_context, vector):
    """2^k for whole k from -1022 to 1023."""

    def generate(_target, builder, _signature, args):
        whole = builder.fptosi(args[0], _WHOLE)
        biased = builder.add(whole, ir.Constant(_WHOLE, [1023] * LANES))
        return builder.bitcast(builder.shl(biased, ir.Constant(_WHOLE, [52] * LANES)), _VECTOR)

    return lanes_type(vector), generate


@njit(**OPTIONS)
def exponential(x):
    """exp of each lane to the last bit or two; 0 below -707, infinite above 709.4."""
    inside = where_less(x, -707.0, -707.0, where_less(709.4, x, 709.4, x))
    k = _floor(inside * 1.4426950408889634 + 0.5)
    f = (inside - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10
    p = f * (1.0 / 6227020800.0) + 1.0 / 479001600.0
    p = p * f + 1.0 / 39916800.0
    p = p * f + 1.0 / 3628800.0
    p = p * f + 1.0 / 362880.0
    p = p * f + 1.0 / 40320.0
    p = p * f + 1.0 / 5040.0
    p = p * f + 1.0 / 720.0
    p = p * f + 1.0 / 120.0
    p = p * f + 1.0 / 24.0
    p = p * f + 1.0 / 6.0
    p = p * f + 0.5
    p = p * f + 1.0
    # Half the power first: 2^1024 has no float.
    value = (p * f + 1.0) * _power_of_two(k - 1.0) * 2.0
    value = where_less(x, -707.0, 0.0, value)
    return where_less(709.4, x, float("inf"), value)
