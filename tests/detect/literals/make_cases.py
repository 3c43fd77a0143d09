#!/usr/bin/env python3
"""Writes cases.tsv: literals with a payload under encodings, and literals that only look so. Nothing is loaded."""
import base64, binascii, bz2, gzip, io, lzma, pathlib, tarfile, urllib.parse, zipfile, zlib

EVIL0 = b"cos\nsystem\n(S'echo pwned'\ntR."
EVIL4 = b"\x80\x04\x95\x1f\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93\x8c\x0aecho pwned\x85R."
ROWS = []


def row(name, kind, encoding, data, text=False, argument=False):
    ROWS.append((name, kind, encoding, "text" if text else "bytes", "argument" if argument else "-", data.hex()))


def lz4_stored(data):
    return bytes.fromhex("04224d186040") + b"\x82" + (len(data) | 1 << 31).to_bytes(4, "little") + data + bytes(4)


def uu(data):
    return b"".join(binascii.b2a_uu(data[i:i + 45]) for i in range(0, len(data), 45))


for tag, evil in (("p0", EVIL0), ("p4", EVIL4)):
    row(tag + " bare", "pickle", "-", evil)
    for name, pack in (("zlib", zlib.compress), ("gzip", lambda d: gzip.compress(d, mtime=0)), ("bzip2", bz2.compress),
                       ("xz", lzma.compress), ("lzma", lambda d: lzma.compress(d, lzma.FORMAT_ALONE)), ("lz4", lz4_stored)):
        row(f"{tag} {name}", "pickle", name, pack(evil))
        row(f"{tag} base64 of {name}", "pickle", f"base64, {name}", base64.b64encode(pack(evil)), text=True)
    for name, pack in (("base64", base64.b64encode), ("hex", binascii.hexlify), ("base85", base64.b85encode),
                       ("ascii85", base64.a85encode), ("base32", base64.b32encode), ("uuencode", uu),
                       ("escapes", lambda d: "".join(f"\\x{b:02x}" for b in d).encode()),
                       ("percent-encoding", lambda d: urllib.parse.quote(d).encode()),
                       ("quoted-printable", lambda d: "".join(f"={b:02X}" for b in d).encode())):
        row(f"{tag} {name}", "pickle", name, pack(evil), text=True)
        row(f"{tag} {name} as bytes", "pickle", name, pack(evil))
        row(f"{tag} {name} of zlib", "pickle", f"{name}, zlib", pack(zlib.compress(evil)), text=True)
    row(f"{tag} base64 url-safe", "pickle", "base64", base64.urlsafe_b64encode(evil).rstrip(b"="), text=True)
    row(f"{tag} base64 in lines", "pickle", "base64", base64.encodebytes(evil * 3), text=True)
    row(f"{tag} base64 in a data URL", "pickle", "base64", b"data:application/octet-stream;base64," + base64.b64encode(evil), text=True)
    row(f"{tag} base64 with junk", "pickle", "base64", b"!".join(base64.b64encode(evil)[i:i + 2] for i in range(0, 60, 2)), text=True)
    row(f"{tag} twice base64", "pickle", "base64, base64", base64.b64encode(base64.b64encode(evil)), text=True)
    row(f"{tag} zlib as latin-1 text", "pickle", "latin-1 text, zlib", zlib.compress(evil).decode("latin-1").encode(), text=True)
    row(f"{tag} reversed argument", "pickle", "reversed", evil[::-1], argument=True)
    row(f"{tag} reversed data", "-", "-", evil[::-1])
    row(f"{tag} reversed base64 argument", "pickle", "reversed, base64", base64.b64encode(evil)[::-1], text=True, argument=True)
    row(f"{tag} xor argument", "pickle", "xor", bytes(b ^ 0x5a for b in evil), argument=True)
    row(f"{tag} xor data", "-", "-", bytes(b ^ 0x5a for b in evil))
    deep = evil
    for _ in range(8):
        deep = base64.b64encode(deep)
    row(f"{tag} eight layers", "pickle", ", ".join(["base64"] * 8), deep, text=True)
    row(f"{tag} nine layers", "-", "-", base64.b64encode(deep), text=True)
    row(f"{tag} bz2 in two members", "pickle", "bzip2", bz2.compress(evil[:10]) + bz2.compress(evil[10:]))
    row(f"{tag} zlib cut", "pickle", "zlib", zlib.compress(evil + bytes(200))[:-6])
row("p4 as latin-1 text", "pickle", "latin-1 text", EVIL4.decode("latin-1").encode(), text=True)

buffer = io.BytesIO()
with zipfile.ZipFile(buffer, "w") as archive:
    archive.writestr(zipfile.ZipInfo("data.pkl"), EVIL0)
row("zip", "zip", "-", buffer.getvalue())
row("base64 of zip", "zip", "base64", base64.b64encode(buffer.getvalue()), text=True)
buffer = io.BytesIO()
with tarfile.open(fileobj=buffer, mode="w") as archive:
    info = tarfile.TarInfo("data.pkl")
    info.size = len(EVIL0)
    archive.addfile(info, io.BytesIO(EVIL0))
row("zlib of tar", "tar", "zlib", zlib.compress(buffer.getvalue()))
row("npy", "npy", "-", b"\x93NUMPY\x01\x00\x76\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }" + b" " * 60 + b"\n" + EVIL4)
# marshal.dumps(compile("import os", "x", "exec")) of CPython 3.11: counts, flags, bytecode.
code = b"\xe3" + bytes(4) * 3 + b"\x02\0\0\0" + bytes(4) + b"\xf3\x0c\0\0\0" + b"\x97\0d\0d\1l\0Z\0d\1S\0" + b")\x02\xe9\0\0\0\0N"
row("code object", "code", "-", code)
row("base64 of a code object", "code", "base64", base64.b64encode(code), text=True)

for name, text in (
        ("sentence", "the quick brown fox jumps over the lazy dog, and then it eats the system import os"),
        ("identifier", "transformer_encoder_layer_normalization_weight"),
        ("camel case", "BertForSequenceClassificationModelOutput"),
        ("sha256", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000"),
        ("url", "https://example.org/path%20with%20blanks?query=a%2Fb&x=10"),
        ("digits", "1234567890123456789012345678901234567890"),
        ("equation", "y=12*x+34=56; a=bc, c=dd, e=ff"),
        ("words in lines", "cat\ncow\ncar\ncup\ncan\ncap\ncot\n"),
        ("list in brackets", "(something like this). [and that]. {or so}."),
        ("CSV", "1,2,3\n4,5,6\n7,8,9\n(1, 2)\n"),
        ("windows path", "C:\\xampp\\xa0\\xff\\data\\model.bin"),
        ("accents", "Übergrößenträger überprüfen große Änderungen"),
        ("japanese", "これは日本語のテキストです。機械学習モデル。"),
        ("rot13 of code", "vzcbeg bf; bf.flfgrz('rpub')"),
        ("base64 of a PNG", base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0\0\0\1\0\x08\2\0\0\0").decode()),
        ("base64 of text", base64.b64encode(b"Just a note that somebody wrote down in haste.").decode()),
        ("base64 of compressed text", base64.b64encode(zlib.compress(b"Just a note. " * 20)).decode()),
        ("base64 of JPEG", base64.b64encode(b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0H\0H\0\0" * 3).decode()),
        ("percent text", "Hello%20World%21%20This%20is%20fine"),
        ("tokens", "▁the▁model▁was▁trained▁on▁text"),
):
    row("benign: " + name, "-", "-", text.encode(), text=True)
row("benign: compressed text", "-", "-", zlib.compress(b"a vocabulary of words " * 50))
row("benign: floats", "-", "-", b"".join(bytes([i, 255 - i, 0x80 | i % 128, 0x3f]) for i in range(64)))
row("benign: eight bytes", "-", "-", b"\x80\x04\xff\xff\xff\xff\xff\xff")
row("benign: weights that begin like a pickle", "-", "-", b"\x80\x03\x3e\x9a\x41\x3d\xbc\x0f\x3f\xd2\x11\xbd" * 8)
row("benign: zeros", "-", "-", bytes(256))
row("benign: text of opcodes", "-", "-", b"NNNN.K1K2K3K4", text=True)

lines = ["name\tkind\tencoding\ttype\tuse\thex"] + ["\t".join(r) for r in ROWS]
(pathlib.Path(__file__).parent / "cases.tsv").write_text("\n".join(lines) + "\n")
