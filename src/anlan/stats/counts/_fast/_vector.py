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


def _unary(builder, name, vector):
    kind = ir.FunctionType(_VECTOR, [_VECTOR])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{LANES}f64")
    return builder.call(function, [vector])


def _of_each_lane(name):
    @intrinsic
    def operate(_context, vector):
        def generate(_target, builder, _signature, args):
            return _unary(builder, name, args[0])

        return lanes_type(vector), generate

    return operate


root, absolute, round_up, _floor = (_of_each_lane(name) for name in ("sqrt", "fabs", "ceil", "floor"))


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


@intrinsic
def load_tile_at(_context, array, series, time, tile, row):
    """Write the 8 x 8 values of ``array`` (n_series, n_times) at ``series`` and ``time`` into ``tile``, time by time.

    Rows ``row`` to ``row`` + 7 of ``tile`` (n, LANES) get the times, lanes the series; series beyond the last repeat it.
    ``array`` is C-contiguous, of any whole or floating type.
    """

    def generate(context, builder, signature, args):
        kind, tile_kind = signature.args[0], signature.args[3]
        first, time, row = (context.cast(builder, args[i], signature.args[i], types.int64) for i in (1, 2, 4))
        given = context.make_array(kind)(context, builder, args[0])
        n_series, n_times = cgutils.unpack_tuple(builder, given.shape, 2)
        last = builder.sub(n_series, ir.Constant(_INDEX, 1))
        element = context.get_data_type(kind.dtype)
        source = ir.VectorType(element, LANES)
        vectors = []
        for lane in range(LANES):
            here = builder.add(first, ir.Constant(_INDEX, lane))
            here = builder.select(builder.icmp_signed("<", here, last), here, last)
            at = builder.add(builder.mul(here, n_times), time)
            place = builder.bitcast(builder.gep(given.data, [at]), source.as_pointer())
            value = builder.load(place)
            value.align = kind.dtype.bitwidth // 8
            vectors.append(_as_float(builder, kind.dtype, value))
        for at, vector in enumerate(_transposed(builder, vectors)):
            below = builder.add(row, ir.Constant(_INDEX, at))
            done = builder.store(vector, _address(context, builder, tile_kind, args[3], below))
            done.align = 8
        return context.get_dummy_value()

    return types.none(array, series, time, tile, row), generate


def _as_float(builder, kind, value):
    if kind == types.float64:
        return value
    if isinstance(kind, types.Float):
        return builder.fpext(value, _VECTOR)
    return builder.sitofp(value, _VECTOR) if kind.signed else builder.uitofp(value, _VECTOR)


def _transposed(builder, vectors):
    """Lanes and vectors exchanged: three rounds in which pairs of vectors exchange blocks of 4, 2 and 1 lanes."""
    for step in (4, 2, 1):
        low = [lane if lane & step == 0 else LANES + lane - step for lane in range(LANES)]
        high = [lane + step if lane & step == 0 else LANES + lane for lane in range(LANES)]
        masks = [ir.Constant(ir.VectorType(ir.IntType(32), LANES), places) for places in (low, high)]
        exchanged = list(vectors)
        for at in range(LANES):
            if at & step == 0:
                pair = vectors[at], vectors[at + step]
                exchanged[at] = builder.shuffle_vector(*pair, masks[0])
                exchanged[at + step] = builder.shuffle_vector(*pair, masks[1])
        vectors = exchanged
    return vectors


@intrinsic
def bits_less(_context, left, right):
    """A whole number whose bit i says whether left < right in lane i."""

    def generate(context, builder, signature, args):
        first, second = _as_vectors(context, builder, signature, args)
        bits = builder.bitcast(builder.fcmp_ordered("<", first, second), ir.IntType(LANES))
        return builder.zext(bits, ir.IntType(64))

    return types.int64(left, right), generate


@intrinsic
def bits_uneven(_context, vector):
    """A whole number whose bit i says that lane i is not a whole number >= 0 (or not a number)."""

    def generate(_target, builder, _signature, args):
        fraction = builder.fcmp_unordered("!=", _unary(builder, "floor", args[0]), args[0])
        below = builder.fcmp_ordered("<", args[0], _constant(0.0))
        bits = builder.bitcast(builder.or_(fraction, below), ir.IntType(LANES))
        return builder.zext(bits, ir.IntType(64))

    return types.int64(vector), generate


@intrinsic
def lookup(_context, table, vector):
    """Element (vector[i], i) of ``table`` (n, LANES) in lane i; the caller knows that the lanes are rows of it."""

    def generate(context, builder, signature, args):
        # Whole numbers below 2^52 stand in the low bits of their sum with it.
        biased = builder.fadd(args[1], _constant(2.0**52))
        whole = builder.and_(builder.bitcast(biased, _WHOLE), ir.Constant(_WHOLE, [2**32 - 1] * LANES))
        index = builder.shl(whole, ir.Constant(_WHOLE, [LANES.bit_length() - 1] * LANES))
        index = builder.add(index, ir.Constant(_WHOLE, list(range(LANES))))
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        found = ir.Constant(_VECTOR, ir.Undefined)
        for lane in range(LANES):
            place = ir.Constant(ir.IntType(32), lane)
            value = builder.load(builder.gep(data, [builder.extract_element(index, place)]))
            found = builder.insert_element(found, value, place)
        return found

    return lanes_type(table, vector), generate


@intrinsic
def prefetch(_context, memory, place):
    """Ask for the cache line of byte ``place`` of an array of bytes, which may lie beyond its end."""

    def generate(context, builder, signature, args):
        place = context.cast(builder, args[1], signature.args[1], types.int64)
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        whole, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer, whole, whole, whole])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        address = builder.bitcast(builder.gep(data, [place]), pointer)
        # For reading, into the second level, data.
        builder.call(function, [address, *(ir.Constant(whole, hint) for hint in (0, 2, 1))])
        return context.get_dummy_value()

    return types.none(memory, place), generate


@intrinsic
def trailing_zeros(_context, word):
    """Place of the lowest bit of a uint64 that is not 0."""

    def generate(_target, builder, _signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(word), generate
