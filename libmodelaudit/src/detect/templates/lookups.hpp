/// @file
/// What a name means to the template engine and to the Python objects behind it.
#pragma once

#include <cstdint>
#include <string_view>

namespace modelaudit::detect::jinja {

/// Does this attribute or key lead into the interpreter: `__class__`, `gi_frame`, `_TemplateReference__context` …?
bool is_internal_name(std::string_view name);
/// A name that runs code when it is called, and that no template has any business calling.
bool is_code_function(std::string_view name);
/// The same as a method: os.popen, subprocess.check_output, importlib.import_module.
bool is_process_method(std::string_view name);

enum class Access : std::uint8_t { ordinary, suspicious, hostile };
/// Access of `name` on an object that the engine puts into every template (cycler, lipsum, self), or that web
/// frameworks do (request, config).
Access judge_builtin_access(std::string_view object, std::string_view name);
/// Is this a name that the engine or a web framework defines as such an object?
bool is_builtin_object(std::string_view name);
/// Context variables that hold what users wrote: their content is what a template could leak.
bool is_input_name(std::string_view name);

}  // namespace modelaudit::detect::jinja
