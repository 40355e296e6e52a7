"""Register tiles of convolutions, written as vector instructions.

Numba's compiler vectorises plain loops but does not keep a tile of accumulators in registers across
them, which is what a convolution needs to be limited by multiplications rather than by loads. Both
tiles here are Numba intrinsics that emit LLVM vectors and fused multiply-adds. Positions, strides
and lengths are in elements, and nothing is checked: callers stay within their arrays.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

_INDEX = ir.IntType(64)
_SELECTOR = ir.IntType(32)


def _registers() -> tuple[int, int]:
    """Return the bytes of a vector register of this processor, and how many there are."""
    features = llvmlite.binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 64, 32
    if features.get("avx"):
        return 32, 16
    return 16, 32 if features.get("neon") else 16


VECTOR_BYTES, _REGISTERS = _registers()

#: Output channels of a tile: its 2 (forward) or 3 (weights) accumulators each fill the registers.
TILE_CHANNELS = 8 if _REGISTERS == 32 else 4

#: Vectors of a full tile of `convolve`.
TILE_VECTORS = 2

#: Inputs that `correlate` multiplies each channel with: the taps of one row of a 3x3 kernel.
TILE_INPUTS = 3


class _Emitter:
    """The vector instructions both tiles are made of, for one element type."""

    def __init__(self, context: Any, builder: Any, element: Any) -> None:
        self.context, self.builder = context, builder
        self.nbytes = element.bitwidth // 8
        self.element = ir.FloatType() if self.nbytes == 4 else ir.DoubleType()
        self.lanes = VECTOR_BYTES // self.nbytes
        self.vector = ir.VectorType(self.element, self.lanes)
        self.zero = ir.Constant(self.vector, [0.0] * self.lanes)
        self._suffix = f"v{self.lanes}f{8 * self.nbytes}"

    def index(self, value: int) -> Any:
        return ir.Constant(_INDEX, value)

    def pointer(self, array_type: Any, array: Any, position: Any) -> Any:
        """Address of an element of a Numba array."""
        data = self.context.make_array(array_type)(self.context, self.builder, array).data
        return self.builder.gep(data, [position])

    def load(self, pointer: Any, vectors: int = 0) -> Any:
        place = self.builder.gep(pointer, [self.index(vectors * self.lanes)])
        value = self.builder.load(self.builder.bitcast(place, self.vector.as_pointer()))
        value.align = self.nbytes
        return value

    def store(self, value: Any, pointer: Any, vectors: int = 0) -> None:
        place = self.builder.gep(pointer, [self.index(vectors * self.lanes)])
        stored = self.builder.store(value, self.builder.bitcast(place, self.vector.as_pointer()))
        stored.align = self.nbytes

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        name = f"llvm.fma.{self._suffix}"
        return self.builder.call(
            cgutils.get_or_insert_function(self.builder.module, kind, name), [a, b, c]
        )

    def total(self, value: Any) -> Any:
        """Sum of a vector's lanes."""
        kind = ir.FunctionType(self.element, [self.element, self.vector])
        name = f"llvm.vector.reduce.fadd.{self._suffix}"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        zero = ir.Constant(self.element, 0.0)
        return self.builder.call(function, [zero, value], fastmath=("reassoc",))

    def splat(self, scalar: Any) -> Any:
        empty = ir.Constant(self.vector, ir.Undefined)
        one = self.builder.insert_element(empty, scalar, ir.Constant(_SELECTOR, 0))
        lanes = ir.Constant(ir.VectorType(_SELECTOR, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(one, empty, lanes)

    def accumulators(self, rows: int, columns: int) -> list[list[Any]]:
        """Zeroed variables, which LLVM keeps in registers."""
        made = [
            [cgutils.alloca_once(self.builder, self.vector) for _ in range(columns)]
            for _ in range(rows)
        ]
        for row in made:
            for each in row:
                self.builder.store(self.zero, each)
        return made

    def accumulate(self, a: Any, b: Any, accumulator: Any) -> None:
        old = self.builder.load(accumulator)
        self.builder.store(self.fma(a, b, old), accumulator)


def _convolve(vectors: int) -> Any:
    """Make the intrinsic `convolve` for a tile of so many vectors."""

    @intrinsic
    def tile(  # type: ignore[no-untyped-def]
        typing_context,
        x,
        x_at,
        x_stride,
        channels,
        offsets,
        begin,
        end,
        packed,
        packed_at,
        y,
        y_at,
        y_stride,
        mode,
        sums,
        sums_at,
    ):
        i = types.int64
        signature = types.void(x, i, i, i, offsets, i, i, packed, i, y, i, i, i, sums, i)

        def generate(context: Any, builder: Any, found: Any, args: Any) -> Any:
            kinds = found.args
            emit = _Emitter(context, builder, kinds[0].dtype)
            _convolve_body(emit, vectors, kinds, args)
            return context.get_dummy_value()

        return signature, generate

    return tile


def _convolve_body(emit: _Emitter, vectors: int, kinds: Any, args: Any) -> None:
    b = emit.builder
    tiles = emit.accumulators(TILE_CHANNELS, vectors)
    x = emit.pointer(kinds[0], args[0], args[1])
    offsets = emit.pointer(kinds[4], args[4], emit.index(0))
    taps = b.extract_value(_shape(emit, kinds[4], args[4]), 0)
    packed = emit.pointer(kinds[7], args[7], args[8])
    y = emit.pointer(kinds[9], args[9], args[10])
    sums = emit.pointer(kinds[13], args[13], args[14])
    x_stride, channels, begin, end, y_stride, mode = (args[k] for k in (2, 3, 5, 6, 11, 12))
    tile = emit.index(TILE_CHANNELS)
    with cgutils.for_range(b, channels) as channel:
        plane = b.gep(x, [b.mul(channel.index, x_stride)])
        weights = b.gep(packed, [b.mul(b.mul(channel.index, taps), tile)])
        with cgutils.for_range_slice(b, begin, end, emit.index(1), _INDEX) as (tap, _):
            at = b.gep(plane, [b.load(b.gep(offsets, [tap]))])
            weight = b.gep(weights, [b.mul(tap, tile)])
            loaded = [emit.load(at, q) for q in range(vectors)]
            for o, row in enumerate(tiles):
                w = emit.splat(b.load(b.gep(weight, [emit.index(o)])))
                for q in range(vectors):
                    emit.accumulate(w, loaded[q], row[q])
    rows = [b.gep(y, [b.mul(y_stride, emit.index(o))]) for o in range(TILE_CHANNELS)]
    with b.if_then(b.icmp_signed("==", mode, emit.index(ADD))):
        for place, row in zip(rows, tiles, strict=True):
            for q in range(vectors):
                b.store(b.fadd(b.load(row[q]), emit.load(place, q)), row[q])
    for place, row in zip(rows, tiles, strict=True):
        for q in range(vectors):
            emit.store(b.load(row[q]), place, q)
    with b.if_then(b.icmp_signed("==", mode, emit.index(SUM))):
        for o, row in enumerate(tiles):
            first, second = emit.load(sums, 2 * o), emit.load(sums, 2 * o + 1)
            for q in range(vectors):
                value = b.load(row[q])
                first, second = b.fadd(first, value), emit.fma(value, value, second)
            emit.store(first, sums, 2 * o)
            emit.store(second, sums, 2 * o + 1)


def _shape(emit: _Emitter, array_type: Any, array: Any) -> Any:
    """Shape of a Numba array."""
    return emit.context.make_array(array_type)(emit.context, emit.builder, array).shape


#: Modes of `convolve`: overwrite y, add to it, or overwrite it and add to the sums.
WRITE, ADD, SUM = 0, 1, 2

#: One tile of a convolution: `TILE_CHANNELS` outputs at `TILE_VECTORS` neighbouring vectors.
#:
#: ``y[o, q] = sum over channels and taps [begin, end) of packed[c, t, o] x[c, offsets[t] + q]``,
#: with ``sums[o, 0 or 1]`` (one vector each) taking the sums of y and of its squares.
convolve = _convolve(TILE_VECTORS)

#: The same at one vector.
convolve_one = _convolve(1)


def _correlate() -> Any:
    """Make the intrinsic `correlate`."""

    @intrinsic
    def tile(  # type: ignore[no-untyped-def]
        typing_context,
        x,
        x_first,
        x_second,
        x_third,
        y,
        y_at,
        y_stride,
        groups,
        group_stride,
        rows,
        row_stride,
        count,
        out,
        out_at,
    ):
        i = types.int64
        signature = types.void(x, i, i, i, y, i, i, i, i, i, i, i, out, i)

        def generate(context: Any, builder: Any, found: Any, args: Any) -> Any:
            emit = _Emitter(context, builder, found.args[0].dtype)
            _correlate_body(emit, found.args, args)
            return context.get_dummy_value()

        return signature, generate

    return tile


def _correlate_body(emit: _Emitter, kinds: Any, args: Any) -> None:
    b = emit.builder
    tiles = emit.accumulators(TILE_CHANNELS, TILE_INPUTS)
    inputs = [emit.pointer(kinds[0], args[0], at) for at in args[1:4]]
    places = [b.add(args[5], b.mul(args[6], emit.index(o))) for o in range(TILE_CHANNELS)]
    outputs = [emit.pointer(kinds[4], args[4], place) for place in places]
    groups, group_stride, rows, row_stride, count = args[7:12]
    out = emit.pointer(kinds[12], args[12], args[13])
    with cgutils.for_range(b, groups) as group:
        first = b.mul(group.index, group_stride)
        with cgutils.for_range(b, rows) as row:
            begin = b.add(first, b.mul(row.index, row_stride))
            end = b.add(begin, count)
            with cgutils.for_range_slice(b, begin, end, emit.index(emit.lanes), _INDEX) as (at, _):
                loaded = [emit.load(b.gep(pointer, [at])) for pointer in inputs]
                for pointer, tile in zip(outputs, tiles, strict=True):
                    value = emit.load(b.gep(pointer, [at]))
                    for j in range(TILE_INPUTS):
                        emit.accumulate(value, loaded[j], tile[j])
    for o, tile in enumerate(tiles):
        for j in range(TILE_INPUTS):
            place = b.gep(out, [emit.index(o * TILE_INPUTS + j)])
            b.store(b.fadd(b.load(place), emit.total(b.load(tile[j]))), place)


#: One tile of the gradient of weights: `TILE_CHANNELS` outputs times `TILE_INPUTS` inputs.
#:
#: ``out[o, j] += sum over groups, rows and elements of y[o, .] x_j[.]``.
correlate = _correlate()


def _prefetch(write: int) -> Any:
    """Make an intrinsic that asks for the cache line of an element ahead of its use."""

    @intrinsic
    def ask(typing_context, array, at):  # type: ignore[no-untyped-def]
        signature = types.void(array, types.int64)

        def generate(context: Any, builder: Any, found: Any, args: Any) -> Any:
            emit = _Emitter(context, builder, found.args[0].dtype)
            place = emit.pointer(found.args[0], args[0], args[1])
            byte = builder.bitcast(place, ir.IntType(8).as_pointer())
            kind = ir.FunctionType(ir.VoidType(), [byte.type, _SELECTOR, _SELECTOR, _SELECTOR])
            function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
            builder.call(function, [byte, *(ir.Constant(_SELECTOR, k) for k in (write, 2, 1))])
            return context.get_dummy_value()

        return signature, generate

    return ask


#: Bring the cache line of an element of an array near, to read it later. The planes of a
#: convolution are more streams than a processor follows by itself.
prefetch = _prefetch(0)

#: The same, to write it.
prefetch_write = _prefetch(1)
