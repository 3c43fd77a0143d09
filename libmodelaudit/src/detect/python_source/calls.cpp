#include "detect/python_source/calls.hpp"

#include <algorithm>
#include <array>

namespace modelaudit::detect::python {

namespace {

struct Row {
  std::string_view path;  ///< exact, or a prefix when it ends in '*'
  CallClass kind;
};

constexpr std::array k_rows{
    Row{"asyncio.create_subprocess_exec", CallClass::process},
    Row{"asyncio.create_subprocess_shell", CallClass::process},
    Row{"commands.getoutput", CallClass::process},
    Row{"commands.getstatusoutput", CallClass::process},
    Row{"nt.system", CallClass::process},
    Row{"os.exec*", CallClass::process},
    Row{"os.popen*", CallClass::process},
    Row{"os.posix_spawn*", CallClass::process},
    Row{"os.spawn*", CallClass::process},
    Row{"os.startfile", CallClass::process},
    Row{"os.system", CallClass::process},
    Row{"pexpect.spawn", CallClass::process},
    Row{"platform.popen", CallClass::process},
    Row{"popen2.*", CallClass::process},
    Row{"posix.system", CallClass::process},
    Row{"posix.popen", CallClass::process},
    Row{"pty.spawn", CallClass::process},
    Row{"subprocess.Popen", CallClass::process},
    Row{"subprocess.call", CallClass::process},
    Row{"subprocess.check_call", CallClass::process},
    Row{"subprocess.check_output", CallClass::process},
    Row{"subprocess.getoutput", CallClass::process},
    Row{"subprocess.getstatusoutput", CallClass::process},
    Row{"subprocess.run", CallClass::process},
    Row{"_posixsubprocess.fork_exec", CallClass::process},

    Row{"builtins.eval", CallClass::dynamic_code},
    Row{"builtins.exec", CallClass::dynamic_code},
    Row{"builtins.execfile", CallClass::dynamic_code},
    Row{"code.InteractiveConsole", CallClass::dynamic_code},
    Row{"code.InteractiveInterpreter", CallClass::dynamic_code},
    Row{"code.interact", CallClass::dynamic_code},
    Row{"marshal.load", CallClass::dynamic_code},
    Row{"marshal.loads", CallClass::dynamic_code},
    Row{"runpy.run_module", CallClass::dynamic_code},
    Row{"runpy.run_path", CallClass::dynamic_code},
    Row{"types.CodeType", CallClass::dynamic_code},
    Row{"types.FunctionType", CallClass::dynamic_code},

    Row{"ctypes.CDLL", CallClass::native},
    Row{"ctypes.OleDLL", CallClass::native},
    Row{"ctypes.PyDLL", CallClass::native},
    Row{"ctypes.WinDLL", CallClass::native},
    Row{"ctypes.cdll.*", CallClass::native},
    Row{"ctypes.pythonapi.*", CallClass::native},
    Row{"ctypes.windll.*", CallClass::native},
    Row{"cffi.FFI().dlopen", CallClass::native},
    Row{"numpy.ctypeslib.load_library", CallClass::native},
    Row{"tensorflow.load_library", CallClass::native},
    Row{"tensorflow.load_op_library", CallClass::native},
    Row{"torch.classes.load_library", CallClass::native},
    Row{"torch.ops.load_library", CallClass::native},
    Row{"torch.utils.cpp_extension.load*", CallClass::native},

    Row{"cloudpickle.load*", CallClass::unsafe_load},
    Row{"dill.load*", CallClass::unsafe_load},
    Row{"joblib.load", CallClass::unsafe_load},
    Row{"jsonpickle.decode", CallClass::unsafe_load},
    Row{"pandas.read_pickle", CallClass::unsafe_load},
    Row{"pickle.Unpickler", CallClass::unsafe_load},
    Row{"pickle.load", CallClass::unsafe_load},
    Row{"pickle.loads", CallClass::unsafe_load},
    Row{"shelve.open", CallClass::unsafe_load},
    Row{"torch.load", CallClass::unsafe_load},
    Row{"yaml.unsafe_load*", CallClass::unsafe_load},

    Row{"aiohttp.ClientSession().*", CallClass::network},
    Row{"dns.resolver.*", CallClass::network},
    Row{"ftplib.FTP*", CallClass::network},
    Row{"http.client.HTTP*", CallClass::network},
    Row{"httplib.HTTP*", CallClass::network},
    Row{"httpx.*", CallClass::network},
    Row{"paramiko.*", CallClass::network},
    Row{"requests.Session().*", CallClass::network},
    Row{"requests.delete", CallClass::network},
    Row{"requests.get", CallClass::network},
    Row{"requests.head", CallClass::network},
    Row{"requests.patch", CallClass::network},
    Row{"requests.post", CallClass::network},
    Row{"requests.put", CallClass::network},
    Row{"requests.request", CallClass::network},
    Row{"smtplib.SMTP*", CallClass::network},
    Row{"socket.create_connection", CallClass::network},
    Row{"socket.getaddrinfo", CallClass::network},
    Row{"socket.gethostbyname", CallClass::network},
    Row{"socket.socket().connect*", CallClass::network},
    Row{"socket.socket().send*", CallClass::network},
    Row{"telnetlib.Telnet*", CallClass::network},
    Row{"urllib.request.urlopen", CallClass::network},
    Row{"urllib.request.urlretrieve", CallClass::network},
    Row{"urllib.urlopen", CallClass::network},
    Row{"urllib2.urlopen", CallClass::network},
    Row{"websocket.*", CallClass::network},
    Row{"websockets.connect", CallClass::network},
    Row{"xmlrpc.client.ServerProxy", CallClass::network},

    Row{"_winreg.CreateKey*", CallClass::registry},
    Row{"_winreg.SetValue*", CallClass::registry},
    Row{"winreg.CreateKey*", CallClass::registry},
    Row{"winreg.SetValue*", CallClass::registry},
};

}  // namespace

// The table of pickle globals is no help here: it calls dangerous what source does all day (platform.system,
// atexit.register, zipfile.ZipFile …); over the sources of torch and numpy it raised 200 alarms.
CallClass classify_call(std::string_view path) {
  if (path.size() < 6 || path.find('.') == std::string_view::npos || path.starts_with("local:")) return CallClass::none;
  for (const Row& row : k_rows) {
    const bool prefix = row.path.ends_with('*');
    const std::string_view name = prefix ? row.path.substr(0, row.path.size() - 1) : row.path;
    if (prefix ? path.starts_with(name) : path == name) return row.kind;
  }
  return CallClass::none;
}

bool is_builtin_name(std::string_view name) {
  constexpr std::array<std::string_view, 32> k_names{"eval",    "exec",      "compile",  "execfile", "open",     "__import__", "getattr", "setattr",
                                                     "globals", "locals",    "vars",     "chr",      "ord",      "str",        "bytes",   "bytearray",
                                                     "list",    "tuple",     "map",      "reversed", "int",      "dict",       "join",    "type",
                                                     "hex",     "repr",      "sorted",   "set",      "unichr",   "file",       "input",   "memoryview"};
  return std::find(k_names.begin(), k_names.end(), name) != k_names.end();
}

bool is_ambient_module(std::string_view name) {
  constexpr std::array<std::string_view, 9> k_names{"os", "subprocess", "socket", "ctypes", "pickle", "marshal", "shutil", "importlib", "base64"};
  return std::find(k_names.begin(), k_names.end(), name) != k_names.end();
}

}  // namespace modelaudit::detect::python
