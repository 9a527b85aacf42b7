"""A GGUF v3 writer: metadata and tensors in F32, Q8_0 or Q4_0; and a reader of what it wrote. Needs numpy.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Q8_0 is a block of 32 numbers: scale f16,
32 x int8, value = scale * q. Q4_0: scale f16, 16 bytes; low nibbles are elements 0..15, high ones 16..31,
value = scale * (q - 8).
"""
import os
import struct

import numpy

ALIGNMENT = 32
F32, Q4_0, Q8_0 = 0, 2, 8
U32, I32, FLOAT, BOOL, STRING, ARRAY, U64 = 4, 5, 6, 7, 8, 9, 10


class I32List(list):
    """A list of integers that GGUF stores as int32 (token types)."""


def quantizeQ8(matrix):
    """[rows, K] float32 -> (scales [rows * K / 32] f16, values int8)."""
    groups = matrix.astype(numpy.float32).reshape(-1, 32)
    scale = (numpy.abs(groups).max(axis=1) / 127).astype(numpy.float16)
    safe = numpy.where(scale == 0, 1, scale).astype(numpy.float32)
    return scale, numpy.clip(numpy.rint(groups / safe[:, None]), -127, 127).astype(numpy.int8)


def quantizeQ4(matrix):
    """[rows, K] float32 -> (scales f16, values 0..15)."""
    groups = matrix.astype(numpy.float32).reshape(-1, 32)
    extreme = groups[numpy.arange(len(groups)), numpy.abs(groups).argmax(axis=1)]
    scale = (extreme / -8).astype(numpy.float16)
    safe = numpy.where(scale == 0, 1, scale).astype(numpy.float32)
    return scale, numpy.clip(numpy.rint(groups / safe[:, None]) + 8, 0, 15).astype(numpy.uint8)


def throughQ8(matrix):
    """The matrix as it comes back from Q8_0."""
    scale, values = quantizeQ8(matrix)
    return (values * scale.astype(numpy.float32)[:, None]).astype(numpy.float32).reshape(matrix.shape)


def throughQ4(matrix):
    scale, values = quantizeQ4(matrix)
    return ((values.astype(numpy.float32) - 8) * scale.astype(numpy.float32)[:, None]).astype(numpy.float32).reshape(
        matrix.shape)


def packQ8(matrix):
    scale, values = quantizeQ8(matrix)
    return numpy.concatenate([scale.view(numpy.uint8).reshape(-1, 2), values.view(numpy.uint8)], axis=1).tobytes()


def packQ4(matrix):
    scale, values = quantizeQ4(matrix)
    nibbles = values[:, :16] | (values[:, 16:] << 4)
    return numpy.concatenate([scale.view(numpy.uint8).reshape(-1, 2), nibbles], axis=1).tobytes()


def packString(text):
    data = text.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def packValue(value):
    """(type, bytes) of a metadata value."""
    if isinstance(value, bool):
        return BOOL, struct.pack("<?", value)
    if isinstance(value, int):
        return U32, struct.pack("<I", value)
    if isinstance(value, float):
        return FLOAT, struct.pack("<f", value)
    if isinstance(value, str):
        return STRING, packString(value)
    if isinstance(value, I32List):
        return ARRAY, struct.pack("<IQ", I32, len(value)) + struct.pack(f"<{len(value)}i", *value)
    if isinstance(value, list):
        return ARRAY, struct.pack("<IQ", STRING, len(value)) + b"".join(packString(v) for v in value)
    raise TypeError(f"no GGUF type for {type(value)}")


def write(path, metadata, tensors):
    """metadata: {key: value}; tensors: [(name, float32 array, F32 | Q8_0 | Q4_0)], matrices [rows, K]."""
    packers = {F32: lambda a: a.astype("<f4").tobytes(), Q8_0: packQ8, Q4_0: packQ4}
    header = struct.pack("<IIQQ", 0x46554747, 3, len(tensors), len(metadata))
    for key, value in metadata.items():
        kind, data = packValue(value)
        header += packString(key) + struct.pack("<I", kind) + data
    blobs, offset = [], 0
    for name, array, kind in tensors:
        blob = packers[kind](array)
        header += packString(name) + struct.pack("<I", array.ndim)
        header += b"".join(struct.pack("<Q", n) for n in reversed(array.shape))
        header += struct.pack("<IQ", kind, offset)
        padded = -len(blob) % ALIGNMENT
        blobs.append(blob + bytes(padded))
        offset += len(blob) + padded
    with open(path, "wb") as file:
        file.write(header + bytes(-len(header) % ALIGNMENT))
        for blob in blobs:
            file.write(blob)
    return os.path.getsize(path)


class _Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values[0] if len(values) == 1 else values

    def string(self):
        length = self.take("Q")
        self.at += length
        return self.data[self.at - length:self.at].decode("utf-8")

    def value(self, kind):
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            element, count = self.take("IQ")
            return [self.value(element) for _ in range(count)]
        return self.take({U32: "I", I32: "i", FLOAT: "f", BOOL: "?"}[kind])

    def tensor(self, shape, kind, offset):
        count = int(numpy.prod(shape))
        if kind == F32:
            return numpy.frombuffer(self.data, "<f4", count, offset).reshape(shape)
        blocks = numpy.frombuffer(self.data, numpy.dtype([("scale", "<f2"), ("q", "i1", 32)]), count // 32, offset)
        return (blocks["q"] * blocks["scale"].astype(numpy.float32)[:, None]).astype(numpy.float32).reshape(shape)


def read(path):
    """(metadata, {name: float32 array}) of a file that write() made of F32 and Q8_0 tensors."""
    with open(path, "rb") as file:
        reader = _Reader(file.read())
    _, version, tensors, pairs = reader.take("IIQQ")
    if version != 3:
        raise ValueError(f"{path}: GGUF version {version}, not 3")
    metadata = {reader.string(): reader.value(reader.take("I")) for _ in range(pairs)}
    found = []
    for _ in range(tensors):
        name, dimensions = reader.string(), reader.take("I")
        shape = tuple(reversed([reader.take("Q") for _ in range(dimensions)]))
        found.append((name, shape, *reader.take("IQ")))
    begin = reader.at + -reader.at % ALIGNMENT
    return metadata, {name: reader.tensor(shape, kind, begin + offset) for name, shape, kind, offset in found}
