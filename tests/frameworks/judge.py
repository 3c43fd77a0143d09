#!/usr/bin/env python3
"""Scans every file of a manifest with the command-line tool and compares: judge.py TOOL FOLDER.

Expectations: clean (exit 0, verdict clean, nothing of warning or above), warning-at-most (no critical), and for harmful
samples malicious (exit 1, a critical), suspicious (exit 1, a warning or above), inconclusive (exit 1 or 2).
"""
import json
import pathlib
import subprocess
import sys

LEVELS = {"debug": 0, "info": 1, "warning": 2, "critical": 3}


def scan(tool, path):
    """(exit status, worst severity, verdict, issues) of one file."""
    done = subprocess.run([tool, "scan", "--no-cache", "--format", "json", path], capture_output=True, check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        return done.returncode, 0, "no report: " + done.stderr.decode(errors="replace").strip()[:200], []
    issues = report.get("issues", [])
    worst = max((LEVELS[issue["severity"].lower()] for issue in issues), default=0)
    return done.returncode, worst, report.get("verdict", "missing"), issues


def agrees(expectation, status, worst, verdict):
    if expectation == "clean":
        return status == 0 and verdict == "clean" and worst < LEVELS["warning"]
    if expectation == "warning-at-most":
        return status in (0, 1) and worst < LEVELS["critical"]
    if expectation == "malicious":
        return status == 1 and worst == LEVELS["critical"]
    if expectation == "suspicious":
        return status == 1 and worst >= LEVELS["warning"]
    if expectation == "inconclusive":
        return status in (1, 2) and verdict != "clean"
    raise ValueError(f"unknown expectation {expectation}")


def explain(path, expectation, status, verdict, issues):
    print(f"FAILED {path}: expected {expectation}, got exit {status}, verdict {verdict}")
    for issue in issues:
        if LEVELS[issue["severity"].lower()] >= LEVELS["info"]:
            print(f"    {issue['severity']}: {issue['message']} {json.dumps(issue.get('details', {}))[:300]}")


def main():
    if len(sys.argv) != 3:
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 2
    tool, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    lines = (folder / "manifest.tsv").read_text(encoding="utf-8").splitlines()
    columns = lines[0].split("\t")
    expected = "expect" if "expect" in columns else "expectation"
    passed = failed = 0
    for line in lines[1:]:
        row = dict(zip(columns, line.split("\t")))
        status, worst, verdict, issues = scan(tool, folder / row["path"])
        if agrees(row[expected], status, worst, verdict):
            passed += 1
        else:
            failed += 1
            explain(row["path"], row[expected], status, verdict, issues)
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed else 1


if __name__ == "__main__":
    sys.exit(main())
