"""What the tests of the program share: running it, and small inputs. Python's standard library only.

The harmful inputs are written as bytes; nothing here ever loads one.
"""

import io
import json
import os
import pickle
import shutil
import subprocess
import tempfile
import unittest
import zipfile

PROGRAM = os.environ.get("MODELAUDIT", "modelaudit")

EVIL = b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00echo\x85R."  # REDUCE of posix.system
UNKNOWN_CLASS = b"\x80\x02cmy_package.layers\nAttention\n)\x81."  # NEWOBJ of a class nobody knows
BENIGN = pickle.dumps({"weights": [1.0, 2.0, 3.0], "name": "small"}, protocol=4)


def archive_of(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


class Done:
    """A finished run."""

    def __init__(self, status, out, err):
        self.status = status
        self.out = out
        self.err = err

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def text(self):
        return self.out.decode("utf-8")


class CliTest(unittest.TestCase):
    """A test in a folder of its own, with a home of its own."""

    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="modelaudit-cli-")
        self.addCleanup(self.remove)
        self.home = os.path.join(self.root, "home")
        self.dir = os.path.join(self.root, "work")
        os.mkdir(self.home)
        os.mkdir(self.dir)

    def remove(self):
        for folder, _, _ in os.walk(self.root):
            os.chmod(folder, 0o700)
        shutil.rmtree(self.root)

    def environment(self, **more):
        kept = ("PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")
        keep = {key: value for key, value in os.environ.items() if key in kept}
        return {**keep, "HOME": self.home, "TERM": "xterm", **more}

    def command(self, *words):
        return [PROGRAM, *words]

    def run_cli(self, *words, **environment):
        done = subprocess.run(self.command(*words), cwd=self.dir, env=self.environment(**environment),
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)
        return Done(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, data):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(data)
        return path
