#!/usr/bin/env python3
"""Scans trees of samples twice, and copies of them, and expects nothing but hits that say the same.

    check_cache.py MODELAUDIT SAMPLE_FOLDER... [--corpus CORPUS_FOLDER]

Every outcome but those that time, errors or changes shaped must be a hit: malicious, inconclusive, unknown ones too. The
JSON report of a cached scan must be the one of an uncached scan of the same files, but for clocks and cache figures, and
the report on a copy must not know the name of the original. With --corpus, what its make_threats.py writes is scanned
as well, where it lies there.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

NOT_KEPT = {"timed_out", "io_error", "changed", "cancelled"}
FIRST, COPY = "tree-alpha", "tree-omega"


class Scene:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.environment = dict(os.environ, XDG_STATE_HOME=os.path.join(folder, "state"))

    def scan(self, tree, *words, cached=True):
        cache = ["--cache-dir", os.path.join(self.folder, "cache")] if cached else ["--no-cache"]
        run = subprocess.run([self.program, "scan", "-f", "json", *cache, *words, tree], cwd=self.folder,
                             env=self.environment, capture_output=True, text=True)
        if run.returncode not in (0, 1, 2):
            raise SystemExit("exit status %d: %s" % (run.returncode, run.stderr))
        return run.stdout


def check_hits(text, kinds, what):
    """Problems: files that could have been a hit and were none."""
    report = json.loads(text)
    problems = []
    for file in report["files"]:
        gaps = {gap["kind"] for gap in file["coverage"]["gaps"]}
        if file["cache"] not in kinds and not gaps & NOT_KEPT:
            problems.append("%s: %s is %s" % (what, file["path"], file["cache"]))
    if not report["files"]:
        problems.append(what + ": nothing was scanned")
    return problems


def check_tree(scene, source):
    for name in (FIRST, COPY, "cache"):
        shutil.rmtree(os.path.join(scene.folder, name), ignore_errors=True)
    shutil.copytree(source, os.path.join(scene.folder, FIRST), symlinks=True)
    plain = scene.scan(FIRST, "--deterministic", cached=False)
    problems = []
    if scene.scan(FIRST, "--deterministic") != plain:
        problems.append("the first scan says something else with a cache")
    problems += check_hits(scene.scan(FIRST), {"identity_hit", "trace_hit"}, "second scan")
    problems += check_hits(scene.scan(FIRST, "--cache-verify", "trace"), {"trace_hit"}, "verified scan")
    if scene.scan(FIRST, "--deterministic") != plain:
        problems.append("the second scan says something else")

    shutil.copytree(os.path.join(scene.folder, FIRST), os.path.join(scene.folder, COPY), symlinks=True)
    problems += check_hits(scene.scan(COPY), {"trace_hit"}, "copy")
    copied = scene.scan(COPY, "--deterministic")
    if copied != scene.scan(COPY, "--deterministic", cached=False):
        problems.append("the copy's report is not that of a scan")
    if FIRST in copied:
        problems.append("the copy's report knows the original's name")
    return problems


def main():
    words = sys.argv[1:]
    corpus = None
    if "--corpus" in words:
        at = words.index("--corpus")
        corpus = words[at + 1]
        del words[at:at + 2]
    program, sources = os.path.abspath(words[0]), words[1:]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        maker = os.path.join(corpus, "make_threats.py") if corpus else ""
        if os.path.exists(maker):
            made = os.path.join(folder, "made")
            subprocess.run([sys.executable, "-B", maker, made], check=True, stdout=subprocess.DEVNULL)
            sources.append(made)
        elif corpus:
            print("without the shared corpus: there is none at", corpus)
        scene = Scene(program, folder)
        for source in sources:
            problems = check_tree(scene, source)
            print("%s: %s" % (source, "all hits" if not problems else "%d problems" % len(problems)))
            for problem in problems[:20]:
                print("  " + problem)
            failed += len(problems)
    return 1 if failed else 0


sys.exit(main())
