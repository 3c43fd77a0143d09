#!/usr/bin/env python3
"""Writes the benign half of the shared corpus with the frameworks at hand and scans it: no warning, no critical.

    check_benign.py MODELAUDIT CORPUS_FOLDER PYTHON

PYTHON is an interpreter that has the frameworks; groups whose framework it lacks are left out. Exit status 77 (skipped)
where there is no corpus.
"""
import json
import os
import subprocess
import sys
import tempfile

# The groups whose formats are read today. Of the others a scan may say that it could not tell, never that they are bad.
READ = {"stdlib", "numpy", "sklearn", "joblib", "dill", "pandas", "torch", "safetensors", "safetensors_torch", "gguf"}


def main():
    program, corpus, python = sys.argv[1:4]
    generator = os.path.join(corpus, "make_benign.py")
    if not os.path.exists(generator):
        print("skipped: no shared corpus at", corpus)
        return 77
    passed, failed = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([python, "-W", "ignore", generator, folder], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(os.path.join(folder, "manifest.jsonl")) as manifest:
            paths = [json.loads(line)["path"] for line in manifest]
        run = subprocess.run([program, "scan", "--no-cache", "--format", "json", folder], capture_output=True, text=True)
        report = json.loads(run.stdout)
        wrong = {}
        for issue in report["issues"]:
            if issue["severity"] in ("warning", "critical"):
                wrong.setdefault(issue["location"], issue["message"])
        verdicts = [(file["path"], file["verdict"]) for file in report["files"]]
        for path, verdict in verdicts + [(path, "unknown") for path in report["unknown_files"]]:
            if os.path.relpath(path, folder).split(os.sep)[0] in READ and verdict != "clean":
                wrong.setdefault(path, "verdict " + verdict)
        for location, message in sorted(wrong.items()):
            print("FAILED", location, message)
        failed = len(wrong)
        passed = len(paths) - failed
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
