#!/usr/bin/env python3
"""Writes the golden cases of this folder. Nothing is loaded."""
import bz2, gzip, json, lzma, pathlib, pickle, zlib

HERE = pathlib.Path(__file__).parent / "cases"
EVIL = b"cos\nsystem\n(S'echo pwned'\ntR."
GOOD = pickle.dumps({"epoch": 3, "loss": [0.5, 0.25], "name": "a model of words " * 8}, 4)


def case(name, file, data, verdict, complete, rules=(), gaps=(), comment=""):
    lines = [f"# {comment}"] if comment else []
    text = data.hex()
    lines += [text[i:i + 64] for i in range(0, len(text), 64)]
    (HERE / f"{name}.hex").write_text("\n".join(lines) + "\n")
    expected = {"name": file, "verdict": verdict, "complete": complete, "rules": list(rules), "gaps": list(gaps)}
    (HERE / f"{name}.expected.json").write_text(json.dumps(expected) + "\n")


def zf(data):
    return b"ZF" + hex(len(data)).encode().ljust(19) + zlib.compress(data)


half = len(GOOD) // 2
case("benign_gzip", "m.pkl.gz", gzip.compress(GOOD, mtime=0), "clean", True, comment="gzip of a pickle of plain data")
case("benign_split_bzip2", "m.joblib", bz2.compress(GOOD[:half]) + bz2.compress(GOOD[half:]), "clean", True,
     comment="a pickle cut between two bzip2 members")
case("benign_split_xz", "m.joblib", lzma.compress(GOOD[:half]) + lzma.compress(GOOD[half:]), "clean", True,
     comment="a pickle cut between two xz streams")
case("benign_zlib", "m.joblib", zlib.compress(GOOD), "clean", True, comment="zlib, as joblib writes it")
case("benign_lzma", "m.pkl.lzma", lzma.compress(GOOD, lzma.FORMAT_ALONE), "clean", True, comment="lzma-alone")
case("benign_padded", "m.pkl.gz", gzip.compress(GOOD, mtime=0) + bytes(64), "clean", True, comment="zero padding behind the member")
case("hostile_old_joblib", "m.joblib", zf(EVIL), "malicious", True, ["pickle-dangerous-call"],
     comment="the ZF header of joblib up to 0.9.2")
case("hostile_split_bzip2", "m.joblib", bz2.compress(EVIL[:12]) + bz2.compress(EVIL[12:]), "malicious", True,
     ["pickle-dangerous-call"], comment="the call is in the second member, its global in the first")
case("hostile_trailing", "m.pkl.gz", gzip.compress(GOOD, mtime=0) + EVIL, "malicious", True,
     ["compressed-trailing", "pickle-dangerous-call"], comment="a pickle behind the member")
case("truncated", "m.pkl.gz", gzip.compress(GOOD, mtime=0)[:-4], "inconclusive", False, [], ["truncated"],
     comment="the last four bytes are missing")
case("over_limit", "m.pkl.lzma", bytes.fromhex("5d00000040ffffffffffffffff") + bytes(32), "inconclusive", False, [], ["limit"],
     comment="lzma with a dictionary of 1 GiB")
