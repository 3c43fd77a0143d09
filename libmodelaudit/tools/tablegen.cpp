// Turns the project's tab-separated tables into C++ at build time. Bad data fails the build with file and line.
//   tablegen rules OUT.hpp OUT.cpp IN.tsv...
//   tablegen scanners OUT.cpp NAME...
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {

[[noreturn]] void fail(const std::string& file, std::size_t line, const std::string& what) {
  std::cerr << file << ":" << line << ": " << what << "\n";
  std::exit(1);
}

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> fields(1);
  for (const char c : line) {
    if (c == '\t') {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

struct Row {
  std::string file;
  std::size_t line = 0;
  std::vector<std::string> fields;
};

std::vector<Row> read_table(const std::string& file, const std::string& header) {
  std::ifstream in(file);
  if (!in) fail(file, 0, "cannot be read");
  std::vector<Row> rows;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (number == 1) {
      if (line != header) fail(file, number, "the header must be: " + header);
      continue;
    }
    if (line.empty()) continue;
    rows.push_back({file, number, split(line)});
    if (rows.back().fields.size() != split(header).size()) fail(file, number, "wrong number of fields");
  }
  return rows;
}


void write_file(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  if (!out) fail(path, 0, "cannot be written");
}

std::string identifier(const Row& row, const std::string& id) {
  std::string out;
  for (const char c : id) {
    const bool plain = std::islower(static_cast<unsigned char>(c)) || std::isdigit(static_cast<unsigned char>(c));
    if (!plain && c != '-') fail(row.file, row.line, "rule ids are kebab-case: " + id);
    out += c == '-' ? '_' : c;
  }
  return out;
}

std::string optional_field(const std::string& field) { return field == "-" ? "" : field; }

void make_rules(const std::string& header_path, const std::string& source_path, const std::vector<std::string>& inputs) {
  std::map<std::string, Row> rules;
  for (const std::string& input : inputs) {
    for (Row& row : read_table(input, "id\tname\tseverity\tcode\twhy\tadvice\treferences")) {
      const std::string id = row.fields[0];
      if (rules.contains(id)) fail(row.file, row.line, "rule id is taken already: " + id);
      rules.emplace(id, std::move(row));
    }
  }
  std::ostringstream header;
  std::ostringstream source;
  header << "// Generated from the rules.tsv of each folder.\n#pragma once\n\n#include \"modelaudit/rule.hpp\"\n\n"
            "namespace modelaudit::rules {\n\n";
  source << "// Generated from the rules.tsv of each folder.\n#include \"rules/catalogue.hpp\"\n\n"
            "namespace modelaudit::rules {\n\n";
  for (const auto& [id, row] : rules) {
    const auto& f = row.fields;
    const std::string name = identifier(row, id);
    if (f[2] != "critical" && f[2] != "warning" && f[2] != "info" && f[2] != "debug") {
      fail(row.file, row.line, "severity is one of critical, warning, info, debug: " + f[2]);
    }
    if (f[1].empty() || f[4].empty() || f[5].empty()) fail(row.file, row.line, "name, why and advice are needed: " + id);
    header << "extern const Rule " << name << ";\n";
    source << "constinit const Rule " << name << "{" << quoted(id) << ", " << quoted(f[1]) << ", Severity::" << f[2]
           << ",\n    " << quoted(f[4]) << ",\n    " << quoted(optional_field(f[5])) << ",\n    "
           << quoted(optional_field(f[6])) << ", " << quoted(optional_field(f[3])) << "};\n";
  }
  header << "\n}  // namespace modelaudit::rules\n";
  source << "\n// Sorted by id.\nextern const Rule* const k_all[];\nextern const unsigned k_count;\n"
            "constinit const Rule* const k_all[] = {\n";
  for (const auto& [id, row] : rules) source << "    &" << identifier(row, id) << ",\n";
  source << "    nullptr};\nconstinit const unsigned k_count = " << rules.size() << ";\n\n}  // namespace modelaudit::rules\n";
  write_file(header_path, header.str());
  write_file(source_path, source.str());
}

void make_scanners(const std::string& source_path, const std::vector<std::string>& names) {
  std::ostringstream out;
  out << "// Generated: the built-in scanners.\n#include \"modelaudit/scanner.hpp\"\n\nnamespace modelaudit::formats {\n\n";
  for (const std::string& name : names) out << "const Scanner& " << name << "();\n";
  out << "\n}  // namespace modelaudit::formats\n\nnamespace modelaudit::engine {\n\n"
         "extern const Scanner& (*const k_builtin_scanners[])();\nextern const unsigned k_builtin_scanner_count;\n"
         "const Scanner& (*const k_builtin_scanners[])() = {\n";
  for (const std::string& name : names) out << "    &formats::" << name << ",\n";
  out << "    nullptr};\nconstinit const unsigned k_builtin_scanner_count = " << names.size()
      << ";\n\n}  // namespace modelaudit::engine\n";
  write_file(source_path, out.str());
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() >= 3 && args[0] == "rules") {
    make_rules(args[1], args[2], {args.begin() + 3, args.end()});
  } else if (args.size() >= 2 && args[0] == "scanners") {
    make_scanners(args[1], {args.begin() + 2, args.end()});
  } else {
    std::cerr << "usage: tablegen rules OUT.hpp OUT.cpp IN.tsv... | tablegen scanners OUT.cpp NAME...\n";
    return 2;
  }
  return 0;
}
