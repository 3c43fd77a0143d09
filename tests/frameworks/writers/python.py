"""Plain pickles of standard library values, and what dill and cloudpickle make of values and functions."""
import argparse
import array
import bz2
import collections
import datetime
import decimal
import enum
import fractions
import gzip
import io
import ipaddress
import lzma
import pathlib
import pickle
import platform
import re
import types
import uuid
import zipfile
import zlib

from .recorder import CLEAN, WARNING_AT_MOST

VALUES = {
    "containers": {"list": [1, 2.5, None, True, "text"], "tuple": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)), "set": {1, 2},
                   "frozen": frozenset({"a"}), "bytes": b"\x00\xff" * 9, "mutable": bytearray(b"abc"), "nested": [[[[]]]]},
    "numbers": [0, -1, 255, 256, 65535, 65536, 2**31 - 1, -2**31, 2**63, 2**200, -(2**2100), 1e308, float("inf"), 1 + 2j],
    "texts": ["", "ascii", "ünïcödé", "\udc80", "line\nbreak\\u0041", "x" * 300, "system eval exec __import__ os.popen"],
    "standard": [collections.OrderedDict(a=1), collections.Counter("abca"), collections.deque([1, 2], 5),
                 collections.defaultdict(list, a=[1]), datetime.datetime(2024, 2, 29, 1, 2, 3, 4, datetime.timezone.utc),
                 datetime.date(2024, 1, 1), datetime.time(1, 2), datetime.timedelta(3), decimal.Decimal("1.50"),
                 fractions.Fraction(1, 3), uuid.UUID(int=5), pathlib.PurePosixPath("runs/best"), pathlib.PurePath("weights"),
                 range(1, 9, 2), slice(1, None), Ellipsis, NotImplemented, array.array("d", [1.0, 2.0]), int, dict,
                 argparse.Namespace(lr=0.1, layers=[1, 2]), types.SimpleNamespace(a=1), re.compile(r"(?u)\b\w\w+\b"),
                 ipaddress.ip_address("127.0.0.1"), ValueError("nothing found"), KeyError("eval"), re.IGNORECASE],
    "vocabulary": {word: index for index, word in enumerate(
        "the of import os system eval exec subprocess open lambda getattr builtins pickle loads popen sh -c rm curl base64".split())},
}


def recursive():
    outer = []
    outer.append({"me": outer})
    return outer


def write(recorder):
    out = recorder.folder("python", "pip")
    out.version = platform.python_version()
    for name, value in VALUES.items():
        for protocol in range(6):
            out.bytes(f"{name}_p{protocol}.pkl", pickle.dumps(value, protocol))
    out.bytes("recursive.pkl", pickle.dumps(recursive()))
    out.bytes("pure_python_p5.pickle", pickle._dumps(VALUES["standard"], 5))
    stream = io.BytesIO()
    for value in VALUES.values():
        pickle.dump(value, stream)
    out.bytes("several_streams.pkl", stream.getvalue())
    out.bytes("no_extension", pickle.dumps(VALUES["containers"]))
    out.bytes("large_frames.pkl", pickle.dumps([b"x" * 70000, "y" * 70000], 4))
    data = pickle.dumps(VALUES["vocabulary"])
    for suffix, packed in (("gz", gzip.compress(data, mtime=0)), ("bz2", bz2.compress(data)), ("xz", lzma.compress(data)),
                           ("z", zlib.compress(data)), ("lzma", lzma.compress(data, format=lzma.FORMAT_ALONE))):
        out.bytes(f"vocabulary.pkl.{suffix}", packed)
    for method, name in ((zipfile.ZIP_STORED, "stored"), (zipfile.ZIP_DEFLATED, "deflated"), (zipfile.ZIP_BZIP2, "bzip2"),
                         (zipfile.ZIP_LZMA, "lzma")):
        with zipfile.ZipFile(out.path(f"bundle_{name}.zip"), "w", method) as archive:
            archive.writestr("model/vocabulary.pkl", data)
            archive.writestr("model/config.json", '{"model_type": "bert", "note": "eval() and exec are words"}')
            archive.writestr("README.md", "# model\n\nRun `pip install torch` first.\n")
    write_dill(recorder.folder("dill"))
    write_cloudpickle(recorder.folder("cloudpickle"))


class Colour(enum.Enum):
    red = 1


def write_dill(out):
    import dill
    for name in ("containers", "standard"):
        expectation = CLEAN if name == "containers" else WARNING_AT_MOST  # a range is written as text to evaluate
        out.bytes(f"{name}.dill", dill.dumps(VALUES[name]), expectation)
    out.bytes("function_lambda.dill", dill.dumps(lambda x: x + 1), WARNING_AT_MOST)
    out.bytes("recurse_lambda.dill", dill.dumps(lambda rows: [row * 2 for row in rows], recurse=True), WARNING_AT_MOST)


def write_cloudpickle(out):
    import cloudpickle
    for name in ("containers", "standard"):
        expectation = CLEAN if name == "containers" else WARNING_AT_MOST  # types are looked up by name
        out.bytes(f"{name}.pkl", cloudpickle.dumps(VALUES[name]), expectation)
    offset = 3
    out.bytes("closure.pkl", cloudpickle.dumps(lambda x: x + offset), WARNING_AT_MOST)
