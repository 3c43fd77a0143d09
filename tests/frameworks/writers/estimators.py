"""scikit-learn estimators as pickle and joblib files; XGBoost and LightGBM as pickles."""
import pickle
import warnings


def data():
    import numpy as np
    rng = np.random.default_rng(11)
    x = rng.normal(size=(60, 4))
    return x, (x[:, 0] + x[:, 1] > 0).astype(int)


def fitted():
    """(name, fitted estimator): every public estimator that fits our small table, then composed ones."""
    from sklearn.utils import all_estimators
    x, y = data()
    positive = abs(x)
    for name, cls in all_estimators():
        try:
            model = cls()
            parameters = model.get_params()
            small = {"random_state": 0, "n_estimators": 3, "max_iter": 30, "n_init": 1, "n_components": 2, "cv": 2}
            model.set_params(**{key: value for key, value in small.items() if key in parameters})
            try:
                yield name, model.fit(x, y)
            except ValueError:
                yield name, model.fit(positive, y)
        except Exception:
            continue  # needs another estimator or other data; composed ones follow


def composed():
    import numpy as np
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
    from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.feature_selection import SelectKBest, f_classif, mutual_info_classif
    from sklearn.gaussian_process import GaussianProcessRegressor, kernels
    from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
    from sklearn.metrics import f1_score, make_scorer
    from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.multioutput import MultiOutputClassifier
    from sklearn.naive_bayes import GaussianNB, MultinomialNB
    from sklearn.neighbors import KernelDensity, KNeighborsClassifier
    from sklearn.pipeline import FeatureUnion, make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PolynomialFeatures, StandardScaler
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier
    import pandas as pd
    x, y = data()
    tree = DecisionTreeClassifier(max_depth=2, random_state=0)
    words = ["the system can evaluate", "import the data os", "execute the plan with eval"]
    table = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": ["u", "v", "w"] * 20})
    yield "pipeline", make_pipeline(StandardScaler(), PolynomialFeatures(2), LogisticRegression()).fit(x, y)
    yield "union", make_pipeline(FeatureUnion([("s", StandardScaler()), ("k", SelectKBest(f_classif, k=2))]), GaussianNB()).fit(x, y)
    yield "voting", VotingClassifier([("g", GaussianNB()), ("t", tree)]).fit(x, y)
    yield "stacking", StackingClassifier([("g", GaussianNB()), ("t", tree)], LogisticRegression(), cv=2).fit(x, y)
    yield "bagging", BaggingClassifier(tree, n_estimators=3, random_state=0).fit(x, y)
    yield "calibrated", CalibratedClassifierCV(tree, cv=2).fit(x, y)
    yield "grid_search", GridSearchCV(tree, {"max_depth": [1, 2]}, cv=2, scoring=make_scorer(f1_score)).fit(x, y)
    yield "random_search", RandomizedSearchCV(SGDClassifier(random_state=0), {"alpha": [1e-3, 1e-2]}, n_iter=2, cv=2,
                                              random_state=0).fit(x, y)
    yield "columns", make_pipeline(ColumnTransformer([("s", StandardScaler(), ["a", "b"]), ("o", OneHotEncoder(), ["c"])],
                                                     remainder="passthrough"), tree).fit(table, y)
    yield "target", TransformedTargetRegressor(LinearRegression(), func=np.log1p, inverse_func=np.expm1).fit(x, abs(x[:, 0]))
    yield "function", make_pipeline(FunctionTransformer(np.abs), GaussianNB()).fit(x, y)
    yield "mutual_information", SelectKBest(mutual_info_classif, k=2).fit(x, y)
    yield "tfidf", make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), MultinomialNB()).fit(words, [0, 1, 0])
    yield "count", CountVectorizer(token_pattern=r"(?u)\b\w+\b", stop_words="english").fit(words)
    yield "dictionary", DictVectorizer().fit([{"a": 1, "os.system": 2}])
    yield "neighbours_ball", KNeighborsClassifier(3, algorithm="ball_tree").fit(x, y)
    yield "neighbours_kd", KNeighborsClassifier(3, algorithm="kd_tree", metric="manhattan").fit(x, y)
    yield "density", KernelDensity().fit(x)
    yield "svc_probability", SVC(kernel="poly").fit(x, y)
    yield "one_vs_rest", OneVsRestClassifier(LogisticRegression()).fit(x, y)
    yield "multi_output", MultiOutputClassifier(tree).fit(x, np.c_[y, 1 - y])
    kernel = kernels.ConstantKernel() * kernels.RBF() + kernels.WhiteKernel() + kernels.Matern() ** 2
    yield "gaussian_process", GaussianProcessRegressor(kernel, random_state=0).fit(x[:20], x[:20, 0])
    yield "bunch", __import__("sklearn.utils", fromlist=["Bunch"]).Bunch(model=tree, names=["a", "b"])


def write(recorder):
    warnings.simplefilter("ignore")
    out = recorder.folder("sklearn", "scikit-learn")
    import joblib
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        models = [*fitted(), *composed()]
    for name, model in models:
        out.bytes(f"{name}.pkl", pickle.dumps(model))
    for name, model in models:
        if name in ("pipeline", "RandomForestClassifier", "tfidf", "HistGradientBoostingClassifier", "neighbours_kd"):
            for protocol in range(6):
                out.bytes(f"{name}_p{protocol}.sav", pickle.dumps(model, protocol))
    out = recorder.folder("joblib")
    for name, model in models:
        joblib.dump(model, out.path(f"{name}.joblib"))
        if name in ("pipeline", "RandomForestClassifier", "tfidf"):
            for codec in ("zlib", "gzip", "bz2", "xz", "lzma", "lz4"):
                out.attempt(f"{name}.{codec}.joblib", lambda path: joblib.dump(model, path, compress=(codec, 3)))
            joblib.dump(model, out.path(f"{name}_p2.joblib"), protocol=2)
    write_arrays(out, joblib)
    write_boosters(recorder)


def write_arrays(out, joblib):
    import numpy as np
    x, y = data()
    joblib.dump({"x": x, "y": y, "names": np.array(["a", None, {"k": 1}], dtype=object)}, out.path("objects_between_arrays.joblib"))
    joblib.dump(np.asfortranarray(x), out.path("fortran.joblib"))
    joblib.dump([np.zeros(0), np.float32(1), np.array(1.5), x.astype("f2")], out.path("corner_arrays.joblib"))
    joblib.dump(np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]), out.path("structured.joblib"))


def write_boosters(recorder):
    x, y = data()
    import lightgbm
    import xgboost
    out = recorder.folder("xgboost")
    for booster in ("gbtree", "gblinear", "dart"):
        model = xgboost.train({"booster": booster, "objective": "binary:logistic"}, xgboost.DMatrix(x, y), 3)
        out.bytes(f"{booster}.pkl", pickle.dumps(model))
    for protocol in (2, 4, 5):
        out.bytes(f"classifier_p{protocol}.pkl", pickle.dumps(xgboost.XGBClassifier(n_estimators=3).fit(x, y), protocol))
    out.bytes("regressor.pkl", pickle.dumps(xgboost.XGBRegressor(n_estimators=3).fit(x, y)))
    out = recorder.folder("lightgbm")
    quiet = {"n_estimators": 3, "verbose": -1, "num_leaves": 4}
    for protocol in (2, 4, 5):
        out.bytes(f"classifier_p{protocol}.pkl", pickle.dumps(lightgbm.LGBMClassifier(**quiet).fit(x, y), protocol))
    out.bytes("ranker.pkl", pickle.dumps(lightgbm.LGBMRanker(**quiet).fit(x, y, group=[30, 30])))
    out.bytes("booster.pkl", pickle.dumps(lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(x, y), 3)))
