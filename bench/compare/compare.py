#!/usr/bin/env python3
"""Times modelaudit and the Python scanners on the same files in one run and prints ratios.

usage: compare.py MODELAUDIT [--peers FOLDER] [--data FOLDER] [--runs N] [--only NAME,...]

MODELAUDIT   the program
--peers      a virtual environment that has modelaudit, modelscan, picklescan and fickling (bench/compare/requirements.txt);
             without it only our own figures are printed
--data       where the inputs lie or are written (about 1 GB on disk, weights are sparse); default: a temporary folder

Each figure is the median of N whole-process runs in a warm page cache (one run for what takes longer than 20 s), taken in
turn. Memory is the largest anonymous resident set seen while the process ran.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEERS = {
    "modelaudit-py": lambda env, path: [env / "bin/modelaudit", "scan", "--no-cache", "--quiet", "--format", "json", path],
    "modelscan": lambda env, path: [env / "bin/modelscan", "-p", path],
    "picklescan": lambda env, path: [env / "bin/picklescan", "-p", path],
    "fickling": lambda env, path: [env / "bin/fickling", "--check-safety", path],
}


def anonymous_kib(pid):
    try:
        with open("/proc/%d/status" % pid) as f:
            for line in f:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def run_once(command, environment, timeout=900):
    """Wall seconds, largest anonymous memory in MiB and exit status of one run."""
    started = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=environment)
    memory = 0
    pause = 0.0005
    while process.poll() is None:
        memory = max(memory, anonymous_kib(process.pid))
        # Sampling must not cost a short run much, nor miss the peak of a long one.
        time.sleep(pause)
        pause = min(pause * 1.2, 0.02)
        if time.perf_counter() - started > timeout:
            process.kill()
            process.wait()
            return timeout, memory / 1024, None
    return time.perf_counter() - started, memory / 1024, process.returncode


def exact_wall(command, environment):
    """Wall seconds without sampling, for runs of a few milliseconds."""
    started = time.perf_counter()
    subprocess.run([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - started


def measure(command, environment, runs):
    wall, memory, status = run_once(command, environment)
    if wall < 1:
        walls = [exact_wall(command, environment) for _ in range(max(runs, 11))]
    elif wall < 20:
        walls = [wall] + [run_once(command, environment)[0] for _ in range(runs - 1)]
    else:
        walls = [wall]
    return statistics.median(walls), memory, status


def cases(data, program):
    scan = [program, "scan", "--no-cache"]
    return [
        ("start-up", [program, "--version"], None),
        ("small.pkl", scan + [data / "small.pkl"], data / "small.pkl"),
        ("small.pt", scan + [data / "small.pt"], data / "small.pt"),
        ("dicts.pkl (28 M opcodes)", scan + [data / "dicts.pkl"], data / "dicts.pkl"),
        ("arrays.pkl (100 MB)", scan + [data / "arrays.pkl"], data / "arrays.pkl"),
        ("model.pt (1.1 GB)", scan + [data / "model.pt"], data / "model.pt"),
        ("model.safetensors (1.1 GB)", scan + [data / "model.safetensors"], data / "model.safetensors"),
        ("model.gguf (1.1 GB)", scan + [data / "model.gguf"], data / "model.gguf"),
        ("folder of 10,000", scan + [data / "folder"], data / "folder"),
    ]


def make_data(data):
    if not (data / "model.pt").exists():
        subprocess.run([sys.executable, HERE.parent / "data/make_large.py", data], check=True)
    if not (data / "dicts.pkl").exists():
        subprocess.run([sys.executable, HERE.parent / "data/make_pickles.py", data], check=True)


def compare(arguments, data):
    environment = {**os.environ, "NO_COLOR": "1", "NO_ANALYTICS": "1", "PROMPTFOO_DISABLE_TELEMETRY": "1",
                   "XDG_CACHE_HOME": str(data / "cache-home")}
    only = arguments.only.split(",") if arguments.only else None
    for name, ours, target in cases(data, arguments.modelaudit.resolve()):
        if only and not any(word in name for word in only):
            continue
        wall, memory, status = measure(ours, environment, arguments.runs)
        print("%-28s %-14s %9.2f ms %8.1f MiB anonymous  exit %s" % (name, "modelaudit", wall * 1e3, memory, status), flush=True)
        if target is None or arguments.peers is None:
            continue
        for peer, command in PEERS.items():
            if peer == "fickling" and target.is_dir():
                continue
            other, used, code = measure(command(arguments.peers, target), environment, arguments.runs)
            print("%-28s %-14s %9.2f ms %8.1f MiB anonymous  exit %s  = %.0f times ours"
                  % ("", peer, other * 1e3, used, code, other / wall), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modelaudit", type=Path)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        data = arguments.data or Path(temporary)
        make_data(data)
        compare(arguments, data)


if __name__ == "__main__":
    main()
