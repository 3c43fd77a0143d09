"""npy in every dtype and header version, npz, and arrays inside pickles of every protocol."""
import pickle

from .recorder import CLEAN


def arrays(np):
    rng = np.random.default_rng(7)
    yield from ((f"dtype_{np.dtype(code).name}", rng.integers(0, 100, 6).astype(code)) for code in "?bBhHiIlLqQefdgFDG")
    yield "big_endian", np.arange(6, dtype=">i4")
    yield "big_endian_float", np.arange(6, dtype=">f8")
    yield "text", np.array(["system", "eval(1)", "ünï"])
    yield "bytes", np.array([b"ab", b"c"])
    yield "void", np.array([b"abcd", b"efgh"], dtype="V4")
    yield "dates", np.array(["2024-01-01", "NaT"], "M8[D]")
    yield "nanoseconds", np.array([1, 2], "m8[25ns]")
    yield "structured", np.array([(1, 2.0, "x")], dtype=[("a", "<i4"), ("b", ">f8"), ("c", "U3")])
    yield "nested_structure", np.zeros(2, dtype=[("p", [("x", "f4"), ("y", "f4")]), ("m", "f4", (2, 3))])
    yield "aligned", np.zeros(2, dtype=np.dtype([("a", "u1"), ("b", "f8")], align=True))
    yield "titled", np.zeros(2, dtype=[(("a title", "a"), "i4")])
    yield "unicode_field", np.zeros(2, dtype=[("größe", "f4"), ("重み", "i2")])
    yield "zero_dimensional", np.array(3.5)
    yield "empty", np.zeros((0, 3))
    yield "fortran", np.asfortranarray(rng.normal(size=(4, 5)))
    yield "strided", rng.normal(size=(8, 8))[::2, 1::3]
    yield "weights", rng.normal(size=(64, 32)).astype("f4")
    yield "many_axes", np.zeros((1,) * 16)


def write(recorder):
    import numpy as np
    out = recorder.folder("numpy")
    for name, array in arrays(np):
        np.save(out.path(f"{name}.npy"), array)
    for version in ((1, 0), (2, 0), (3, 0)):
        with open(out.path(f"header_v{version[0]}.npy"), "wb") as stream:
            np.lib.format.write_array(stream, np.arange(5.0), version=version)
    objects = np.array([None, "text", {"a": [1, 2]}, np.arange(3), 1.5], dtype=object)
    np.save(out.path("objects.npy"), objects, allow_pickle=True)
    mixed = np.zeros(2, dtype=[("n", "i4"), ("o", object)])
    mixed["o"] = ["a", None]
    np.save(out.path("object_field.npy"), mixed, allow_pickle=True)
    with open(out.path("two_arrays.npy", CLEAN), "wb") as stream:
        np.save(stream, np.arange(4))
    some = {name: array for name, array in arrays(np) if name in ("weights", "text", "empty", "zero_dimensional")}
    np.savez(out.path("several.npz"), **some)
    np.savez_compressed(out.path("several_compressed.npz"), **some)
    np.savez(out.path("positional.npz"), np.arange(3), np.ones((2, 2)))
    np.savez(out.path("objects.npz"), table=objects)
    write_pickles(out, np)


def write_pickles(out, np):
    rng = np.random.default_rng(3)
    values = {
        "arrays": [array for name, array in arrays(np) if name not in ("many_axes",)],
        "scalars": [np.float64(1.5), np.int8(1), np.bool_(True), np.datetime64("2024-01-01"), np.str_("a"), np.bytes_(b"a"),
                    np.complex64(1j), np.longdouble(1), np.float16(2), np.void(b"ab")],
        "types": [np.dtype("f4"), np.dtype(">i8"), np.dtype([("a", "i4"), ("b", "O")]), np.float32, np.int64, type(np.dtype("f8"))],
        "random": [np.random.RandomState(1), np.random.default_rng(1), np.random.Generator(np.random.MT19937(2)),
                   np.random.Generator(np.random.Philox(3)), np.random.Generator(np.random.SFC64(4)),
                   np.random.Generator(np.random.PCG64DXSM(5)), np.random.SeedSequence(6), np.random.RandomState(1).get_state()],
        "kinds": [np.ma.array([1, 2], mask=[0, 1]), np.matrix([[1, 2]]), np.rec.array([(1, 2.0)], names="a,b"),
                  np.polynomial.Polynomial([1, 2]), np.polynomial.Chebyshev([1, 2]), np.poly1d([1, 2]), np.ma.masked],
        "functions": [np.log1p, np.mean, np.sqrt, np.add, np.sum, np.float64, np.abs],
        "objects": np.array([None, "x", {"k": (1, 2)}], dtype=object),
        "state_dict": {f"layer{i}.weight": rng.normal(size=(8, 8)).astype("f4") for i in range(4)},
    }
    for name, value in values.items():
        for protocol in range(6):
            out.bytes(f"{name}_p{protocol}.pkl", pickle.dumps(value, protocol))
