"""A double of JFrog Artifactory on loopback, good and bad. Python's standard library only.

It speaks what a reader of models needs of the REST interface: `GET /artifactory/api/storage/REPOSITORY/PATH` (file and
folder information) and `GET /artifactory/REPOSITORY/PATH` (the file). Each repository behaves in its own way; see
REPOSITORIES and Handler.file_of. A second server on another port stands for another host.

Run as a program it prints both ports and serves until its standard input ends. `GET /requests` lists what was asked of
both servers, `DELETE /requests` forgets it.
"""

import hashlib
import http.server
import json
import os
import pickle
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse

API_KEY = "key-5e1f"
TOKEN = "token-93ab"
EVIL = b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00echo\x85R."
BENIGN = pickle.dumps({"weights": [1.0, 2.0, 3.0], "name": "small"}, protocol=4)
LARGE = pickle.dumps({"weights": bytes(300_000)}, protocol=4)
HTML = b"<!DOCTYPE html><html><body>Log in</body></html>"


def safetensors(name):
    header = json.dumps({name: {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(8)


def index_of(shards):
    weights = {name: shard for shard, name in shards.items()}
    return json.dumps({"metadata": {"total_size": 8 * len(shards)}, "weight_map": weights}).encode()


SHARDS = {"model-00001-of-00002.safetensors": "a", "model-00002-of-00002.safetensors": "b"}

TREE = {
    "good.pkl": BENIGN,
    "evil.pkl": EVIL,
    "sub/folder/deep.pkl": BENIGN + b"",
    "sub/with space é.pkl": BENIGN,
    "notes.txt": b"nothing that anybody would load\n",
}

# What most repositories hold besides their own behaviour.
ONE = {"model.pkl": BENIGN}

REPOSITORIES = {
    "models": TREE, "pro": TREE, "pro-names": {"ok.pkl": BENIGN}, "pro-html": ONE, "pro-wide": {}, "pro-deep": {},
    "clean": {"a.pkl": BENIGN, "b.pkl": pickle.dumps([1, 2]), "c.pkl": pickle.dumps([3])},
    "sharded": {**{s: safetensors(n) for s, n in SHARDS.items()}, "model.safetensors.index.json": index_of(SHARDS),
                "other.pkl": BENIGN},
    "private": ONE, "forbidden": ONE, "busy": ONE, "busy-once": ONE, "broken": ONE, "shaky": ONE,
    "redirect-same": ONE, "redirect-other": ONE, "redirect-loop": ONE, "redirect-many": ONE, "redirect-metadata": ONE,
    "redirect-loopback": ONE, "redirect-userinfo": ONE, "redirect-nowhere": ONE, "redirect-private": ONE,
    "cut": {"model.pkl": LARGE}, "cut-once": {"model.pkl": LARGE}, "cut-changed": {"model.pkl": LARGE},
    "cut-wrong-range": {"model.pkl": LARGE}, "mixed": {"a.pkl": EVIL, "b.pkl": LARGE, "c.pkl": BENIGN},
    "shorter": ONE, "endless": ONE, "compressed": ONE, "html": {"model.pkl": HTML}, "html-listing": ONE, "wrong-sha": ONE,
    "no-sha": ONE, "no-size": ONE, "slow": {"model.pkl": LARGE}, "silent": ONE, "names": {"ok.pkl": BENIGN}, "case": {"Model.pkl": BENIGN, "model.pkl": EVIL},
    "twice": {"a.pkl": BENIGN, "b.pkl": BENIGN}, "deep": {}, "wide": {}, "folders": {}, "flood": {}, "odd-json": {},
    "downgrade": ONE, "huge": ONE, "empty": {}, "child-is-missing": {"here.pkl": EVIL},
}

BAD_NAMES = ["/../x.pkl", "/..", "/a/b.pkl", "/%2e%2e", "/%252e%252e%252fx", "/a%2fb.pkl", "/a%5cb.pkl", "/c:\\x.pkl",
             "/nul.pkl", "/line\nbreak.pkl", "/x.pkl?y=1", "/", "//evil.example/x", "/" + "n" * 300]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *words):
        pass

    def do_DELETE(self):
        with self.server.double.lock:
            self.server.double.requests.clear()
            self.server.double.seen.clear()
        self.reply(200, b"")

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path).path
        double = self.server.double
        if path == "/requests":
            with double.lock:
                return self.reply(200, json.dumps(double.requests).encode())
        with double.lock:
            double.requests.append({"port": self.server.server_port, "path": self.path,
                                    "headers": {k.lower(): v for k, v in self.headers.items()}})
            times = double.seen[path] = double.seen.get(path, 0) + 1
        try:
            self.answer(urllib.parse.unquote(path), times)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer(self, path, times):
        if self.server is self.server.double.other:
            return self.reply(200, BENIGN)
        if not path.startswith("/artifactory/"):
            return self.reply(404, b"")
        below = path[len("/artifactory/"):]
        storage = below.startswith("api/storage/")
        repository, _, name = (below[len("api/storage/"):] if storage else below).partition("/")
        if repository not in REPOSITORIES:
            return self.reply(404, b'{"errors":[{"status":404}]}')
        if self.refused(repository, times):
            return None
        if storage and urllib.parse.urlsplit(self.path).query.startswith("list"):
            return self.file_list(repository, name)
        if storage:
            return self.information(repository, name)
        return self.file_of(repository, name, times)

    def refused(self, repository, times):
        """Repositories that answer with an error, whatever is asked."""
        key = self.headers.get("X-JFrog-Art-Api")
        bearer = self.headers.get("Authorization")
        if repository == "private" and key != API_KEY and bearer != "Bearer " + TOKEN:
            self.reply(401, b"{}")
        elif repository == "forbidden":
            self.reply(403, b"{}")
        elif repository == "busy":
            self.reply(429, b"", {"Retry-After": "86400"})
        elif repository == "busy-once" and times == 1:
            self.reply(429, b"", {"Retry-After": "1"})
        elif repository == "broken" or (repository == "shaky" and times <= 2):
            self.reply(503, b"x" * 200_000)
        elif repository == "silent":
            self.server.double.stopping.wait()
            self.close_connection = True
        else:
            return False
        return True

    # api/storage

    def information(self, repository, name):
        special = getattr(self, "information_of_" + repository.replace("-", "_"), None)
        if special:
            return special(name)
        files = REPOSITORIES[repository]
        if name in files:
            return self.send_json(self.file_information(repository, name, files[name]))
        inside = [path[len(name) + 1:] if name else path for path in files if not name or path.startswith(name + "/")]
        if not inside and name:
            return self.reply(404, b'{"errors":[{"status":404,"message":"Unable to find item"}]}')
        children = {path.split("/")[0]: "/" in path for path in inside}
        return self.folder(repository, name, [("/" + child, folder) for child, folder in children.items()])

    def file_list(self, repository, name):
        """The tree at once, which only some editions offer."""
        if not repository.startswith("pro"):
            return self.reply(400, b'{"errors":[{"status":400,"message":"This REST API is available only in Artifactory Pro"}]}')
        if repository == "pro-html":
            return self.reply(200, HTML)
        files = [{"uri": "/" + path[len(name) + 1:] if name else "/" + path, "size": len(data), "folder": False,
                  "sha1": hashlib.sha1(data).hexdigest(), "sha2": hashlib.sha256(data).hexdigest()}
                 for path, data in REPOSITORIES[repository].items() if not name or path.startswith(name + "/")]
        if repository == "pro-names":
            files += [{"uri": uri, "size": 1, "folder": False} for uri in BAD_NAMES + ["/sub/../../x.pkl", "/sub//x", "/ok.pkl"]
                      if uri != "/a/b.pkl"]
        if repository == "pro-wide":
            files = [{"uri": f"/{i}.pkl", "size": 1, "folder": False} for i in range(120_000)]
        if repository == "pro-deep":
            files = [{"uri": "/d" * 100 + "/x.pkl", "size": 1, "folder": False}]
        files.append({"uri": "/a-folder", "size": -1, "folder": True})
        return self.send_json({"uri": "x", "created": "2024-01-01T00:00:00.000Z", "files": files})

    def folder(self, repository, name, children):
        self.send_json({"repo": repository, "path": "/" + name, "created": "2024-01-01T00:00:00.000Z",
                        "children": [{"uri": uri, "folder": folder} for uri, folder in children],
                        "uri": f"http://127.0.0.1/artifactory/api/storage/{repository}/{name}"})

    def file_information(self, repository, name, data):
        sums = {"sha1": hashlib.sha1(data).hexdigest(), "md5": hashlib.md5(data).hexdigest(),
                "sha256": hashlib.sha256(data).hexdigest()}
        info = {"repo": repository, "path": "/" + name, "downloadUri": "http://169.254.169.254/never", "mimeType": "x/y",
                "size": str(len(data)), "checksums": sums, "originalChecksums": sums,
                "uri": f"http://127.0.0.1/artifactory/api/storage/{repository}/{name}"}
        if repository in ("no-sha", "html", "redirect-other", "endless", "cut-changed", "shorter"):
            del info["checksums"]["sha256"]
        if repository in ("no-size", "endless"):
            del info["size"]
        if repository == "shorter":
            info["size"] = str(len(data) + 1)
        if repository == "huge":
            info["size"] = str(1 << 60)
        if repository == "wrong-sha":
            info["checksums"]["sha256"] = hashlib.sha256(b"something else").hexdigest()
        return info

    def information_of_html_listing(self, name):
        self.reply(200, HTML, {"Content-Type": "text/html"})

    def information_of_names(self, name):
        if name == "ok.pkl":
            return self.send_json(self.file_information("names", name, BENIGN))
        self.folder("names", name, [(uri, False) for uri in BAD_NAMES] + [("/ok.pkl", False), ("/ok.pkl", False)])

    def information_of_child_is_missing(self, name):
        if name == "here.pkl":
            return self.send_json(self.file_information("child-is-missing", name, EVIL))
        if name:
            return self.reply(404, b"{}")
        self.folder("child-is-missing", name, [("/gone.pkl", False), ("/here.pkl", False)])

    def information_of_deep(self, name):
        self.folder("deep", name, [("/d", True)])

    def information_of_wide(self, name):
        self.folder("wide", name, [(f"/{i}.pkl", False) for i in range(120_000)])

    def information_of_folders(self, name):
        self.folder("folders", name, [(f"/{i}", True) for i in range(4)])

    def information_of_flood(self, name):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.chunk(b'{"repo":"flood","children":[')
        piece = b'{"uri":"/x","folder":false,"padding":"' + b" " * 65_000 + b'"},'
        while not self.server.double.stopping.is_set():
            self.chunk(piece)

    def information_of_odd_json(self, name):
        self.reply(200, {"a": b"[]", "b": b'{"repo":1,"children":[{"uri":7}]}', "c": b'{"repo":"x","size":"-1"}',
                         "d": b'{"repo":"x","children":' + b"[" * 5000, "e": b'{"repo":"x"', "f": b"",
                         "g": b'{"repo":"x","checksums":{"sha256":"00"}}', "h": b'{"other":1}'}.get(name, b"null"))

    # the file itself

    def file_of(self, repository, name, times):
        data = REPOSITORIES[repository].get(name)
        if data is None:
            return self.reply(404, b"{}")
        here, there = self.server.server_port, self.server.double.other.server_port
        target = {
            "redirect-same": "/artifactory/clean/a.pkl",
            "redirect-other": f"http://127.0.0.1:{there}/blob?signature=secret-query",
            "redirect-loop": f"http://127.0.0.1:{here}/artifactory/redirect-loop/model.pkl",
            "redirect-many": f"/artifactory/redirect-many/model.pkl?{times}",
            "redirect-metadata": "http://169.254.169.254/latest/meta-data/",
            "downgrade": f"http://127.0.0.1:{there}/blob",
            "redirect-loopback": "http://127.0.0.1:9/x",
            "redirect-private": "https://10.11.12.13/x",
            "redirect-userinfo": f"http://user:pass@127.0.0.1:{here}/x",
            "redirect-nowhere": "ftp://127.0.0.1/x",
        }.get(repository)
        if target:
            return self.reply(302, b"", {"Location": target})
        if repository == "cut" or (repository == "mixed" and name == "b.pkl"):
            return self.send_cut(data, len(data) // 2)
        if repository == "cut-once" and times == 1:
            return self.send_cut(data, 100_000)
        if repository in ("cut-changed", "cut-wrong-range") and times == 1:
            return self.send_cut(data, 100_000)
        if repository == "cut-changed":
            data = pickle.dumps({"weights": bytes(len(data) - len(pickle.dumps({"weights": b""}, 4)) - 3)}, protocol=4)
            return self.reply(200, data, {"ETag": '"second"'})
        if repository == "cut-wrong-range":
            return self.reply(206, data[5:], {"Content-Range": f"bytes 5-{len(data) - 1}/{len(data)}"})
        if repository == "endless":
            return self.send_endless()
        if repository == "compressed":
            return self.reply(200, data, {"Content-Encoding": "gzip"})
        if repository == "html":
            return self.reply(200, HTML, {"Content-Type": "text/html"})
        if repository == "slow":
            return self.send_slowly(data)
        return self.send_file(data)

    def send_file(self, data):
        headers = {"ETag": '"first"', "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        asked = self.headers.get("Range")
        if asked and self.headers.get("If-Range") == '"first"':
            begin = int(asked[len("bytes="):-1])
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
            return self.reply(206, data[begin:], headers)
        return self.reply(200, data, headers)

    def send_cut(self, data, after):
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", '"first"')
        self.end_headers()
        self.wfile.write(data[:after])
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def send_endless(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while not self.server.double.stopping.is_set():
            self.chunk(bytes(1 << 16))

    def send_slowly(self, data):
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        for byte in data:
            if self.server.double.stopping.is_set():
                break
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(0.05)

    # plumbing

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def send_json(self, value):
        self.reply(200, json.dumps(value).encode(), {"Content-Type": "application/vnd.org.jfrog.artifactory.storage+json"})

    def reply(self, status, body, headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, double):
        super().__init__(("127.0.0.1", 0), Handler)
        self.double = double

    def handle_error(self, request, client_address):
        pass  # a client that goes away is what many tests are about


class Artifactory:
    """Both servers, running from construction to stop()."""

    def __init__(self, tls=None):
        """`tls`: an ssl.SSLContext for the first server."""
        self.lock = threading.Lock()
        self.requests = []
        self.seen = {}
        self.stopping = threading.Event()
        self.main = Server(self)
        self.other = Server(self)
        self.scheme = "https" if tls else "http"
        if tls:
            self.main.socket = tls.wrap_socket(self.main.socket, server_side=True)
        for server in (self.main, self.other):
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def host(self):
        return f"127.0.0.1:{self.main.server_port}"

    @property
    def other_host(self):
        return f"127.0.0.1:{self.other.server_port}"

    def url(self, below):
        return f"{self.scheme}://{self.host}/artifactory/{below}"

    def take_requests(self):
        with self.lock:
            taken, self.requests = self.requests, []
            return taken

    def stop(self):
        self.stopping.set()
        for server in (self.main, self.other):
            server.shutdown()
            server.server_close()


def certificate(folder):
    """A certificate for 127.0.0.1 that signs itself: the path of both key and certificate."""
    path = os.path.join(folder, "server.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=double", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path, "-out", path + ".crt"],
                   check=True, capture_output=True)
    with open(path, "ab") as out, open(path + ".crt", "rb") as source:
        out.write(source.read())
    return path


def tls_context(path, version=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    if version:
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
    return context


if __name__ == "__main__":
    double = Artifactory()
    print(double.main.server_port, double.other.server_port, flush=True)
    while os.read(sys.stdin.fileno(), 4096):
        pass
    double.stop()
