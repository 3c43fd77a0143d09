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
      if (in.next() != Event::boolean) refuse(in, "artifactory: a child that is neither file nor folder");
      child.folder = in.text() == "true";
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

std::optional<Digest> read_sha256(Reader& in) {
  std::optional<Digest> digest;
  if (in.next() != Event::begin_object) refuse(in, "artifactory: checksums that are no object");
  while (in.next() == Event::key) {
    if (in.text() != "sha256") {
      pass_over(in);
      continue;
    }
    std::string text = text_value(in, "artifactory: a checksum that is no text");
    for (char& c : text) {
      if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    }
    if (digest) refuse(in, "artifactory: two SHA-256 checksums");
    if (text.empty()) continue;  // not computed yet
    digest = cache::digest_from_hex(text);
    if (!digest) refuse(in, "artifactory: a SHA-256 checksum that is none");
  }
  return digest;
}

}  // namespace

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
      info.sha256 = read_sha256(in);
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
