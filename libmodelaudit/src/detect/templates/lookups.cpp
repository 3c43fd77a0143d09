#include "detect/templates/lookups.hpp"

#include <algorithm>
#include <array>

namespace modelaudit::detect::jinja {

namespace {

template <std::size_t N>
bool one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Attributes of frames, functions, code objects and classes that do not start with two underscores
/// (Python data model; jinja2.sandbox, UNSAFE_*_ATTRIBUTES).
constexpr std::array<std::string_view, 26> k_internal{
    "gi_frame",  "gi_code",    "gi_yieldfrom", "cr_frame",  "cr_code",   "cr_await",      "cr_origin",     "ag_frame",      "ag_code",
    "f_globals", "f_builtins", "f_locals",     "f_back",    "f_code",    "func_globals",  "func_code",     "func_closure",  "func_defaults",
    "im_func",   "im_self",    "im_class",     "mro",       "tb_frame",  "tb_next",       "co_code",       "co_consts"};

constexpr std::array<std::string_view, 18> k_code_functions{"eval",    "exec",    "execfile", "compile", "open",   "__import__",
                                                            "getattr", "setattr", "delattr",  "vars",    "globals", "locals",
                                                            "popen",   "system",  "breakpoint", "import_module", "input", "memoryview"};

constexpr std::array<std::string_view, 20> k_process_methods{
    "popen",      "Popen",       "system",      "check_output", "check_call",  "getoutput",  "getstatusoutput", "import_module", "load_module", "exec_module",
    "run_path",   "run_module",  "posix_spawn", "spawnl",       "spawnv",      "execl",      "execv",           "execvp",        "execve",      "startfile"};

/// Objects that jinja2 defines in every environment (defaults.py) or template, and those of Flask.
constexpr std::array<std::string_view, 6> k_engine{"lipsum", "cycler", "joiner", "namespace", "self", "generator"};
constexpr std::array<std::string_view, 8> k_web{"request", "config", "application", "url_for", "get_flashed_messages", "session", "g", "current_app"};
constexpr std::array<std::string_view, 5> k_web_internals{"application", "environ", "current_app", "app", "from_object"};

}  // namespace

bool is_internal_name(std::string_view name) {
  if (name.starts_with('_') && name.find("__") != std::string_view::npos) {
    // Dunders and mangled private names. A run of underscores alone is text.
    return name.find_first_not_of('_') != std::string_view::npos;
  }
  return one_of(name, k_internal);
}

bool is_code_function(std::string_view name) { return one_of(name, k_code_functions); }

bool is_process_method(std::string_view name) { return one_of(name, k_process_methods); }

bool is_builtin_object(std::string_view name) {
  return one_of(name, k_engine) || one_of(name, k_web) || name == "range" || name == "dict" || name == "loop" || name == "caller";
}

Access judge_builtin_access(std::string_view object, std::string_view name) {
  if (object == "loop" || object == "range" || object == "dict" || object == "caller") return name.starts_with('_') ? Access::hostile : Access::ordinary;
  if (object == "cycler" && (name == "next" || name == "reset" || name == "current")) return Access::ordinary;
  if (object == "lipsum" || object == "cycler" || object == "joiner" || object == "self" || object == "object") return Access::hostile;
  if (object == "namespace" || object == "generator") return name.starts_with('_') ? Access::hostile : Access::ordinary;
  if (one_of(object, k_web)) return one_of(name, k_web_internals) ? Access::suspicious : Access::ordinary;
  return Access::ordinary;
}

bool is_input_name(std::string_view name) {
  constexpr std::array<std::string_view, 11> k_names{"messages", "message", "content", "prompt", "query",  "documents",
                                                     "tools",    "system",  "input",   "text",   "history"};
  return one_of(name, k_names);
}

}  // namespace modelaudit::detect::jinja
