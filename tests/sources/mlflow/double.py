"""A double of an MLflow tracking server on loopback, good and bad. Python's standard library only.

It speaks the part of MLflow's REST API 2.0 that a reader of models needs, in the words of MLflow 3.17: model versions,
aliases, stages, logged models, runs, and artifacts that the server proxies. Each model behaves in its own way; see MODELS
and Handler. A second server on another port stands for another host.
"""

import base64
import http.server
import json
import pickle
import threading
import urllib.parse

TOKEN = "token-77c0"
USER, PASSWORD = "scanner", "open sesame"
EVIL = b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00echo\x85R."
BENIGN = pickle.dumps({"weights": [1.0, 2.0, 3.0], "name": "small"}, protocol=4)
LARGE = pickle.dumps({"weights": bytes(300_000)}, protocol=4)
LOGGED = "m-" + "0123456789abcdef" * 2
RUN = "4bf0193818d54db187ffc1db1d36af73"

TREE = {
    "MLmodel": b"flavors:\n  python_function:\n    model_path: model.pkl\n",
    "requirements.txt": b"scikit-learn==1.9.1\n",
    "model.pkl": BENIGN,
    "code/deep/er/with space é.pkl": BENIGN,
}
ONE = {"model.pkl": BENIGN}

MODELS = {
    "good": TREE, "evil": {**TREE, "python_model.pkl": EVIL}, "private": ONE, "forbidden": ONE, "busy": ONE, "broken": ONE,
    "cut": {"model.pkl": LARGE}, "shorter": ONE, "html": ONE, "names": {"ok.pkl": BENIGN}, "twice": ONE, "deep": {}, "flood": {},
    "folders": {}, "paged": {}, "loop": {}, "changing-loop": {}, "redirect-other": ONE, "redirect-loop": ONE,
    "redirect-file": ONE, "odd-size": ONE, "odd-list": ONE, "not-json": ONE, "two-uris": ONE, "empty": {},
    "not-served": ONE, "huge-listing": ONE, "mixed": {"a.pkl": EVIL, "b.pkl": LARGE},
}

# What get-download-uri says of models whose artifacts are somewhere else.
ROOTS = {
    "s3": "s3://bucket/key?AWSAccessKeyId=hush", "gs": "gs://bucket/key", "dbfs": "dbfs:/x", "relative": "mlruns/0/x",
    "dots": "mlflow-artifacts:/../../etc", "encoded-dots": "mlflow-artifacts:/%2e%2e/etc", "other": "mlflow-artifacts://evil.example/1/x",
    "nonsense": "::::", "file-dots": "file:///models/../etc", "logged": "models:/" + LOGGED, "named": "models:/good/1",
    "slashes": "//etc/passwd", "hosted-file": "file://host/etc",
}

BAD_NAMES = ["../x.pkl", "..", ".", "/etc/passwd", "a/b.pkl", "%2e%2e", "%252e%252e%252fx", "a%2fb.pkl", "a\\b.pkl", "c:x.pkl", "nul.pkl",
             "line\nbreak.pkl", "n" * 300, "ends."]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *words):
        pass

    def reply(self, status, body, headers=None):
        self.send_response(status)
        for key, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def say(self, what, status=200):
        self.reply(status, json.dumps(what).encode())

    def refuse(self, status, code):
        self.say({"error_code": code, "message": code}, status)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        asked = {key: values[0] for key, values in urllib.parse.parse_qs(url.query).items()}
        with self.server.double.lock:
            self.server.double.requests.append((self.server.server_port, self.path, {k.lower(): v for k, v in self.headers.items()}))
        try:
            if self.server is self.server.double.other:
                return self.reply(200, BENIGN)
            return self.answer(urllib.parse.unquote(url.path), asked)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer(self, path, asked):
        base = self.server.double.base + "/api/2.0/"
        if not path.startswith(base):
            return self.refuse(404, "ENDPOINT_NOT_FOUND")
        path = path[len(base):]
        if path == "mlflow-artifacts/artifacts":
            return self.listing(*self.split(asked.get("path", "")), asked)
        if path.startswith("mlflow-artifacts/artifacts/"):
            return self.file(*self.split(path[len("mlflow-artifacts/artifacts/"):]))
        if path == "mlflow/runs/get":
            known = asked["run_id"] == RUN
            return self.say({"run": {"info": {"artifact_uri": "mlflow-artifacts:/root/good"}}}) if known else self.refuse(404, "RESOURCE_DOES_NOT_EXIST")
        if path == "mlflow/logged-models/" + LOGGED:
            return self.say({"model": {"info": {"model_id": LOGGED, "artifact_uri": "mlflow-artifacts:/root/good"}}})
        if path == "mlflow/registered-models/alias":
            if asked["alias"] != "champion":
                return self.refuse(400, "INVALID_PARAMETER_VALUE")
            return self.say({"model_version": self.version(asked["name"], "7")})
        if path == "mlflow/registered-models/get-latest-versions":
            stages = {"Production": ["3"], "Staging": []}.get(asked.get("stages"), ["9", "10", "3"])
            return self.say({"model_versions": [self.version(asked["name"], v) for v in stages]} if stages else {})
        if path == "mlflow/model-versions/get-download-uri":
            return self.download_uri(asked["name"])
        return self.refuse(404, "ENDPOINT_NOT_FOUND")

    @staticmethod
    def split(path):
        """root/MODEL/BELOW: MODEL, BELOW"""
        _, _, rest = path.partition("/")
        name, _, below = rest.partition("/")
        return name, below

    @staticmethod
    def version(name, number):
        return {"name": name, "version": number, "current_stage": "None", "source": "models:/x", "run_id": RUN, "status": "READY"}

    def download_uri(self, name):
        double = self.server.double
        if name == "private":
            basic = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            if self.headers.get("Authorization") not in ("Bearer " + TOKEN, basic):
                return self.refuse(401, "UNAUTHENTICATED")
        if name == "forbidden":
            return self.refuse(403, "PERMISSION_DENIED")
        if name == "busy":
            return self.reply(429, b"", {"Retry-After": "86400"})
        if name == "broken":
            return self.reply(500, b"x" * 100_000)
        if name == "html":
            return self.reply(200, b"<!DOCTYPE html><html>Log in</html>", {"Content-Type": "text/html"})
        if name == "not-json":
            return self.reply(200, b'{"artifact_uri": "mlflow-artifacts:/root/x"')
        if name == "two-uris":
            return self.reply(200, b'{"artifact_uri": "mlflow-artifacts:/root/good", "artifact_uri": "mlflow-artifacts:/root/evil"}')
        if name == "redirect-other":
            return self.reply(302, b"", {"Location": f"http://127.0.0.1:{double.other.server_port}/steal"})
        if name == "redirect-loop":
            return self.reply(302, b"", {"Location": self.path})
        if name == "local":
            return self.say({"artifact_uri": double.local_root})
        if name in ROOTS:
            return self.say({"artifact_uri": ROOTS[name]})
        if name in MODELS:
            return self.say({"artifact_uri": f"mlflow-artifacts:/root/{name}"})
        return self.refuse(404, "RESOURCE_DOES_NOT_EXIST")

    def listing(self, name, below, asked):
        special = getattr(self, "listing_of_" + name.replace("-", "_"), None)
        if special:
            return special(below, asked)
        files = MODELS.get(name, {})
        inside = {path[len(below) + 1:] if below else path: data for path, data in files.items() if not below or path.startswith(below + "/")}
        entries = {}
        for path, data in inside.items():
            first, slash, _ = path.partition("/")
            entries[first] = {"path": first, "is_dir": True} if slash else {"path": first, "is_dir": False, "file_size": len(data)}
        self.say({"files": list(entries.values())} if entries else {})

    def entries(self, names, folder=False, **more):
        self.say({"files": [{"path": name, "is_dir": folder} for name in names], **more})

    def listing_of_names(self, below, asked):
        self.entries(BAD_NAMES + ["ok.pkl"])

    def listing_of_twice(self, below, asked):
        self.entries(["model.pkl", "model.pkl"])

    def listing_of_deep(self, below, asked):
        self.entries(["d"], True)

    def listing_of_folders(self, below, asked):
        self.entries([str(i) for i in range(4)], True)

    def listing_of_flood(self, below, asked):
        self.entries([f"{i}.pkl" for i in range(10_001)])

    def listing_of_paged(self, below, asked):
        page = int(asked.get("page_token", "0"))
        self.entries([f"{page}.pkl"], **({"next_page_token": str(page + 1)} if page < 3 else {}))

    def listing_of_loop(self, below, asked):
        self.entries([], next_page_token="again")

    def listing_of_changing_loop(self, below, asked):
        page = int(asked.get("page_token", "0"))
        self.entries(["%d-%d.pkl" % (page, i) for i in range(500)], next_page_token=str(page + 1))

    def listing_of_not_served(self, below, asked):
        self.refuse(503, "ENDPOINT_NOT_FOUND")

    def listing_of_odd_size(self, below, asked):
        self.say({"files": [{"path": "model.pkl", "is_dir": False, "file_size": -1}]})

    def listing_of_odd_list(self, below, asked):
        self.say({"files": {"path": "model.pkl"}})

    def listing_of_huge_listing(self, below, asked):
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        self.wfile.write(b'{"files": [')
        while not self.server.double.stopping.is_set():
            self.wfile.write(b" " * (1 << 20))

    def file(self, name, below):
        data = MODELS.get(name, {}).get(below)
        if name == "paged":
            data = BENIGN
        if name == "redirect-file":
            return self.reply(302, b"", {"Location": f"http://127.0.0.1:{self.server.double.other.server_port}/file"})
        if data is None:
            return self.refuse(404, "RESOURCE_DOES_NOT_EXIST")
        if name == "shorter":
            return self.reply(200, data[:-1])
        if name == "cut" or below == "b.pkl":
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[:1000])
            self.close_connection = True
            return None
        return self.reply(200, data, {"Content-Type": "application/octet-stream"})


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


class Double:
    """Both servers; `url` is the tracking server, below a path of its own."""

    def __init__(self, base="/team"):
        self.base = base
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.requests = []
        self.local_root = ""
        self.main = Server(("127.0.0.1", 0), Handler)
        self.other = Server(("127.0.0.1", 0), Handler)
        for server in (self.main, self.other):
            server.double = self
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.main.server_port}{base}"

    def close(self):
        self.stopping.set()
        for server in (self.main, self.other):
            server.shutdown()
            server.server_close()
