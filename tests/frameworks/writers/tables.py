"""pandas frames, and SciPy's sparse matrices and interpolators."""
import pickle


def write(recorder):
    write_pandas(recorder.folder("pandas"))
    write_scipy(recorder.folder("scipy"))


def write_pandas(out):
    import numpy as np
    import pandas as pd
    days = pd.date_range("2024-01-01", periods=6)
    frame = pd.DataFrame({"n": np.arange(6), "x": np.linspace(0, 1, 6), "text": list("abcdef"), "day": days,
                          "kind": pd.Categorical(list("xyzxyz")), "flag": [True, False] * 3})
    for suffix in ("", ".gz", ".bz2", ".xz", ".zip"):
        frame.to_pickle(out.path(f"frame.pkl{suffix}"))
    for protocol in range(6):
        frame.to_pickle(out.path(f"frame_p{protocol}.pkl"), protocol=protocol)
    values = {
        "indexes": [frame.set_index("day"), frame.set_index(["kind", "n"]), pd.RangeIndex(3), pd.Index([1.5, 2.5]),
                    pd.period_range("2024", periods=3, freq="M"), pd.interval_range(0, 3), pd.timedelta_range("1h", periods=2),
                    pd.Index(["a", "b"], name="letters"), pd.CategoricalIndex(["a", "b"])],
        "extension": [pd.array([1, None], dtype="Int64"), pd.array([1.5, None], dtype="Float32"), pd.array([True, None], dtype="boolean"),
                      pd.array(["a", None], dtype="string"), pd.arrays.SparseArray([0, 0, 1]), pd.NA, pd.NaT,
                      pd.Series([1, 2], dtype="UInt8")],
        "times": [pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-01", tz="Europe/Berlin"), pd.Timedelta("1D"), pd.Period("2024-01"),
                  pd.Interval(0, 1), pd.offsets.MonthEnd(), pd.offsets.BusinessDay(2), pd.DateOffset(months=1),
                  pd.Series(days.tz_localize("UTC"))],
        "types": [pd.CategoricalDtype(["a", "b"]), pd.Int64Dtype(), pd.StringDtype(), pd.DatetimeTZDtype(tz="UTC"), pd.PeriodDtype("D")],
    }
    for name, value in values.items():
        for protocol in (2, 4, 5):
            out.bytes(f"{name}_p{protocol}.pkl", pickle.dumps(value, protocol))


def write_scipy(out):
    import numpy as np
    import scipy.interpolate
    import scipy.sparse
    import scipy.spatial
    dense = np.eye(5)
    makers = ("csr", "csc", "coo", "bsr", "dia", "lil", "dok")
    values = {
        "sparse": [getattr(scipy.sparse, f"{kind}_{form}")(dense) for kind in makers for form in ("matrix", "array")],
        "interpolators": [scipy.interpolate.interp1d([0, 1, 2], [3, 4, 5]), scipy.interpolate.CubicSpline([0, 1, 2], [0, 1, 0]),
                          scipy.interpolate.make_interp_spline([0, 1, 2, 3], [0, 1, 4, 9])],
        "spatial": [scipy.spatial.cKDTree(dense), scipy.spatial.KDTree(dense),
                    scipy.spatial.transform.Rotation.from_euler("z", 90, degrees=True)],
    }
    for name, value in values.items():
        for protocol in (2, 4, 5):
            out.attempt(f"{name}_p{protocol}.pkl", lambda path: pickle.dump(value, open(path, "wb"), protocol))
    scipy.sparse.save_npz(out.path("matrix.npz"), scipy.sparse.csr_matrix(dense))
