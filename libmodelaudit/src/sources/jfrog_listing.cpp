#include "sources/jfrog_listing.hpp"

#include "cache/hex.hpp"
#include "modelaudit/error.hpp"
#include "wire/json/reader.hpp"

namespace modelaudit::sources::jfrog {
namespace {

using wire::json::Event;
using wire::json::Reader;

constexpr std::uint32_t k_depth = 16;                      // the reply proper needs three
constexpr std::uint64_t k_longest_text = std::uint64_t{64} << 10;

[[noreturn]] void refuse(const Reader& in, const char* what) { throw_malformed(Errc::malformed, in.token_offset(), what); }

bool opens(Event event) { return event == Event::begin_object || event == Event::begin_array; }

/// Steps over a value that nobody asked for.
void pass_over(Reader& in) {
  if (opens(in.next())) in.skip_container();
}

std::string text_value(Reader& in, const char* what) {
  if (in.next() != Event::string) refuse(in, what);
  return std::string(in.text());
}

/// "folder": true, or "true" as some versions have it.
bool read_flag(Reader& in) {
  const Event event = in.next();
  if (event != Event::boolean && event != Event::string) refuse(in, "artifactory: a child that is neither file nor folder");
  if (in.text() != "true" && in.text() != "false") refuse(in, "artifactory: a child that is neither file nor folder");
  return in.text() == "true";
}

Child read_child(Reader& in) {
  Child child;
  bool named = false;
  while (in.next() == Event::key) {
    const std::string key(in.text());
    if (key == "uri") {
      if (named) refuse(in, "artifactory: a child with two names");
      child.name = text_value(in, "artifactory: a child whose name is no text");
      if (!child.name.starts_with('/')) refuse(in, "artifactory: a child whose name does not begin with a slash");
      child.name.erase(0, 1);
      named = true;
    } else if (key == "folder") {
      child.folder = read_flag(in);
    } else {
      pass_over(in);
    }
  }
  if (!named) refuse(in, "artifactory: a child without a name");
  return child;
}

std::vector<Child> read_children(Reader& in, std::uint32_t most) {
  if (in.next() != Event::begin_array) refuse(in, "artifactory: children that are no list");
  std::vector<Child> children;
  for (;;) {
    const Event event = in.next();
    if (event == Event::end_array) return children;
    if (event != Event::begin_object) refuse(in, "artifactory: a child that is no object");
    if (children.size() == most) throw_malformed(Errc::limit, in.token_offset(), "artifactory: more entries than the limit");
    children.push_back(read_child(in));
  }
}

std::uint64_t read_size(Reader& in) {
  const Event event = in.next();
  const auto size = event == Event::string || event == Event::number ? wire::json::as_u64(in.text()) : std::nullopt;
  if (!size) refuse(in, "artifactory: a size that is no number");
  return *size;
}

/// Nothing for an empty text: not computed yet.
std::optional<Digest> read_digest(Reader& in) {
  std::string text = text_value(in, "artifactory: a checksum that is no text");
  if (text.empty()) return std::nullopt;
  for (char& c : text) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  }
  const auto digest = cache::digest_from_hex(text);
  if (!digest) refuse(in, "artifactory: a SHA-256 checksum that is none");
  return digest;
}

std::optional<Digest> read_checksums(Reader& in) {
  std::optional<Digest> digest;
  if (in.next() != Event::begin_object) refuse(in, "artifactory: checksums that are no object");
  while (in.next() == Event::key) {
    if (in.text() != "sha256") {
      pass_over(in);
      continue;
    }
    if (digest) refuse(in, "artifactory: two SHA-256 checksums");
    digest = read_digest(in);
  }
  return digest;
}

/// Nothing for a folder, whose size is -1.
std::optional<ListedFile> read_listed(Reader& in) {
  ListedFile file;
  bool named = false;
  bool folder = false;
  while (in.next() == Event::key) {
    const std::string key(in.text());
    if (key == "uri") {
      if (named) refuse(in, "artifactory: a file with two names");
      file.path = text_value(in, "artifactory: a file whose name is no text");
      if (!file.path.starts_with('/')) refuse(in, "artifactory: a file whose name does not begin with a slash");
      file.path.erase(0, 1);
      named = true;
    } else if (key == "folder") {
      folder = read_flag(in);
    } else if (key == "size") {
      const Event event = in.next();
      if (event != Event::string && event != Event::number) refuse(in, "artifactory: a size that is no number");
      file.size = wire::json::as_u64(in.text());
    } else if (key == "sha2") {
      file.sha256 = read_digest(in);
    } else {
      pass_over(in);
    }
  }
  if (!named) refuse(in, "artifactory: a file without a name");
  if (folder) return std::nullopt;
  return file;
}

}  // namespace

std::vector<ListedFile> parse_file_list(std::string_view json, std::uint32_t most_files) {
  Reader in(as_view(json), {k_depth, k_longest_text});
  std::vector<ListedFile> files;
  bool listed = false;
  if (in.next() != Event::begin_object) refuse(in, "artifactory: the reply is no object");
  while (in.next() == Event::key) {
    if (in.text() != "files") {
      pass_over(in);
      continue;
    }
    if (listed) refuse(in, "artifactory: two lists of files");
    listed = true;
    if (in.next() != Event::begin_array) refuse(in, "artifactory: files that are no list");
    for (Event event = in.next(); event != Event::end_array; event = in.next()) {
      if (event != Event::begin_object) refuse(in, "artifactory: a file that is no object");
      auto file = read_listed(in);
      if (!file) continue;
      if (files.size() == most_files) throw_malformed(Errc::limit, in.token_offset(), "artifactory: more entries than the limit");
      files.push_back(*std::move(file));
    }
  }
  if (in.rest().text().find_first_not_of(" \t\r\n") != std::string_view::npos) refuse(in, "artifactory: text after the reply");
  if (!listed) refuse(in, "artifactory: a reply that lists no files");
  return files;
}

StorageInfo parse_storage_info(std::string_view json, std::uint32_t most_children) {
  Reader in(as_view(json), {k_depth, k_longest_text});
  StorageInfo info;
  bool identified = false;
  if (in.next() != Event::begin_object) refuse(in, "artifactory: the reply is no object");
  while (in.next() == Event::key) {
    const std::string key(in.text());
    if (key == "children") {
      if (info.folder) refuse(in, "artifactory: two lists of children");
      info.folder = true;
      info.children = read_children(in, most_children);
    } else if (key == "size") {
      if (info.size) refuse(in, "artifactory: two sizes");
      info.size = read_size(in);
    } else if (key == "checksums") {
      info.sha256 = read_checksums(in);
    } else {
      identified = identified || key == "repo" || key == "uri";
      pass_over(in);
    }
  }
  if (in.rest().text().find_first_not_of(" \t\r\n") != std::string_view::npos) refuse(in, "artifactory: text after the reply");
  if (!identified) refuse(in, "artifactory: a reply that names no repository");
  return info;
}

}  // namespace modelaudit::sources::jfrog
