#include "sources/mlflow_replies.hpp"

#include "modelaudit/error.hpp"
#include "wire/json/reader.hpp"

namespace modelaudit::sources::mlflow {
namespace {

using wire::json::Event;
using wire::json::Reader;

constexpr std::uint32_t k_depth = 32;  // the replies proper need five
constexpr std::uint64_t k_longest_text = std::uint64_t{64} << 10;

[[noreturn]] void refuse(const Reader& in, const char* what) { throw_malformed(Errc::malformed, in.token_offset(), what); }

/// Steps over a value that nobody asked for.
void pass_over(Reader& in) {
  const Event event = in.next();
  if (event == Event::begin_object || event == Event::begin_array) in.skip_container();
}

/// The members of an object that has begun: `take` reads the value of a key that it knows, and returns false for others.
template <typename Take>
void read_members(Reader& in, Take take) {
  while (in.next() == Event::key) {
    if (!take(std::string(in.text()))) pass_over(in);
  }
}

template <typename Take>
void read_object(Reader& in, Take take) {
  if (in.next() != Event::begin_object) refuse(in, "mlflow: something else where an object belongs");
  read_members(in, take);
}

/// A list of objects; `take` reads the members of each.
template <typename Take>
void read_list(Reader& in, std::uint32_t most, Take take) {
  if (in.next() != Event::begin_array) refuse(in, "mlflow: something else where a list belongs");
  for (std::uint32_t count = 0;; ++count) {
    const Event event = in.next();
    if (event == Event::end_array) return;
    if (event != Event::begin_object) refuse(in, "mlflow: something else where an object belongs");
    if (count == most) throw_malformed(Errc::limit, in.token_offset(), "mlflow: more entries than the limit");
    take();
  }
}

/// A text that is there once. Two would let two readers see two things.
void read_text(Reader& in, std::optional<std::string>& into) {
  if (into) refuse(in, "mlflow: a value that is given twice");
  if (in.next() != Event::string) refuse(in, "mlflow: something else where a text belongs");
  into = std::string(in.text());
}

std::string required(const Reader& in, std::optional<std::string> value, const char* what) {
  if (!value || value->empty()) refuse(in, what);
  return *std::move(value);
}

/// Nothing but blanks may follow the reply.
void expect_end(const Reader& in) {
  if (in.rest().text().find_first_not_of(" \t\r\n") != std::string_view::npos) refuse(in, "mlflow: text after the reply");
}

Reader reader_of(std::string_view json) { return Reader(as_view(json), {k_depth, k_longest_text}); }

/// The members of a model version that has begun.
ModelVersion read_version(Reader& in) {
  std::optional<std::string> version;
  std::optional<std::string> run_id;
  read_members(in, [&](const std::string& key) {
    if (key == "version") {
      if (version) refuse(in, "mlflow: a version with two numbers");
      const Event event = in.next();
      if (event != Event::string && event != Event::number) refuse(in, "mlflow: a version that is no number");
      version = std::string(in.text());
    } else if (key == "run_id") {
      read_text(in, run_id);
    } else {
      return false;
    }
    return true;
  });
  const std::string number = required(in, version, "mlflow: a version without a number");
  if (!wire::json::as_u64(number)) refuse(in, "mlflow: a version that is no number");
  return {number, run_id.value_or("")};
}

/// `artifact_uri` of {"<outer>": {"info": {…}}}.
std::string parse_info_root(std::string_view json, const char* outer) {
  Reader in = reader_of(json);
  std::optional<std::string> root;
  read_object(in, [&](const std::string& first) {
    if (first != outer) return false;
    read_object(in, [&](const std::string& second) {
      if (second != "info") return false;
      read_object(in, [&](const std::string& third) {
        if (third != "artifact_uri") return false;
        read_text(in, root);
        return true;
      });
      return true;
    });
    return true;
  });
  expect_end(in);
  return required(in, root, "mlflow: a reply that does not say where the artifacts are");
}

Artifact read_artifact(Reader& in) {
  Artifact artifact;
  std::optional<std::string> path;
  bool told = false;
  read_members(in, [&](const std::string& key) {
    if (key == "path") {
      read_text(in, path);
    } else if (key == "is_dir") {
      if (told || in.next() != Event::boolean) refuse(in, "mlflow: an artifact that is neither file nor folder");
      artifact.folder = in.text() == "true";
      told = true;
    } else if (key == "file_size") {
      const Event event = in.next();
      if (event == Event::null) return true;
      const bool number = event == Event::number || event == Event::string;  // 64-bit numbers may come as text
      const auto size = number ? wire::json::as_u64(in.text()) : std::nullopt;
      if (!size || artifact.size) refuse(in, "mlflow: a size that is no number");
      artifact.size = size;
    } else {
      return false;
    }
    return true;
  });
  artifact.path = required(in, path, "mlflow: an artifact without a path");
  return artifact;
}

}  // namespace

std::string parse_download_uri(std::string_view json) {
  Reader in = reader_of(json);
  std::optional<std::string> uri;
  read_object(in, [&](const std::string& key) {
    if (key != "artifact_uri") return false;
    read_text(in, uri);
    return true;
  });
  expect_end(in);
  return required(in, uri, "mlflow: a reply that does not say where the artifacts are");
}

ModelVersion parse_model_version(std::string_view json) {
  Reader in = reader_of(json);
  std::optional<ModelVersion> version;
  read_object(in, [&](const std::string& key) {
    if (key != "model_version") return false;
    if (version || in.next() != Event::begin_object) refuse(in, "mlflow: a model version that is none");
    version = read_version(in);
    return true;
  });
  expect_end(in);
  if (!version) refuse(in, "mlflow: a reply without a model version");
  return *std::move(version);
}

std::vector<ModelVersion> parse_latest_versions(std::string_view json, std::uint32_t most) {
  Reader in = reader_of(json);
  std::vector<ModelVersion> versions;
  bool listed = false;
  read_object(in, [&](const std::string& key) {
    if (key != "model_versions") return false;
    if (listed) refuse(in, "mlflow: two lists of versions");
    listed = true;
    read_list(in, most, [&] { versions.push_back(read_version(in)); });
    return true;
  });
  expect_end(in);
  return versions;
}

std::string parse_run_root(std::string_view json) { return parse_info_root(json, "run"); }

std::string parse_logged_model_root(std::string_view json) { return parse_info_root(json, "model"); }

ArtifactPage parse_artifacts(std::string_view json, std::uint32_t most) {
  Reader in = reader_of(json);
  ArtifactPage page;
  std::optional<std::string> token;
  bool listed = false;
  read_object(in, [&](const std::string& key) {
    if (key == "next_page_token") {
      read_text(in, token);
      return true;
    }
    if (key != "files") return false;
    if (listed) refuse(in, "mlflow: two lists of files");
    listed = true;
    read_list(in, most, [&] { page.artifacts.push_back(read_artifact(in)); });
    return true;
  });
  expect_end(in);
  page.next_page = token.value_or("");
  return page;
}

}  // namespace modelaudit::sources::mlflow
