#!/usr/bin/env python3
"""Lists the exact Python names that the frameworks write into their pickles, for safe_globals.tsv.

    enumerate_globals.py                                   rows to standard output, what was refused to standard error
    enumerate_globals.py --merge libmodelaudit/data        adds the rows to DIR/safe_globals.tsv, and the constructors that
                                                           do more to DIR/dangerous_globals.tsv

Run it inside an environment made from requirements.txt. A class is listed when restoring its state can do
nothing but set fields: everything reachable from its `__new__` and `__setstate__` inside its own module is read, and a call
that runs text, imports, or opens something refuses it; where only `__init__` has such a call, that gets a row of its own. Three more sources are tables beside this file:
published_names.tsv (names of frameworks that need not be installed), renamed_modules.tsv (where a class lived in older
versions) and, as the last word, dangerous_globals.tsv: a name that stands there is never added.
"""
import argparse
import ast
import importlib
import inspect
import pathlib
import pkgutil
import re
import sys
import textwrap
import warnings

HERE = pathlib.Path(__file__).resolve().parent

# Calls that no model part may make while it is created or restored.
FORBIDDEN = {
    "eval", "exec", "compile", "__import__", "import_module", "open", "load", "loads", "unpickle", "system", "popen", "Popen",
    "check_output", "check_call", "find_jar", "find_binary", "find_jars_within_path", "config_java", "java", "urlopen", "urlretrieve", "get", "fromfile", "memmap", "load_library", "CDLL", "makedirs",
    "mkdir", "remove", "unlink", "rmtree", "literal_eval", "from_pretrained", "load_model", "from_file", "_import_dotted_name",
} - {"get", "literal_eval", "remove"}
RESTORED = ("__new__", "__setstate__")  # all that runs where an object is made from its state

# framework -> (package to walk, modules of it whose classes are parts of models)
MODULES = {
    "sklearn": ("sklearn", r"""
        _loss\.\w+ | base | calibration | cluster\._(?!hierarchical_fast|k_means_|dbscan_inner)\w+ | cluster\._hdbscan\.hdbscan |
        (compose|covariance|cross_decomposition|decomposition|ensemble|feature_extraction|feature_selection|frozen|impute|
         linear_model|manifold|mixture|model_selection|neighbors|neural_network|preprocessing|semi_supervised|svm)\.\w+ |
        ensemble\._hist_gradient_boosting\.(binning|common|gradient_boosting|grower|predictor|splitting) |
        linear_model\._glm\.glm | discriminant_analysis | dummy | gaussian_process\.\w+ | isotonic | kernel_approximation |
        kernel_ridge | metrics\._(dist_metrics|scorer) | multiclass | multioutput | naive_bayes | pipeline | random_projection |
        tree\._(classes|criterion|splitter|tree) | utils\._(bunch|metadata_requests|set_output|tags)"""),
    "torch": ("torch", r"""
        nn\.modules\.\w+ | nn\.parameter | nn\.parallel\.(data_parallel|distributed) | optim\.\w+ |
        nn\.utils\.(parametrizations|parametrize|prune|rnn|spectral_norm|weight_norm) | ao\.nn\..+ |
        ao\.quantization\.(fake_quantize|observer|qconfig|qconfig_mapping|quant_type|stubs|_learnable_fake_quantize) |
        distributions\.(?!kl|constraint_registry)\w+ | amp\.\w+ | cuda\.amp\.\w+ | utils\.data\.(dataset|sampler|distributed) |
        distributed\.checkpoint\.metadata"""),
    "numpy": ("numpy", r"random\._(generator|mt19937|pcg64|philox|sfc64|common|pickle) | random\.(bit_generator|mtrand) | dtypes |"
                       r"polynomial\.\w+ | matrixlib\.defmatrix"),
    "scipy": ("scipy", r"""
        sparse\._(base|bsr|compressed|coo|csc|csr|data|dia|dok|index|lil|matrix) | spatial\._(ckdtree|kdtree) |
        spatial\.transform\._\w+ | interpolate\._(bsplines|cubic|fitpack2|interpnd|interpolate|ndbspline|ndgriddata|polyint|
        rbfinterp|rgi) | optimize\._(optimize|constraints|lbfgsb_py) | stats\._(kde|distn_infrastructure|multivariate)"""),
    "pandas": ("pandas", r"""
        core\.(frame|series|base|generic|flags) | core\.indexes\.\w+ | core\.arrays\.\w+ | core\.arrays\.sparse\.(array|dtype) |
        core\.arrays\.arrow\.array | core\.dtypes\.(dtypes|base) | core\.internals\.(blocks|managers) |
        _libs\.(arrays|internals|interval|missing|sparse) |
        _libs\.tslibs\.(base|dtypes|nattype|offsets|period|timedeltas|timestamps) | tseries\.holiday"""),
    "xgboost": ("xgboost", r"core | sklearn | data | _data_utils"),
    "lightgbm": ("lightgbm", r"basic | sklearn | compat"),
    # Packages that people publish models of; those that are not installed are left out.
    "category_encoders": ("category_encoders", r"\w+"),
    "gensim": ("gensim", r"(models|corpora)\.\w+ | utils | similarities\.(docsim|annoy|termsim|levenshtein)"),
    "hdbscan": ("hdbscan", r"dist_metrics | hdbscan_ | prediction | _prediction_utils | robust_single_linkage_ | flat"),
    "hmmlearn": ("hmmlearn", r"\w+"),
    "imblearn": ("imblearn", r"(base|pipeline|(combine|ensemble|metrics|over_sampling|under_sampling)(\.\w+)*)"),
    "lifelines": ("lifelines", r"fitters(\.\w+)* | utils(\.\w+)? | \w*fitter\w*"),
    "mlxtend": ("mlxtend", r"(classifier|regressor|feature_selection|feature_extraction|cluster|preprocessing|_base)\.\w+"),
    "nltk": ("nltk", r"probability | collocations | tree(\.\w+)? | grammar | (classify|lm|stem|tag|tokenize|chunk)\.\w+"),
    "pmdarima": ("pmdarima", r"(arima|preprocessing|model_selection)(\.\w+)* | pipeline | base"),
    "pyod": ("pyod", r"models\.\w+"),
    "river": ("river", r"(?!datasets|evaluate|sketch\.cli|stream).+"),
    "scikit-optimize": ("skopt", r"(learning|space)(\.\w+)+"),
    "sklearn-crfsuite": ("sklearn_crfsuite", r"estimator"),
    "statsmodels": ("statsmodels", r"(base|discrete|distributions|duration|gam|genmod|iolib|miscmodels|multivariate|"
                                   r"nonparametric|regression|robust|stats|tools|treatment|tsa)(\.\w+)*"),
    "patsy": ("patsy", r"(?!test_)\w+"),
    "surprise": ("surprise", r"prediction_algorithms\.\w+ | trainset | dataset | reader"),
    "umap": ("umap", r"umap_ | parametric_umap"),
    "pynndescent": ("pynndescent", r"pynndescent_"),
    "sktime": ("sktime", r"(base|classification|forecasting|regression|transformations)(\.\w+)*"),
    "tslearn": ("tslearn", r"(clustering|neighbors|preprocessing|shapelets|svm|early_classification|piecewise)(\.\w+)*"),
    "implicit": ("implicit", r"\w+(\.\w+)?"),
    "lightfm": ("lightfm", r"lightfm | data"),
    "shap": ("shap", r"explainers(\.\w+)* | maskers(\.\w+)* | models(\.\w+)* | links | _explanation"),
    "prophet": ("prophet", r"forecaster | diagnostics"),
    "optuna": ("optuna", r"(distributions|samplers|pruners|trial|study)(\.\w+)*"),
}
SKIPPED_PACKAGES = re.compile(r"\.(tests?|testing|_testing|datasets|externals|conftest|_build_utils|__check_build|\w*_plot|"
                              r"plotting|io|spark|dask|federated|onnx|fx|_inductor|_dynamo|cli|f2py|distutils|jit|export|_export|masked|"
                              r"profiler|backends|contrib|package|_vendor|_pytest|libs)(\.|$)")
# Classes in those modules that a model does not hold, or that take a function to call at once.
SKIPPED_CLASSES = re.compile(r"Display$|Protocol$|TypedDict|^Test|^Rbf$|_TempFile|_ProxyDMatrix|ExtMemQuantileDMatrix|IterativeArray|"
                             r"^_Frame$|SingleBatchInternalIter|_DummyLogger|Enum$|[pP]roperty$")

# Functions that models keep as attributes; all compute on numbers and take no callable.
FUNCTIONS = {
    "sklearn.metrics._classification": r"^[a-z].*(score|loss|report|matrix|coefficient|coef|kappa).*$",
    "sklearn.metrics._regression": r"^[a-z].*(score|error|deviance|loss).*$",
    "sklearn.metrics._ranking": r"^[a-z].*(score|error|loss|auc|curve)$|^auc$",
    "sklearn.metrics.pairwise": r"^[a-z]+(_[a-z]+)*_(kernel|distances|similarity)$|^(?!pairwise).*_kernel$",
    "sklearn.metrics.cluster._supervised": r"^[a-z].*(score|index|measure|completeness).*$",
    "sklearn.metrics.cluster._unsupervised": r"^(calinski|davies).*$",
    "sklearn.feature_selection._univariate_selection": r"^(f_classif|f_regression|chi2|f_oneway|r_regression)$",
    "sklearn.feature_selection._mutual_info": r"^mutual_info_",
    "sklearn.cluster._kmeans": r"^_kmeans_single_",
    "sklearn.neural_network._base": r"^(identity|logistic|tanh|relu|softmax)$",
    "torch.nn.functional": r"^(relu6?|gelu|silu|mish|elu|selu|celu|leaky_relu|hardtanh|hardswish|hardsigmoid|softplus|softsign|"
                           r"tanh|tanhshrink|sigmoid|logsigmoid|softmax|log_softmax|softmin|glu|normalize|cross_entropy|"
                           r"nll_loss|mse_loss|l1_loss|smooth_l1_loss|huber_loss|binary_cross_entropy(_with_logits)?|kl_div|"
                           r"dropout|layer_norm|batch_norm|linear|interpolate|pad|one_hot|cosine_similarity|embedding)$",
    "torch._C._nn": r"^(gelu|silu|mish|elu_?|leaky_relu_?|hardtanh|hardswish|hardsigmoid|softplus|log_sigmoid|glu|linear)$",
    "torch._utils": r"^_rebuild_",
    "gensim.models.phrases": r"^(original|npmi)_scorer$",
    "gensim.models.tfidfmodel": r"^(df2idf|smartirs_\w+)$",
    "gensim.utils": r"^(identity|call_on_class_only)$",
    "hdbscan.dist_metrics": r"^newObj$",
    "torch.jit._pickle": r"^(build_|restore_type_tag$)",
}
# Classes that are safe only where they are restored from their state: (module, "Class.__init__") -> what that would do.
CONSTRUCTORS = {}
PYX = re.compile(r"^__pyx_unpickle_\w+$")


def walk(root, wanted):
    """Every module below `root` whose name after the root matches `wanted`."""
    try:
        todo = [importlib.import_module(root)]
    except ImportError:
        print(f"refused\t{root}\t*\tnot installed", file=sys.stderr)
        return
    while todo:
        module = todo.pop(0)
        if wanted.fullmatch(module.__name__[len(root) + 1:]):
            yield module
        for entry in pkgutil.iter_modules(getattr(module, "__path__", []), module.__name__ + "."):
            if SKIPPED_PACKAGES.search(entry.name) or not (entry.ispkg or wanted.fullmatch(entry.name[len(root) + 1:])):
                continue
            try:
                todo.append(importlib.import_module(entry.name))
            except Exception as error:  # a framework may lack an optional part
                print(f"refused\t{entry.name}\t*\tdoes not import: {type(error).__name__}", file=sys.stderr)


def called_names(function):
    """(name, is it a method of self or super) for every call in the text of `function`; None without text."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError, IndentationError):
        return None
    names = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name):
            names.add((node.func.id, False))
        elif isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id == "re":  # re.compile
                continue
            own = isinstance(owner, ast.Name) and owner.id in ("self", "cls", "super")
            own |= isinstance(owner, ast.Call) and isinstance(owner.func, ast.Name) and owner.func.id == "super"
            names.add((node.func.attr, own))
    return names


def forbidden_call(cls, entries):
    """The first forbidden call that `entries` of `cls` could reach, or None."""
    todo, seen = [(cls, name) for name in entries], set()
    while todo:
        owner, name = todo.pop()
        if (owner, name) in seen:
            continue
        seen.add((owner, name))
        bodies = [base.__dict__[name] for base in owner.__mro__ if base is not object and name in base.__dict__] \
            if inspect.isclass(owner) else [getattr(owner, name, None)]
        for body in bodies:
            body = inspect.unwrap(getattr(body, "__func__", body)) if callable(body) or hasattr(body, "__func__") else body
            for call, own in called_names(body) or ():
                if call in FORBIDDEN:
                    return f"{name} calls {call}" if name.startswith("__") else f"calls {call}"
                if own:
                    todo.append((cls, call))
                elif inspect.isfunction(getattr(sys.modules.get(getattr(body, "__module__", ""), None), call, None)):
                    todo.append((sys.modules[body.__module__], call))
    return None


def rows_of_packages():
    for framework, (root, wanted) in MODULES.items():
        for module in walk(root, re.compile(wanted, re.VERBOSE)):
            yield from rows_of_module(framework, module)


def rows_of_module(framework, module):
    for name, value in sorted(vars(module).items()):
        if PYX.match(name) and not SKIPPED_CLASSES.search(name):
            yield module.__name__, name, framework
            continue
        if not inspect.isclass(value) or value.__qualname__ != value.__name__ or SKIPPED_CLASSES.search(value.__name__):
            continue
        if issubclass(value, BaseException):
            continue
        homes = {value.__module__} if value.__module__ == module.__name__ else set()
        if framework == "pandas" and defined_in(value, module):
            homes |= {value.__module__, module.__name__}  # pandas 3 writes the public name, older ones the module's
        reason = forbidden_call(value, RESTORED) if homes else None
        constructor = forbidden_call(value, ("__init__",)) if homes else None
        for home in sorted(homes):
            if reason:
                print(f"refused\t{home}\t{value.__name__}\t{reason}", file=sys.stderr)
                continue
            yield home, value.__name__, framework
            if constructor:
                CONSTRUCTORS[(home, f"{value.__name__}.__init__")] = constructor.removeprefix("__init__ ")


def defined_in(value, module):
    """Is the text of `value` in `module`, whatever module it names itself?"""
    codes = [entry.__code__ for entry in vars(value).values() if inspect.isfunction(entry)]
    if codes:
        return any(code.co_filename == getattr(module, "__file__", None) for code in codes)
    return module.__name__.startswith("pandas._libs") and value.__module__ in ("pandas", module.__name__)


def rows_of_functions():
    for module_name, pattern in FUNCTIONS.items():
        try:
            module = importlib.import_module(module_name)
        except Exception:
            continue
        for name, value in sorted(vars(module).items()):
            if re.search(pattern, name) and callable(value) and not inspect.isclass(value):
                if getattr(value, "__module__", module_name) in (module_name, None):
                    yield module_name, name, module_name.split(".")[0]


def rows_of_numbers():
    """NumPy's scalar types and universal functions, under each spelling that some version writes."""
    import numpy
    import scipy.special
    for name, value in sorted(vars(numpy).items()):
        if isinstance(value, type) and issubclass(value, numpy.generic):
            yield "numpy", name, "numpy"
            yield "numpy", value.__name__, "numpy"
        if isinstance(value, numpy.ufunc):
            for module in ("numpy", "numpy._core._multiarray_umath", "numpy.core._multiarray_umath", "numpy.core.umath"):
                yield module, value.__name__, "numpy"
    for name, value in sorted(vars(scipy.special).items()):
        if isinstance(value, numpy.ufunc):
            for module in ("scipy.special._ufuncs", "scipy.special._special_ufuncs", "scipy.special"):
                yield module, value.__name__, "scipy"


def rows_of_python():
    import builtins
    for name, value in sorted(vars(builtins).items()):
        if isinstance(value, type) and issubclass(value, BaseException):
            yield "builtins", name, "python"


def table(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines[1:] if line and not line.startswith("#")]


def rows_of_tables(known):
    for module, names, framework in table(HERE / "published_names.tsv"):
        for name in names.split():
            yield module, name, framework
    # A line without names moves every class that the module of today holds.
    by_module = {}
    for module, name, framework in known:
        by_module.setdefault(module, []).append((name, framework))
    for framework, now, then, names in table(HERE / "renamed_modules.tsv"):
        for name in names.split() if names != "*" else [entry[0] for entry in by_module.get(now, [])]:
            yield then, name, framework


def collect(data):
    warnings.simplefilter("ignore")
    rows = [*rows_of_packages(), *rows_of_functions(), *rows_of_numbers(), *rows_of_python()]
    rows += table(data / "safe_globals.tsv")
    rows = [tuple(row) for row in rows]
    rows += rows_of_tables(rows)
    dangerous = {(row[0], row[1]) for row in table(data / "dangerous_globals.tsv")}
    kept = {}
    for module, name, framework in rows:
        if (module, name) in dangerous:
            print(f"refused\t{module}\t{name}\tstands in the dangerous table", file=sys.stderr)
        else:
            kept.setdefault((module, name), framework)
    for module, name, framework in table(data / "safe_globals.tsv"):
        kept[(module, name)] = framework
    return sorted((key[0].encode(), key[1].encode(), framework.encode()) for key, framework in kept.items())


def merge_constructors(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = {tuple(line.split("\t")[:2]): line for line in lines[1:]}
    for key, what in CONSTRUCTORS.items():
        rows.setdefault(key, "\t".join((*key, "warning", f"the constructor {what}; harmless only when restored from state")))
    path.write_text("\n".join(lines[:1] + [rows[key] for key in sorted(rows)]) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--merge", type=pathlib.Path, metavar="DIR", help="folder of the tables; rewrites safe_globals.tsv")
    arguments = parser.parse_args()
    data = arguments.merge or HERE.parents[1] / "libmodelaudit" / "data"
    lines = [b"module\tname\tframework"] + [b"\t".join(row) for row in collect(data)]
    text = b"\n".join(lines) + b"\n"
    if arguments.merge:
        (data / "safe_globals.tsv").write_bytes(text)
        merge_constructors(data / "dangerous_globals.tsv")
    else:
        sys.stdout.buffer.write(text)


if __name__ == "__main__":
    main()
