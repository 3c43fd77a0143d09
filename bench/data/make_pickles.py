#!/usr/bin/env python3
"""Writes the pickles that the benchmarks read: opcode by opcode, nothing is loaded.

usage: make_pickles.py FOLDER

dicts.pkl    28 million opcodes, 14 million memo entries: a list of 2 million small dicts, protocol 4
arrays.pkl   100 MB: 13,000 NumPy arrays as protocol 4 writes them
tuples.pkl   4 million memoised pairs of integers: folding of small tuples
"""
import struct
import sys
from pathlib import Path


def text(s):
    b = s.encode()
    return b"\x8c" + bytes([len(b)]) + b


def dicts(path, count=2_000_000):
    # } MEMOIZE ( [name MEMOIZE value MEMOIZE] x 3 u: 14 opcodes and 7 memo entries a dict.
    with path.open("wb") as out:
        out.write(b"\x80\x04]\x94")
        for start in range(0, count, 1000):
            part = bytearray(b"(")
            for i in range(start, min(start + 1000, count)):
                part += b"}\x94("
                part += text("id") + b"\x94" + text("%07d" % i) + b"\x94"
                part += text("name") + b"\x94" + text("n%06x" % i) + b"\x94"
                part += text("tag") + b"\x94" + text("t%d" % (i % 7)) + b"\x94u"
            out.write(part + b"e")
        out.write(b".")


def arrays(path, count=13_000, size=7_700):
    head = (b"\x80\x04]\x94(" b"\x8c\x15numpy.core.multiarray\x8c\x0c_reconstruct\x93\x94"
            b"\x8c\x05numpy\x8c\x07ndarray\x93\x94" b"\x8c\x05numpy\x8c\x05dtype\x93\x94\x8c\x02f8\x89\x88\x87R\x94"
            b"(K\x03\x8c\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb000")
    # memo: 0 list, 1 _reconstruct, 2 ndarray, 3 the class dtype, 4 the dtype
    one = (b"h\x01h\x02K\x00\x85C\x01b\x87R\x94(K\x01M" + struct.pack("<H", size // 8) + b"\x85h\x04\x89B"
           + struct.pack("<I", size // 8 * 8))
    with path.open("wb") as out:
        out.write(head)
        for i in range(count):
            out.write(one + struct.pack("<d", i * 0.37) * (size // 8) + b"tb")
        out.write(b"e.")


def tuples(path, count=4_000_000):
    with path.open("wb") as out:
        out.write(b"\x80\x04]\x94")
        for start in range(0, count, 1000):
            out.write(b"(" + b"".join(b"M" + struct.pack("<H", i & 0xffff) + b"K\x07\x86\x94"
                                      for i in range(start, start + 1000)) + b"e")
        out.write(b".")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    dicts(folder / "dicts.pkl")
    arrays(folder / "arrays.pkl")
    tuples(folder / "tuples.pkl")


if __name__ == "__main__":
    main()
