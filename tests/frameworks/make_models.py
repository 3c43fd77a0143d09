#!/usr/bin/env python3
"""Writes small harmless model files with the real frameworks, and manifest.tsv beside them.

    make_models.py OUT [--only python,numpy,tables,estimators,torch,tensors,sharded,packages]
    make_models.py OUT --sample DEST [--limit BYTES]     also copies small ones of each kind to DEST/models (clean) and
                                                         DEST/models_with_code (the others)

Everything is seeded: the same versions (requirements.txt) write the same values; some put times or addresses into their
files, so the bytes differ. Columns of the manifest: path,
framework, its version, and what a scan must say: `clean`, or `warning-at-most` for files into which code was put on purpose.
"""
import argparse
import importlib
import os
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from writers.recorder import CLEAN, WARNING_AT_MOST, Recorder  # noqa: E402

WRITERS = {"python": "python", "numpy": "numpy_files", "tables": "tables", "estimators": "estimators", "torch": "torch_files",
           "tensors": "tensors", "sharded": "sharded", "packages": "packages"}


def copy_sample(recorder, destination, expectation, limit_bytes):
    """The files of `sample.txt` (one path a line, patterns allowed) that stay below the limit, with their rows."""
    wanted = (pathlib.Path(__file__).parent / "sample.txt").read_text(encoding="utf-8").split()
    rows = {}
    manifest = destination / "manifest.tsv"
    if manifest.exists():  # of an environment with other packages
        rows = {line.split("\t")[0]: tuple(line.split("\t")) for line in manifest.read_text(encoding="utf-8").splitlines()[1:]}
    copied = 0
    for row in sorted(recorder.rows):
        source = recorder.root / row[0]
        if row[3] != expectation or not source.is_file() or not any(pathlib.PurePath(row[0]).match(pattern) for pattern in wanted):
            continue
        if source.stat().st_size > limit_bytes:
            print(f"not copied, {source.stat().st_size} bytes: {row[0]}")
            continue
        target = destination / row[0]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        rows[row[0]] = row
        copied += 1
    destination.mkdir(parents=True, exist_ok=True)
    lines = ["path\tframework\tversion\texpectation"] + ["\t".join(rows[path]) for path in sorted(rows)]
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{copied} files copied to {destination}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--only", default=",".join(WRITERS))
    parser.add_argument("--sample", type=pathlib.Path)
    parser.add_argument("--limit", type=int, default=60_000)
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    recorder = Recorder(arguments.out)
    for name in arguments.only.split(","):
        importlib.import_module(f"writers.{WRITERS[name]}").write(recorder)
    print(f"{recorder.write_manifest()} files written to {arguments.out}")
    if arguments.sample:
        copy_sample(recorder, arguments.sample / "models", CLEAN, arguments.limit)
        copy_sample(recorder, arguments.sample / "models_with_code", WARNING_AT_MOST, arguments.limit)


if __name__ == "__main__":
    main()
