#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>
#include <vector>

namespace modelaudit::test {

/// Bytes from hex text: pairs of hex digits, white space between them, `#` to the end of the line is a comment,
/// "text" in double quotes stands for its bytes (\n, \r, \t, \\, \" and \xNN are escapes), `XX*N` repeats a byte.
std::vector<std::byte> from_hex(std::string_view text);

/// A whole file.
std::vector<std::byte> read_file(const std::filesystem::path& path);

/// The bytes of a string literal.
std::vector<std::byte> bytes_of(std::string_view text);

}  // namespace modelaudit::test
