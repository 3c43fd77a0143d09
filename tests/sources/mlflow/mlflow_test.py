"""Models of an MLflow server, through the program. Run by ctest, one class a topic."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "cli"))

from double import BENIGN, EVIL, LOGGED, PASSWORD, RUN, TOKEN, USER, Double  # noqa: E402
from harness import CliTest  # noqa: E402


class MlflowTest(CliTest):
    @classmethod
    def setUpClass(cls):
        cls.double = Double()
        cls.addClassCleanup(cls.double.close)

    def setUp(self):
        super().setUp()
        self.double.requests.clear()

    def scan(self, *words, **environment):
        environment.setdefault("MLFLOW_TRACKING_URI", self.double.url)
        done = self.run_cli("-f", "json", "--cache-dir", "cache", *words, **environment)
        self.assertIn(done.status, (0, 1, 2), done.err)
        return done

    def paths(self, done):
        return sorted(file["path"] for file in done.json["files"])

    def error_of(self, *words, **environment):
        """The message of a scan that could look at nothing."""
        done = self.scan(*words, **environment)
        self.assertEqual(done.status, 2)
        self.assertEqual(done.json["files"], [])
        return " ".join(error["message"] for error in done.json["errors"])


class ReferencesTest(MlflowTest):
    def test_a_version_is_scanned_as_a_folder_under_its_name(self):
        done = self.scan("models:/good/1")
        self.assertEqual((done.status, done.json["verdict"]), (0, "clean"))
        self.assertEqual(self.paths(done), ["models:/good/1/code/deep/er/with space é.pkl", "models:/good/1/model.pkl"])

    def test_a_malicious_artifact_is_found(self):
        done = self.scan("models:/evil/1")
        self.assertEqual((done.status, done.json["verdict"]), (1, "malicious"))
        guilty = [file["path"] for file in done.json["files"] if file["verdict"] == "malicious"]
        self.assertEqual(guilty, ["models:/evil/1/python_model.pkl"])
        self.assertNotIn("/tmp", done.text)  # no trace of where it lay meanwhile

    def test_aliases_and_stages_are_reported_as_the_version_that_they_mean(self):
        for reference, version in (("models:/good@champion", 7), ("models:/good/Production", 3), ("models:/good/latest", 10),
                                   ("models:/good/LATEST", 10)):
            self.assertIn(f"models:/good/{version}/model.pkl", self.paths(self.scan(reference)))

    def test_logged_models_runs_and_paths_below(self):
        self.assertIn(f"models:/{LOGGED}/model.pkl", self.paths(self.scan("models:/" + LOGGED)))
        self.assertIn(f"runs:/{RUN}/model.pkl", self.paths(self.scan("runs:/" + RUN)))
        for below in ("code", "code/deep/", "code/deep/er"):
            self.assertEqual(self.paths(self.scan("models:/good/1/" + below)), ["models:/good/1/code/deep/er/with space é.pkl"])
        self.assertEqual(self.paths(self.scan(f"runs:/{RUN}/model.pkl")), [f"runs:/{RUN}/model.pkl"])
        self.assertIn("models:/good/1/model.pkl", self.paths(self.scan("models:/logged/1", "models:/good/1")))

    def test_what_names_nothing(self):
        for reference in ("models:/", "models:/good", "models:/good/", "models://good/1", "models:/good@", "models:/../1", "models:/good/1/../x",
                          "models:/good/1/%2e%2e/x", "runs:/", "runs:/a b/x", "models:/good/99999999999999999999"):
            self.assertIn("write models:/NAME/VERSION", self.error_of(reference), reference)
        self.assertEqual(self.double.requests, [])
        self.assertIn("check the spelling", self.error_of("models:/nobody/1"))
        self.assertIn("with this alias", self.error_of("models:/good@nobody"))
        self.assertIn("no version in stage Staging", self.error_of("models:/good/Staging"))
        self.assertIn("there is no nothing.pkl", self.error_of("models:/good/1/nothing.pkl"))
        self.assertIn("no artifacts", self.error_of("models:/empty/1"))

    def test_dry_run_fetches_nothing(self):
        done = self.run_cli("--dry-run", "models:/evil/1", MLFLOW_TRACKING_URI=self.double.url)
        self.assertEqual(done.status, 0)
        self.assertIn("models:/evil/1/python_model.pkl", done.text)
        self.assertFalse([path for _, path, _ in self.double.requests if "mlflow-artifacts/artifacts/" in path])


class ServerTest(MlflowTest):
    def test_no_server_and_no_such_server(self):
        self.assertIn("set MLFLOW_TRACKING_URI", self.error_of("models:/good/1", MLFLOW_TRACKING_URI=""))
        for uri in ("sqlite:///mlflow.db", "databricks", "databricks://profile", "postgresql://u:hush@h/db"):
            message = self.error_of("models:/good/1", MLFLOW_TRACKING_URI=uri)
            self.assertIn("others are not supported", message)
            self.assertNotIn("hush", message)
        self.assertIn("cannot connect", self.error_of("models:/good/1", MLFLOW_TRACKING_URI="http://127.0.0.1:1"))
        self.assertIn("HTTP 404", self.error_of("models:/good/1", MLFLOW_TRACKING_URI=self.double.url.replace("/team", "")))
        hidden = self.error_of("models:/good/1", MLFLOW_TRACKING_URI=self.double.url.replace("//", "//u:hush@"))
        self.assertIn("put credentials into the environment", hidden)
        self.assertNotIn("hush", hidden)

    def test_credentials_reach_the_server_and_nothing_else(self):
        self.assertIn("set MLFLOW_TRACKING_TOKEN", self.error_of("models:/private/1"))
        self.assertIn("check MLFLOW_TRACKING_TOKEN", self.error_of("models:/private/1", MLFLOW_TRACKING_TOKEN="wrong"))
        for environment in ({"MLFLOW_TRACKING_TOKEN": TOKEN}, {"MLFLOW_TRACKING_USERNAME": USER, "MLFLOW_TRACKING_PASSWORD": PASSWORD},
                            {"MLFLOW_TRACKING_USERNAME": USER, "MLFLOW_TRACKING_PASSWORD": PASSWORD, "MLFLOW_TRACKING_TOKEN": "wrong"}):
            done = self.scan("-v", "models:/private/1", **environment)
            self.assertEqual(done.status, 0)
            for secret in (TOKEN, PASSWORD):
                self.assertNotIn(secret, done.text + done.err)
        for model in ("redirect-other", "redirect-file"):
            self.assertEqual(self.scan(f"models:/{model}/1", MLFLOW_TRACKING_TOKEN=TOKEN).status, 2)
        elsewhere = [headers for port, _, headers in self.double.requests if port != self.double.main.server_port]
        self.assertEqual(elsewhere, [])

    def test_tls_is_not_given_up(self):
        self.assertIn("MLFLOW_TRACKING_SERVER_CERT_PATH", self.error_of("models:/good/1", MLFLOW_TRACKING_INSECURE_TLS="true"))

    def test_answers_that_are_errors(self):
        self.assertIn("HTTP 403", self.error_of("models:/forbidden/1"))
        self.assertIn("HTTP 429", self.error_of("models:/busy/1"))
        # After this call GCC 12's LeakSanitizer crashes in its own code, why is not known; valgrind finds no leak in it.
        self.assertIn("--serve-artifacts", self.error_of("models:/not-served/1", ASAN_OPTIONS="detect_leaks=0"))
        self.assertIn("redirect", self.error_of("models:/redirect-loop/1"))
        for model in ("html", "not-json", "two-uris", "odd-size", "odd-list"):
            self.assertIn("does not answer as MLflow does", self.error_of(f"models:/{model}/1"), model)

    def test_artifacts_elsewhere(self):
        for model, expected in (("s3", "s3://"), ("gs", "gs://"), ("dbfs", "not supported yet"), ("relative", "relative path"), ("dots", "leads elsewhere"),
                                ("encoded-dots", "leads elsewhere"), ("other", "evil.example"), ("nonsense", "relative path"),
                                ("file-dots", "leads elsewhere"), ("named", "name that instead"), ("slashes", "relative path"),
                                ("hosted-file", "not supported")):
            message = self.error_of(f"models:/{model}/1")
            self.assertIn(expected, message, model)
            self.assertNotIn("hush", message)


class HostileListingTest(MlflowTest):
    def test_names_that_lead_elsewhere_are_refused_and_the_rest_is_scanned(self):
        done = self.scan("models:/names/1")
        self.assertEqual(done.status, 2)
        self.assertEqual(self.paths(done), ["models:/names/1/ok.pkl"])
        self.assertEqual(len(done.json["errors"]), 14)
        self.assertFalse(os.path.exists(os.path.join(self.root, "x.pkl")))

    def test_a_name_that_is_listed_twice(self):
        done = self.scan("models:/twice/1")
        self.assertEqual(done.status, 2)
        self.assertIn("twice", done.json["errors"][0]["message"])

    def test_listings_without_end(self):
        self.assertIn("nested deeper than 64", self.error_of("models:/deep/1"))
        self.assertIn("more than 10000 artifacts", self.error_of("models:/flood/1"))
        self.assertIn("more than 10000 artifacts", self.error_of("models:/folders/1"))
        self.assertIn("more than 10000 artifacts", self.error_of("models:/changing-loop/1"))
        self.assertIn("the same page again", self.error_of("models:/loop/1"))
        self.assertIn("is the limit", self.error_of("models:/huge-listing/1"))

    def test_pages_are_followed(self):
        self.assertEqual(self.paths(self.scan("models:/paged/1")), [f"models:/paged/1/{i}.pkl" for i in range(4)])

    def test_what_is_cut_is_said_and_what_was_found_is_kept(self):
        self.assertIn("closed the connection", self.error_of("models:/cut/1"))
        self.assertIn("the server lists it with", self.error_of("models:/shorter/1"))
        done = self.scan("models:/mixed/1")
        self.assertEqual((done.status, done.json["verdict"]), (1, "malicious"))
        self.assertEqual(len(done.json["errors"]), 1)


class LocalRootTest(MlflowTest):
    def setUp(self):
        super().setUp()
        os.makedirs(self.path("store", "1", "model"))
        self.write("store/1/model/evil.pkl", EVIL)
        self.write("store/1/ok.pkl", BENIGN)
        self.write("private.pkl", EVIL)
        self.double.local_root = "file://" + self.path("store", "1")

    def test_a_folder_of_this_host_is_read_only_where_the_user_allows_it(self):
        self.assertIn("MODELAUDIT_MLFLOW_ALLOWED_ARTIFACT_URIS", self.error_of("models:/local/1"))
        for allowed in (self.path("store") + "/", "file://" + self.path("store"), "/nowhere, " + self.path("store", "1")):
            done = self.scan("models:/local/1", MODELAUDIT_MLFLOW_ALLOWED_ARTIFACT_URIS=allowed)
            self.assertEqual(done.status, 1)
            self.assertEqual(self.paths(done), ["models:/local/1/model/evil.pkl", "models:/local/1/ok.pkl"])
        for allowed in (self.path("stor"), self.path("store", "1", "model"), "store", "s3://bucket"):
            self.error_of("models:/local/1", MODELAUDIT_MLFLOW_ALLOWED_ARTIFACT_URIS=allowed)
        self.assertTrue(os.path.exists(self.path("store", "1", "ok.pkl")))  # read in place, left in place

    def test_paths_below_and_links_out(self):
        allowed = {"MODELAUDIT_MLFLOW_ALLOWED_ARTIFACT_URIS": self.path("store")}
        self.assertEqual(self.paths(self.scan("models:/local/1/ok.pkl", **allowed)), ["models:/local/1/ok.pkl"])
        self.assertEqual(self.paths(self.scan("models:/local/1/model", **allowed)), ["models:/local/1/model/evil.pkl"])
        os.symlink(self.path("private.pkl"), self.path("store", "1", "link.pkl"))
        done = self.scan("models:/local/1", **allowed)
        self.assertNotIn("models:/local/1/link.pkl", self.paths(done))
        self.assertIn("neither file nor folder", json.dumps(done.json["errors"]))
        self.assertIn("leads out", self.error_of("models:/local/1/link.pkl", **allowed))
        os.symlink("/etc", self.path("store", "out"))
        self.double.local_root = self.path("store", "out")
        self.error_of("models:/local/1", **allowed)


class StoreTest(MlflowTest):
    """MLFLOW_TRACKING_URI names a folder, laid out as MLflow 3.17 does it."""

    LOGGED = "m-" + "ab" * 16

    def setUp(self):
        super().setUp()
        artifacts = self.path("mlruns", "0", "models", self.LOGGED, "artifacts")
        self.files = {
            "models/a model/meta.yaml": "name: a model\n",
            "models/a model/aliases/champion": "1",
            "models/a model/version-1/meta.yaml": f"current_stage: Production\nsource: models:/{self.LOGGED}\nstorage_location: file://{artifacts}\n",
            "models/a model/version-2/meta.yaml": f"current_stage: None\nsource: models:/{self.LOGGED}\nstorage_location: null\n",
            "models/a model/version-10/meta.yaml": f"current_stage: Staging\nsource: '{artifacts}'\n",
            f"0/models/{self.LOGGED}/meta.yaml": f"artifact_location: file://{artifacts}\n",
            f"0/{RUN}/meta.yaml": f"artifact_uri: file://{artifacts}\nrun_id: {RUN}\n",
            "models/out/version-1/meta.yaml": f"storage_location: {self.path('private')}\n",
            "models/proxied/version-1/meta.yaml": "storage_location: mlflow-artifacts:/1\n",
            "models/placeless/version-1/meta.yaml": "name: x\n",
        }
        for name, text in self.files.items():
            os.makedirs(os.path.dirname(self.path("mlruns", name)), exist_ok=True)
            self.write("mlruns/" + name, text.encode())
        os.makedirs(artifacts)
        self.write(os.path.join(artifacts, "model.pkl"), EVIL)
        os.mkdir(self.path("private"))
        self.write("private/model.pkl", EVIL)

    def test_models_and_runs_of_a_store(self):
        for uri in ("mlruns", "./mlruns", self.path("mlruns"), "file:" + self.path("mlruns"), "file://" + self.path("mlruns")):
            done = self.scan("models:/a model/1", MLFLOW_TRACKING_URI=uri)
            self.assertEqual((done.status, self.paths(done)), (1, ["models:/a model/1/model.pkl"]))
        for reference, shown in (("models:/a model@champion", "models:/a model/1"), ("models:/a model/Staging", "models:/a model/10"),
                                 ("models:/a model/latest", "models:/a model/10"), ("models:/a model/2", "models:/a model/2"),
                                 ("models:/" + self.LOGGED, "models:/" + self.LOGGED), ("runs:/" + RUN, "runs:/" + RUN)):
            self.assertEqual(self.paths(self.scan(reference, MLFLOW_TRACKING_URI="mlruns")), [shown + "/model.pkl"])

    def test_what_a_store_does_not_have_or_may_not_name(self):
        for reference, expected in (("models:/a model/7", "no version 7"), ("models:/nobody/1", "no version 1"), ("models:/a model@nobody", "no alias"),
                                    ("models:/a model/Archived", "in stage Archived"), ("runs:/" + "0" * 32, "has no 0000"),
                                    ("models:/out/1", "MODELAUDIT_MLFLOW_ALLOWED_ARTIFACT_URIS"), ("models:/proxied/1", "behind an MLflow server"),
                                    ("models:/placeless/1", "no place of the artifacts")):
            self.assertIn(expected, self.error_of(reference, MLFLOW_TRACKING_URI="mlruns"), reference)
        self.assertIn("there is no folder", self.error_of("models:/a model/1", MLFLOW_TRACKING_URI="nowhere"))


class CacheTest(MlflowTest):
    def test_with_and_without_a_cache_the_verdicts_are_the_same(self):
        verdicts = []
        for words in ((), (), ("--no-cache",), ("--strict",), ("--stream",)):
            report = self.run_cli("-f", "json", "models:/evil/1", *words, MLFLOW_TRACKING_URI=self.double.url).json
            verdicts.append([(file["path"], file["verdict"]) for file in report["files"] if file["path"].endswith("pkl")])
        self.assertEqual(verdicts[1:], verdicts[:1] * 4)

    def test_the_second_run_finds_the_results_of_what_is_fetched_again(self):
        self.scan("models:/evil/1")
        again = self.scan("models:/evil/1")
        self.assertEqual((again.status, again.json["verdict"]), (1, "malicious"))
        self.assertEqual(again.json["cache"]["misses"], 0)
        self.assertGreater(again.json["cache"]["hits"], 0)

    def test_no_copy_is_believed_when_the_server_has_another(self):
        from double import MODELS
        for data, verdict in ((BENIGN, "clean"), (EVIL, "malicious"), (BENIGN, "clean")):
            MODELS["changing"] = {"model.pkl": data}
            self.assertEqual(self.scan("models:/changing/1").json["verdict"], verdict)


if __name__ == "__main__":
    unittest.main()
