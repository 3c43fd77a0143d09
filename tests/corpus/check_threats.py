#!/usr/bin/env python3
"""Scans every sample of the shared corpus and compares with its manifest.

    check_threats.py MODELAUDIT CORPUS_FOLDER

Of the formats that are read today, malicious samples must exit 1 with the severity asked, inconclusive ones exit 1
or 2, benign ones exit 0. Of the others, benign samples must at least raise no warning. Exit status 77 (skipped) where
there is no corpus.
"""
import csv
import json
import os
import subprocess
import sys
import tempfile

READ = {"pickle", "joblib", "npy", "npz", "pytorch-zip", "pytorch-legacy", "pytorch-tar", "pytorch-package", "zip", "gguf",
        "safetensors", "compressed", "tar", "jinja2"}
LEVEL = {"debug": 0, "info": 1, "warning": 2, "critical": 3}


def scan(program, target):
    run = subprocess.run([program, "scan", "--no-cache", "--format", "json", target], capture_output=True, text=True)
    report = json.loads(run.stdout) if run.stdout.strip() else {}
    worst = max((LEVEL[issue["severity"]] for issue in report.get("issues", [])), default=-1)
    return run.returncode, worst, run.stderr


def problem(row, status, worst):
    """What is wrong with the outcome of a sample, or None."""
    expected, read = row["expected"], row["format"] in READ
    if status not in (0, 1, 2):
        return "exit status %d" % status
    if expected == "benign":
        if worst >= LEVEL["warning"]:
            return "false alarm (exit %d)" % status
        return "exit %d for a benign file" % status if read and status != 0 else None
    if not read:
        return None
    if expected == "malicious" and (status != 1 or worst < LEVEL[row["min_severity"]]):
        return "missed: exit %d, worst %d, asked for %s" % (status, worst, row["min_severity"])
    if expected == "inconclusive" and status == 0:
        return "called clean"
    return None


def main():
    program, corpus = sys.argv[1:3]
    maker = os.path.join(corpus, "make_threats.py")
    if not os.path.exists(maker):
        print("skipped: there is no shared corpus at", corpus)
        return 77
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-B", maker, folder], check=True, stdout=subprocess.DEVNULL)
        with open(os.path.join(folder, "manifest.tsv"), newline="") as f:
            rows = list(csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE))
        failed = 0
        for row in rows:
            status, worst, errors = scan(program, os.path.join(folder, row["scan"]))
            wrong = problem(row, status, worst)
            if wrong:
                failed += 1
                print("FAILED %s [%s] %s: %s %s" % (row["file"], row["format"], row["technique"], wrong, errors.strip()))
    print("%d passed, %d failed" % (len(rows) - failed, failed))
    return 1 if failed or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
