#pragma once

#include <string_view>

namespace modelaudit::detect {

/// Modules of the standard library (sys.stdlib_module_names of CPython 3.11) whose import harms nobody, whatever
/// is done with them later; those that dangerous_globals.tsv lists as a whole are left out. Sorted.
inline constexpr std::string_view k_standard_library[] = {
    "abc", "aifc", "argparse", "array", "ast", "audioop", "base64", "binascii", "bisect", "builtins", "bz2",
    "calendar", "cgi", "cgitb", "chunk", "cmath", "cmd", "codecs", "collections", "colorsys", "concurrent",
    "configparser", "contextlib", "contextvars", "copy", "copyreg", "crypt", "csv", "curses", "dataclasses",
    "datetime", "dbm", "decimal", "difflib", "dis", "email", "encodings", "enum", "errno", "faulthandler", "fcntl",
    "fnmatch", "fractions", "functools", "gc", "genericpath", "getopt", "getpass", "gettext", "glob", "graphlib",
    "grp", "gzip", "hashlib", "heapq", "hmac", "html", "imghdr", "inspect", "io", "ipaddress", "itertools", "json",
    "keyword", "linecache", "locale", "logging", "lzma", "mailbox", "mailcap", "math", "mimetypes", "modulefinder",
    "msilib", "msvcrt", "netrc", "nis", "ntpath", "nturl2path", "numbers", "opcode", "operator", "optparse",
    "ossaudiodev", "pathlib", "pickletools", "platform", "plistlib", "posixpath", "pprint", "pstats", "pwd", "pyclbr",
    "pydoc_data", "pyexpat", "queue", "quopri", "random", "re", "reprlib", "resource", "sched", "secrets", "shlex",
    "sndhdr", "spwd", "sre_compile", "sre_constants", "sre_parse", "stat", "statistics", "string", "stringprep",
    "struct", "sunau", "symtable", "sysconfig", "syslog", "tabnanny", "tarfile", "tempfile", "termios", "textwrap",
    "time", "token", "tokenize", "tomllib", "traceback", "tracemalloc", "tty", "types", "typing", "unicodedata",
    "unittest", "uu", "uuid", "warnings", "wave", "weakref", "winsound", "xdrlib", "xml", "zipfile", "zlib",
    "zoneinfo",
};

}  // namespace modelaudit::detect
