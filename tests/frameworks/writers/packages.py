"""Models of packages that people publish beside the large frameworks. What is not installed is left out."""
import importlib
import pickle


def write(recorder):
    import numpy as np
    random = np.random.default_rng(0)
    table = random.normal(size=(80, 4))
    data = {"x": table, "class": (table[:, 0] > 0).astype(int), "value": table[:, 0] * 2 + 1}
    for name, package, models in (
        ("gensim", "gensim", gensim), ("statsmodels", "statsmodels", statsmodels), ("imblearn", "imbalanced-learn", imblearn),
        ("category_encoders", "category-encoders", encoders), ("hmmlearn", "hmmlearn", hmmlearn), ("pyod", "pyod", pyod),
        ("lifelines", "lifelines", lifelines), ("hdbscan", "hdbscan", hdbscan), ("mlxtend", "mlxtend", mlxtend),
        ("catboost", "catboost", catboost), ("river", "river", river), ("nltk", "nltk", nltk),
        ("skopt", "scikit-optimize", skopt), ("surprise", "scikit-surprise", surprise),
    ):
        try:
            importlib.import_module(name)
        except ImportError:
            continue
        out = recorder.folder(name, package)
        for title, make in models(data):
            for protocol in (2, 4):
                def dump(path, make=make, protocol=protocol):
                    with open(path, "wb") as file:
                        pickle.dump(make(), file, protocol=protocol)
                out.attempt(f"{title}_p{protocol}.pkl", dump)


def gensim(data):
    from gensim import corpora, models
    texts = [["a", "b", "c"], ["b", "c", "d"], ["a", "d"]] * 5
    words = corpora.Dictionary(texts)
    bags = [words.doc2bow(text) for text in texts]
    vectors = models.Word2Vec(texts, vector_size=8, min_count=1)
    tagged = [models.doc2vec.TaggedDocument(text, [i]) for i, text in enumerate(texts)]
    return [("word2vec", lambda: vectors), ("keyed_vectors", lambda: vectors.wv), ("dictionary", lambda: words),
            ("fasttext", lambda: models.FastText(texts, vector_size=8, min_count=1, bucket=100)),
            ("doc2vec", lambda: models.Doc2Vec(tagged, vector_size=8, min_count=1)),
            ("lda", lambda: models.LdaModel(bags, num_topics=2, id2word=words)), ("tfidf", lambda: models.TfidfModel(bags)),
            ("lsi", lambda: models.LsiModel(bags, num_topics=2, id2word=words)),
            ("phrases", lambda: models.Phrases(texts, min_count=1)),
            ("phraser", lambda: models.phrases.Phraser(models.Phrases(texts, min_count=1)))]


def statsmodels(data):
    import numpy as np
    import pandas as pd
    import statsmodels.api as sm
    import statsmodels.formula.api as formula
    from statsmodels.tsa.arima.model import ARIMA
    from statsmodels.tsa.holtwinters import ExponentialSmoothing
    x, kind, value = sm.add_constant(data["x"][:, 1:]), data["class"], data["value"]
    frame = pd.DataFrame(data["x"], columns=list("abcd")).assign(y=value)
    walk = np.cumsum(data["x"][:, 1])
    return [("ols", lambda: sm.OLS(value, x).fit()), ("glm", lambda: sm.GLM(kind, x, family=sm.families.Binomial()).fit()),
            ("logit", lambda: sm.Logit(kind, x).fit(disp=0)), ("formula", lambda: formula.ols("y ~ a + b", frame).fit()),
            ("arima", lambda: ARIMA(walk, order=(1, 0, 0)).fit()),
            ("smoothing", lambda: ExponentialSmoothing(np.abs(walk) + 5, trend="add").fit())]


def imblearn(data):
    from imblearn import ensemble, over_sampling, pipeline, under_sampling
    from sklearn.linear_model import LogisticRegression
    steps = [("sample", over_sampling.SMOTE()), ("model", LogisticRegression())]
    return [("pipeline", lambda: pipeline.Pipeline(steps).fit(data["x"], data["class"])),
            ("forest", lambda: ensemble.BalancedRandomForestClassifier(n_estimators=3).fit(data["x"], data["class"])),
            ("over", over_sampling.RandomOverSampler), ("under", under_sampling.RandomUnderSampler)]


def encoders(data):
    import category_encoders as encoders
    import pandas as pd
    frame = pd.DataFrame({"letter": list("xyzx") * 20, "number": data["x"][:, 0]})
    names = ("OneHotEncoder TargetEncoder OrdinalEncoder BinaryEncoder CatBoostEncoder LeaveOneOutEncoder HashingEncoder "
             "JamesSteinEncoder WOEEncoder CountEncoder MEstimateEncoder")
    return [(name.lower(), lambda name=name: getattr(encoders, name)().fit(frame, data["class"])) for name in names.split()]


def hmmlearn(data):
    from hmmlearn import hmm
    return [("gaussian", lambda: hmm.GaussianHMM(2).fit(data["x"])), ("mixture", lambda: hmm.GMMHMM(2).fit(data["x"])),
            ("categorical", lambda: hmm.CategoricalHMM(2).fit(data["class"].reshape(-1, 1)))]


def pyod(data):
    def make(name):
        module = importlib.import_module("pyod.models." + name.lower())
        return getattr(module, name)().fit(data["x"])
    return [(name.lower(), lambda name=name: make(name)) for name in ("IForest", "KNN", "LOF", "ECOD", "COPOD", "HBOS", "OCSVM", "PCA")]


def lifelines(data):
    import lifelines
    import numpy as np
    import pandas as pd
    times = np.abs(data["x"][:, 0]) + 0.1
    frame = pd.DataFrame({"time": times, "event": data["class"], "x": data["x"][:, 1]})
    return [("kaplan_meier", lambda: lifelines.KaplanMeierFitter().fit(times, data["class"])),
            ("cox", lambda: lifelines.CoxPHFitter().fit(frame, "time", "event"))]


def hdbscan(data):
    import hdbscan
    return [("plain", lambda: hdbscan.HDBSCAN().fit(data["x"])), ("predicting", lambda: hdbscan.HDBSCAN(prediction_data=True).fit(data["x"]))]


def mlxtend(data):
    from mlxtend import classifier, feature_selection
    from sklearn.linear_model import LogisticRegression as Linear
    from sklearn.naive_bayes import GaussianNB
    return [("stacking", lambda: classifier.StackingClassifier([Linear(), GaussianNB()], Linear()).fit(data["x"], data["class"])),
            ("vote", lambda: classifier.EnsembleVoteClassifier([Linear(), GaussianNB()]).fit(data["x"], data["class"])),
            ("selector", lambda: feature_selection.SequentialFeatureSelector(Linear(), k_features=2, cv=2).fit(data["x"], data["class"]))]


def catboost(data):
    import catboost
    quiet = {"iterations": 3, "verbose": 0, "allow_writing_files": False}
    return [("classifier", lambda: catboost.CatBoostClassifier(**quiet).fit(data["x"], data["class"])),
            ("regressor", lambda: catboost.CatBoostRegressor(**quiet).fit(data["x"], data["value"])),
            ("plain", lambda: catboost.CatBoost(quiet).fit(data["x"], data["value"]))]


def river(data):
    from river import compose, forest, linear_model, preprocessing, tree

    def learn(model):
        for _ in range(3):
            model.learn_one({"a": 1.0, "b": 2.0}, True)
        return model
    return [("pipeline", lambda: learn(compose.Pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression()))),
            ("tree", lambda: learn(tree.HoeffdingTreeClassifier())), ("forest", lambda: learn(forest.ARFClassifier(n_models=2)))]


def nltk(data):
    import nltk
    from nltk.classify import NaiveBayesClassifier
    from nltk.lm import MLE
    from nltk.lm.preprocessing import padded_everygram_pipeline
    from nltk.tag import DefaultTagger, UnigramTagger
    from nltk.tokenize.punkt import PunktSentenceTokenizer

    def language_model():
        model = MLE(2)
        model.fit(*padded_everygram_pipeline(2, [["a", "b"]]))
        return model
    return [("bayes", lambda: NaiveBayesClassifier.train([({"a": 1}, "x"), ({"a": 2}, "y")])), ("language_model", language_model),
            ("tagger", lambda: UnigramTagger([[("a", "b"), ("c", "d")]], backoff=DefaultTagger("NN"))),
            ("punkt", lambda: PunktSentenceTokenizer("Hello world. This is Mr. Smith.")), ("frequencies", lambda: nltk.FreqDist("abc")),
            ("stemmers", lambda: [nltk.PorterStemmer(), nltk.SnowballStemmer("english")])]


def skopt(data):
    from skopt import gp_minimize
    from skopt.space import Real

    def optimised():
        result = gp_minimize(lambda x: x[0] ** 2, [(-1.0, 1.0)], n_calls=10, n_initial_points=8, random_state=0)
        del result.specs["args"]["func"]
        return result
    return [("result", optimised), ("space", lambda: Real(0.0, 1.0))]


def surprise(data):
    import pandas as pd
    from surprise import SVD, Dataset, KNNBasic, Reader
    ratings = pd.DataFrame({"user": [1, 2, 1, 2], "item": [1, 1, 2, 2], "rating": [1.0, 2.0, 3.0, 4.0]})
    train = Dataset.load_from_df(ratings, Reader(rating_scale=(1, 5))).build_full_trainset()
    return [("svd", lambda: SVD(n_epochs=2).fit(train)), ("neighbours", lambda: KNNBasic(verbose=False).fit(train)), ("train", lambda: train)]
