/// @file
/// Does a string value hold code or a shell chain? For string-typed fields: metadata, descriptions, attributes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace modelaudit::detect {

enum class CodeKind : std::uint8_t {
  python_call,    ///< a call that runs code or starts a process: `__import__('os').system(…)`
  shell_fetch,    ///< fetch and run: `curl … | sh`
  shell_decode,   ///< decode and run: `base64 -d … | sh`
  shell_destroy,  ///< `rm -rf /` and its like
  reverse_shell,  ///< a shell over the network: `/dev/tcp/…`, `nc -e`
  powershell,     ///< encoded command or download cradle
  script_tag,     ///< active HTML: `<script>` with code, `javascript:` with a call
};

std::string_view to_string(CodeKind kind) noexcept;

/// Code in a string.
struct CodeMatch {
  CodeKind kind = CodeKind::python_call;
  std::size_t offset = 0;  ///< of the match in the text
  std::string extract;     ///< the match with a little context, at most 160 bytes, raw
};

/// The first piece of code in `text` that is code by its shape and by its surroundings.
///
/// Words alone never count, nor do URLs, nor code that is talked about: documentation, prompts, examples in prose,
/// training text. Linear time; texts over 1 MiB are judged by their first MiB.
std::optional<CodeMatch> find_code(std::string_view text);

}  // namespace modelaudit::detect
