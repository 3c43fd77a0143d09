"""A real MLflow server with models that real flavours logged, scanned by the program. Run by run_mlflow.sh.

The harmful model is written as bytes and uploaded; nothing here loads one.
"""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
os.environ["GIT_PYTHON_REFRESH"] = "quiet"
PROGRAM = sys.argv[1]
EVIL = b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00echo\x85R."
WAIT_S = 300  # for a server that never comes up


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Server:
    """`mlflow server` that proxies its artifacts, in a folder of its own."""

    def __init__(self, folder):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = open(os.path.join(folder, "server.log"), "wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
             "--backend-store-uri", f"sqlite:///{folder}/store.db", "--artifacts-destination", f"{folder}/artifacts", "--serve-artifacts"],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True)

    def wait(self):
        for _ in range(10 * WAIT_S):
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(self.url + "/health", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(0.1)
        self.stop()
        with open(self.log.name, encoding="utf-8", errors="replace") as log:
            sys.exit("the MLflow server did not come up:\n" + log.read())

    def stop(self):
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(30)
        except ProcessLookupError:
            pass
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def log_models(url, folder):
    """References to what was logged, with the verdict that each deserves."""
    import mlflow
    import numpy
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    mlflow.set_tracking_uri(url)
    mlflow.set_experiment("models")
    random = numpy.random.default_rng(1)
    x = random.random((60, 4))
    y = (x[:, 0] > 0.5).astype(int)
    estimators = {"linear": LogisticRegression(), "forest": make_pipeline(StandardScaler(), RandomForestClassifier(5))}
    expected = {}
    with mlflow.start_run():
        for name, estimator in estimators.items():
            estimator.fit(x, y)
            for form in ("pickle", "cloudpickle", "skops"):
                more = {"skops_trusted_types": ["numpy.dtype", "sklearn.tree._tree.Tree"]} if form == "skops" else {}
                logged = mlflow.sklearn.log_model(estimator, name=f"{name}-{form}", serialization_format=form, pip_requirements=["scikit-learn"],
                                                  registered_model_name=f"{name}-{form}", **more)
                expected[f"models:/{name}-{form}/1"] = "clean"
        expected[f"models:/{logged.model_id}"] = "clean"
    client = mlflow.MlflowClient()
    client.set_registered_model_alias("forest-pickle", "champion", "1")
    client.transition_model_version_stage("linear-skops", "1", "Production")
    expected.update({"models:/forest-pickle@champion": "clean", "models:/linear-skops/Production": "clean", "models:/forest-cloudpickle/latest": "clean",
                     "models:/linear-pickle/1/model.pkl": "clean"})

    harmful = os.path.join(folder, "harmful")
    os.mkdir(harmful)
    with open(os.path.join(harmful, "python_model.pkl"), "wb") as file:
        file.write(EVIL)
    with open(os.path.join(harmful, "MLmodel"), "w", encoding="utf-8") as file:
        file.write("flavors:\n  python_function:\n    loader_module: mlflow.pyfunc.model\n    python_model: python_model.pkl\n")
    with mlflow.start_run() as run:
        mlflow.log_artifacts(harmful, "a model")
    client.create_registered_model("harmful")
    client.create_model_version("harmful", f"{run.info.artifact_uri}/a model", run.info.run_id)
    expected.update({"models:/harmful/1": "malicious", f"runs:/{run.info.run_id}": "malicious", f"runs:/{run.info.run_id}/a model": "malicious"})
    return expected


def scan(url, folder, *words):
    environment = {**os.environ, "HOME": folder, "MLFLOW_TRACKING_URI": url, "XDG_CACHE_HOME": "", "XDG_STATE_HOME": ""}
    done = subprocess.run([PROGRAM, "--format", "json", *words], env=environment, capture_output=True, check=False)
    if done.returncode not in (0, 1, 2) or not done.stdout:
        sys.exit(f"{words}: status {done.returncode}: {done.stderr.decode()}")
    return done.returncode, json.loads(done.stdout)


def check(url, folder, reference, verdict):
    """Wrong answers for one reference, as sentences."""
    wrong = []
    cold = scan(url, folder, "--no-cache", reference)
    first = scan(url, folder, reference)
    second = scan(url, folder, reference)
    for how, (status, report) in {"without cache": cold, "first": first, "second": second}.items():
        if (report["verdict"], status) != (verdict, 1 if verdict == "malicious" else 0) or report["errors"]:
            wrong.append(f"{reference}, {how}: {report['verdict']}, status {status}, {report['errors']}")
    if cold[1]["cache"]["hits"] != 0:
        wrong.append(f"{reference}: a hit without a cache")
    if second[1]["cache"]["misses"] != 0 or second[1]["cache"]["hits"] == 0:
        wrong.append(f"{reference}: the second run did not hit: {second[1]['cache']}")
    if not all(file["path"].startswith(("models:/", "runs:/")) for file in second[1]["files"]):
        wrong.append(f"{reference}: a path that is not the reference's")
    print(f"{'ok' if not wrong else 'WRONG':5} {reference}: {first[1]['verdict']}, {len(first[1]['files'])} judged")
    return wrong


def main():
    with tempfile.TemporaryDirectory(prefix="modelaudit-mlflow-") as folder:
        home = os.path.join(folder, "home")
        os.mkdir(home)
        server = Server(folder)
        try:
            server.wait()
            expected = log_models(server.url, folder)
            wrong = [line for reference, verdict in expected.items() for line in check(server.url, home, reference, verdict)]
        finally:
            server.stop()
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
