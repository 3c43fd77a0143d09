#!/usr/bin/env python3
"""Measures what the result cache saves, whole process, and writes the table of docs/performance.md.

usage: cache.py MODELAUDIT [--peers FOLDER] [--data FOLDER] [--runs N] [--write FILE]

MODELAUDIT   the program
--peers      a virtual environment that has the Python modelaudit (requirements.txt): scanned twice with its cache on
--data       where the inputs lie or are written; default: a temporary folder
--write      puts the tables between the markers of FILE instead of printing them

The files: a pickle of 10 MB and another of 100 MB, PyTorch, safetensors and GGUF of 100 MB and 1.1 GB (weights are sparse),
a safetensors of 100 GB. A column is the median of N runs in a warm page cache:
  no cache      --no-cache
  first         nothing stored yet: scan and store
  unchanged     the same file again
  copied        a copy under another name, seen for the first time
Then a folder of 10,000 small models, scanned twice.
"""
import argparse
import os
import pickle
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "data"))
import make_large  # noqa: E402

BEGIN, END = "<!-- measured -->", "<!-- end -->"
RACY_S = 0.05  # a file is stored by its identity once it is older than the clock's step


def write_data(data):
    data.mkdir(parents=True, exist_ok=True)
    count = 25_600_000 // make_large.TENSORS // 32 * 32
    made = {
        "opcodes 10 MB .pkl": (data / "ten.pkl", lambda path: write_pickle(path, 10_000_000)),
        "opcodes 100 MB .pkl": (data / "hundred.pkl", lambda path: write_pickle(path, 100_000_000)),
        "PyTorch 100 MB .pt": (data / "hundred.pt", lambda path: make_large.torch_zip(path, make_large.TENSORS, count)),
        "PyTorch 1.1 GB .pt": (data / "model.pt", None),
        "safetensors 1.1 GB": (data / "model.safetensors", None),
        "GGUF 1.1 GB": (data / "model.gguf", None),
        "safetensors 100 GB": (data / "huge.safetensors", lambda path: make_large.safetensors(path, 64, 100_000_000_000 // 256)),
    }
    if not (data / "model.pt").exists():
        subprocess.run([sys.executable, HERE.parent / "data/make_large.py", data], check=True)
    for path, make in made.values():
        if not path.exists():
            make(path)
    return {name: path for name, (path, _) in made.items()}


def write_pickle(path, size):
    rows = [{"id": i, "name": "n%06x" % i, "tag": "t%d" % (i % 7), "score": i * 0.5} for i in range(size // 37)]
    path.write_bytes(pickle.dumps(rows, 4))


def run(command, environment):
    started = time.perf_counter()
    status = subprocess.run([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - started, status.returncode


def sparse_copy(source, target):
    subprocess.run(["cp", "--sparse=always", "--reflink=never", source, target], check=True)
    return target


class Ours:
    def __init__(self, program, work, runs):
        self.program, self.work, self.runs = program, work, runs
        self.cache = work / "cache"
        self.environment = {**os.environ, "NO_COLOR": "1", "XDG_STATE_HOME": str(work / "state")}

    def scan(self, path, *options):
        seconds, status = run([self.program, "scan", "--quiet", *options, path], self.environment)
        if status != 0:
            sys.exit("%s: exit status %d" % (path, status))
        return seconds

    def cached(self, path):
        return self.scan(path, "--cache-dir", self.cache)

    def measure(self, path):
        """Seconds: no cache, first, unchanged, copied."""
        self.scan(path, "--no-cache")  # warms the page cache
        plain, first, again, copied = [], [], [], []
        for i in range(self.runs):
            plain.append(self.scan(path, "--no-cache"))
            shutil.rmtree(self.cache, ignore_errors=True)
            first.append(self.cached(path))
            again.append(self.cached(path))
            copy = sparse_copy(path, self.work / ("copy%d%s" % (i, path.suffix)))
            copied.append(self.cached(copy))
            copy.unlink()
        return [statistics.median(times) for times in (plain, first, again, copied)]


def measure_peer(peers, path, work):
    """Seconds of two scans by the Python peer with its cache on."""
    cache = work / "peer-cache"
    shutil.rmtree(cache, ignore_errors=True)
    environment = {**os.environ, "NO_COLOR": "1", "NO_ANALYTICS": "1", "PROMPTFOO_DISABLE_TELEMETRY": "1", "HOME": str(work)}
    command = [peers / "bin/modelaudit", "scan", "--quiet", "--format", "json", "--cache-dir", cache, path]
    return [run(command, environment)[0] for _ in range(2)]


def text(seconds):
    return "%.1f ms" % (seconds * 1e3) if seconds < 1 else "%.2f s" % seconds


def tables(arguments, data, work):
    files = write_data(data)
    time.sleep(RACY_S)
    ours = Ours(arguments.modelaudit.resolve(), work, arguments.runs)
    head = ["file", "no cache", "first", "unchanged", "copied", "no cache / unchanged"]
    if arguments.peers:
        head += ["Python: first", "again", "again / ours unchanged"]
    rows = []
    for name, path in files.items():
        plain, first, again, copied = ours.measure(path)
        row = [name] + [text(t) for t in (plain, first, again, copied)] + ["%.1f" % (plain / again)]
        if arguments.peers:
            if "100 GB" in name:
                row += ["-", "-", "-"]
            else:
                peer = measure_peer(arguments.peers, path, work)
                row += [text(peer[0]), text(peer[1]), "%.0f" % (peer[1] / again)]
        rows.append(row)
        print(*row, sep=" | ", file=sys.stderr)
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] + ["| " + " | ".join(row) + " |" for row in rows]
    shutil.rmtree(ours.cache, ignore_errors=True)
    folder = data / "folder"
    first = ours.cached(folder)
    again = statistics.median(ours.cached(folder) for _ in range(arguments.runs))
    lines += ["", "A folder of 10,000 small models: first scan %s, re-scan %s (%s files a second)."
              % (text(first), text(again), format(int(10_000 / again), ","))]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modelaudit", type=Path)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        measured = tables(arguments, arguments.data or work / "data", work)
    if not arguments.write:
        print(measured)
        return
    page = arguments.write.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    arguments.write.write_text(before + BEGIN + "\n" + measured + "\n" + END + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
