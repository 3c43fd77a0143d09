// Turns the tables of Python globals into one header of sorted constexpr arrays. Bad data fails the build with file
// and line: wrong header, wrong number of fields, unsorted or repeated rows, a row that is both dangerous and safe.
//   tablegen_globals OUT.hpp dangerous.tsv safe.tsv python2_names.tsv module_aliases.tsv
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

using Fields = std::vector<std::string>;
using Key = std::pair<std::string, std::string>;

[[noreturn]] void fail(const std::string& file, std::size_t line, const std::string& what) {
  std::cerr << file << ":" << line << ": " << what << "\n";
  std::exit(1);
}

Fields split(const std::string& line) {
  Fields fields(1);
  for (const char c : line) {
    if (c == '\t') {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

/// The rows below `header`; the first `keys` fields together must ascend strictly, byte by byte.
std::vector<Fields> read_table(const std::string& file, const std::string& header, std::size_t keys) {
  std::ifstream in(file);
  std::string line;
  if (!in || !std::getline(in, line)) fail(file, 1, "cannot be read");
  if (line != header) fail(file, 1, "the header must be: " + header);
  const std::size_t width = split(header).size();
  std::vector<Fields> rows;
  for (std::size_t number = 2; std::getline(in, line); ++number) {
    Fields fields = split(line);
    if (fields.size() != width) fail(file, number, "wrong number of fields");
    for (const std::string& field : fields) {
      if (field.empty()) fail(file, number, "empty field");
    }
    if (!rows.empty()) {
      const Fields before(rows.back().begin(), rows.back().begin() + static_cast<std::ptrdiff_t>(keys));
      const Fields here(fields.begin(), fields.begin() + static_cast<std::ptrdiff_t>(keys));
      if (before == here) fail(file, number, "repeats the row before");
      if (here < before) fail(file, number, "rows must be sorted by their bytes");
    }
    rows.push_back(std::move(fields));
  }
  if (rows.empty()) fail(file, 2, "no rows");
  return rows;
}

/// All texts of the tables in one: rows hold numbers, so that the loader has no pointers to put right at every start.
class TextPool {
 public:
  /// "{offset, length}" of a text.
  std::string place(const std::string& text) {
    const auto [known, added] = offsets_.try_emplace(text, text_.size());
    if (added) text_ += text;
    return "{" + std::to_string(known->second) + ", " + std::to_string(text.size()) + "}";
  }
  const std::string& text() const { return text_; }

 private:
  std::map<std::string, std::size_t> offsets_;
  std::string text_;
};

std::string cpp_literal(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

void write_array(std::ostream& out, const char* type, const char* name, const std::vector<Fields>& rows) {
  out << "inline constexpr " << type << " " << name << "[] = {\n";
  for (const Fields& row : rows) {
    out << "    {";
    for (std::size_t i = 0; i < row.size(); ++i) out << (i == 0 ? "" : ", ") << row[i];
    out << "},\n";
  }
  out << "};\n\n";
}

void place_all(std::vector<Fields>& rows, TextPool& pool) {
  for (Fields& row : rows) {
    for (std::string& field : row) field = pool.place(field);
  }
}

void write_pool(std::ostream& out, const std::string& text) {
  constexpr std::size_t k_line = 110;
  out << "inline constexpr char k_text[] =";
  for (std::size_t at = 0; at < text.size(); at += k_line) out << "\n    " << cpp_literal(text.substr(at, k_line));
  out << ";\n\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: tablegen_globals OUT.hpp dangerous.tsv safe.tsv python2_names.tsv module_aliases.tsv\n";
    return 2;
  }
  std::vector<Fields> dangerous = read_table(argv[2], "module\tname\tseverity\twhy", 2);
  std::vector<Fields> safe = read_table(argv[3], "module\tname\tframework", 2);
  std::vector<Fields> python2 = read_table(argv[4], "module\tname\tnew_module\tnew_name", 2);
  std::vector<Fields> aliases = read_table(argv[5], "component\tmodule", 1);

  std::set<Key> listed;
  for (std::size_t i = 0; i < dangerous.size(); ++i) {
    const std::string& severity = dangerous[i][2];
    if (severity != "critical" && severity != "warning") fail(argv[2], i + 2, "severity is critical or warning: " + severity);
    listed.emplace(dangerous[i][0], dangerous[i][1]);
  }
  for (std::size_t i = 0; i < safe.size(); ++i) {
    if (safe[i][1] == "*") fail(argv[3], i + 2, "a whole module cannot be called safe");
    if (listed.contains({safe[i][0], safe[i][1]})) fail(argv[3], i + 2, "the name is in the dangerous table too");
  }
  TextPool pool;
  std::vector<std::string> kinds;
  for (const Fields& row : dangerous) kinds.push_back("GlobalKind::" + row[2]);
  for (Fields& row : safe) row.resize(2);
  for (auto* rows : {&dangerous, &safe, &python2, &aliases}) place_all(*rows, pool);
  for (std::size_t i = 0; i < dangerous.size(); ++i) dangerous[i][2] = kinds[i];

  std::filesystem::create_directories(std::filesystem::path(argv[1]).parent_path());
  std::ofstream out(argv[1], std::ios::binary | std::ios::trunc);
  out << "// Generated from the tables in libmodelaudit/data.\n#pragma once\n\n#include <cstdint>\n#include <string_view>\n\n"
         "#include \"detect/python_globals.hpp\"\n\nnamespace modelaudit::detect::tables {\n\n"
;
  write_pool(out, pool.text());
  out << "/// A part of k_text.\nstruct Text {\n  std::uint32_t offset, length;\n"
         "  constexpr operator std::string_view() const noexcept { return {k_text + offset, length}; }\n};\n"
         "struct DangerousRow {\n  Text module, name;\n  GlobalKind kind;\n  Text why;\n};\n"
         "struct SafeRow {\n  Text module, name;\n};\n"
         "struct RenameRow {\n  Text module, name, new_module, new_name;\n};\n"
         "struct AliasRow {\n  Text component, module;\n};\n\n";
  write_array(out, "DangerousRow", "k_dangerous", dangerous);
  write_array(out, "SafeRow", "k_safe", safe);
  write_array(out, "RenameRow", "k_python2", python2);
  write_array(out, "AliasRow", "k_aliases", aliases);
  out << "}  // namespace modelaudit::detect::tables\n";
  out.close();
  if (!out) fail(argv[1], 0, "cannot be written");
  return 0;
}
