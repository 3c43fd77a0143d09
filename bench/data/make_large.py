#!/usr/bin/env python3
"""Writes large model files by hand, sparse where the weights lie. Standard library only; nothing is loaded.

usage: make_large.py FOLDER [BYTES]     BYTES of weights, default 1.1 GB

model.pt, model.safetensors, model.gguf: one file a format with BYTES of weights in 64 tensors
small.pkl, small.pt: what a small clean model looks like
folder/: 10,000 small pickles in 100 folders
"""
import json
import pickle
import struct
import sys
import zlib
from pathlib import Path

TENSORS = 64


def text(s):
    return b"X" + struct.pack("<I", len(s)) + s.encode()


def tensor(key, count):
    return (b"ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu")
            + b"J" + struct.pack("<i", count) + b"tQK\x00J" + struct.pack("<i", count) + b"\x85K\x01\x85\x89"
            + b"ccollections\nOrderedDict\n)RtR")


def state_dict(tensors, count):
    body = b"".join(text("layer.%d.weight" % i) + tensor(str(i), count) for i in range(tensors))
    return b"\x80\x02}(" + body + b"u."


def torch_zip(path, tensors, count):
    """Members stored, storages at 64-byte boundaries, as the framework's writer lays them out."""
    directory = b""
    entries = 0

    def member(out, name, data, hole=0):
        nonlocal directory, entries
        start = out.tell()
        size = len(data) + hole
        extra = b""
        if hole:
            pad = -(start + 30 + len(name) + 4) % 64
            extra = struct.pack("<HH", 0x4246, pad) + b"Z" * pad
        # Zeros have a CRC of their own length; nobody reads weights for it, so it is left at 0 there.
        crc = 0 if hole else zlib.crc32(data)
        fixed = struct.pack("<HHHHHIIIHH", 0, 0, 0, 0, 0, crc, size, size, len(name), len(extra))
        out.write(b"PK\x03\x04" + fixed + name + extra + data)
        if hole:
            out.seek(hole - 1, 1)
            out.write(b"\0")
        fixed = struct.pack("<HHHHHHIIIHHHHHII", 0, 0, 0, 0, 0, 0, crc, size, size, len(name), 0, 0, 0, 0, 0, start)
        directory += b"PK\x01\x02" + fixed + name
        entries += 1

    with path.open("wb") as out:
        member(out, b"model/data.pkl", state_dict(tensors, count))
        member(out, b"model/byteorder", b"little")
        for i in range(tensors):
            member(out, b"model/data/%d" % i, b"", count * 4)
        member(out, b"model/version", b"3\n")
        start = out.tell()
        out.write(directory)
        out.write(b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, entries, entries, len(directory), start, 0))


def safetensors(path, tensors, count):
    header = {"layer.%d.weight" % i: {"dtype": "F32", "shape": [count], "data_offsets": [i * count * 4, (i + 1) * count * 4]}
              for i in range(tensors)}
    encoded = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    encoded += b" " * (-len(encoded) % 8)
    with path.open("wb") as out:
        out.write(struct.pack("<Q", len(encoded)) + encoded)
        out.truncate(8 + len(encoded) + tensors * count * 4)


def gguf(path, tensors, count):
    def string(s):
        return struct.pack("<Q", len(s)) + s.encode()

    out = b"GGUF" + struct.pack("<IQQ", 3, tensors, 1) + string("general.architecture") + struct.pack("<I", 8) + string("llama")
    for i in range(tensors):
        out += string("blk.%d.attn_q.weight" % i) + struct.pack("<IQIQ", 1, count, 0, i * count * 4)
    out += b"\0" * (-len(out) % 32)
    with path.open("wb") as file:
        file.write(out)
        file.truncate(len(out) + tensors * count * 4)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    weights = int(sys.argv[2]) if len(sys.argv) == 3 else 1_100_000_000
    count = weights // (4 * TENSORS) // 32 * 32
    folder.mkdir(parents=True, exist_ok=True)
    torch_zip(folder / "model.pt", TENSORS, count)
    safetensors(folder / "model.safetensors", TENSORS, count)
    gguf(folder / "model.gguf", TENSORS, count)
    torch_zip(folder / "small.pt", 4, 64)
    (folder / "small.pkl").write_bytes(pickle.dumps({"weights": list(range(200)), "name": "small"}, 4))
    for i in range(10_000):
        sub = folder / "folder" / ("%02d" % (i % 100))
        sub.mkdir(parents=True, exist_ok=True)
        (sub / ("m%05d.pkl" % i)).write_bytes(pickle.dumps({"id": i, "values": list(range(i % 50))}, 4))


if __name__ == "__main__":
    main()
