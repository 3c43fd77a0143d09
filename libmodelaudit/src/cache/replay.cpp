#include "cache/replay.hpp"

#include <algorithm>

#include "cache/identity.hpp"
#include "io/beside.hpp"
#include "io/range_digest.hpp"

namespace modelaudit::cache {
namespace {

namespace fs = std::filesystem;

// More than any scan could have been told of, Limits::siblings.
constexpr std::size_t k_most_names = 1'000'000;

void hash_ranges(io::FieldHasher& hash, const std::vector<ByteRange>& ranges) {
  hash.number(std::uint64_t{ranges.size()});
  for (const ByteRange& range : ranges) hash.number(range.offset).number(range.length);
}

std::uint64_t total(const std::vector<ByteRange>& ranges) {
  std::uint64_t sum = 0;
  for (const ByteRange& range : ranges) sum += range.length;
  return sum;
}

std::string lowered(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

template <typename T, typename Same>
bool same_lists(const std::vector<T>& a, const std::vector<T>& b, Same same) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

}  // namespace

Digest observations_of(const Trace& trace, Scope scope) {
  io::FieldHasher hash("modelaudit observations 1");
  if (scope == Scope::ranges) {
    hash_ranges(hash, trace.ranges);
    hash.digest(trace.digest);
  }
  hash.number(std::uint64_t{trace.questions.size()});
  for (const NameQuestion& question : trace.questions) hash.text(question.suffix).number(std::uint64_t{question.answer});
  hash.number(std::uint64_t{trace.companions.size()});
  for (const Companion& companion : trace.companions) {
    hash.text(companion.relative_path).number(std::uint64_t{companion.existed}).number(companion.identity.size);
    hash_ranges(hash, companion.ranges);
    hash.digest(companion.digest);
  }
  hash.number(std::uint64_t{trace.listings.size()});
  for (const Listing& listing : trace.listings) {
    hash.text(listing.relative_path).text(listing.pattern).number(std::uint64_t{listing.names.size()});
    for (const std::string& name : listing.names) hash.text(name);
  }
  return hash.finish();
}

bool same_recipe(const Trace& a, const Trace& b, Scope scope) {
  return (scope == Scope::content || a.ranges == b.ranges) &&
         same_lists(a.questions, b.questions,
                    [](const NameQuestion& x, const NameQuestion& y) { return x.suffix == y.suffix; }) &&
         same_lists(a.companions, b.companions,
                    [](const Companion& x, const Companion& y) {
                      return x.relative_path == y.relative_path && x.existed == y.existed && x.ranges == y.ranges;
                    }) &&
         same_lists(a.listings, b.listings, [](const Listing& x, const Listing& y) {
           return x.relative_path == y.relative_path && x.pattern == y.pattern;
         });
}

std::optional<Trace> Replay::observe(const Trace& recipe) {
  Trace now = recipe;
  const std::string name = lowered(absolute_.filename().string());
  for (NameQuestion& question : now.questions) question.answer = name.ends_with(question.suffix);
  if (fd_ < 0 && (!now.companions.empty() || !now.listings.empty())) return std::nullopt;
  for (Listing& listing : now.listings) {
    if (!observe_listing(listing)) return std::nullopt;
  }
  for (Companion& companion : now.companions) {
    if (!observe_companion(companion)) return std::nullopt;
  }
  if (scope_ == Scope::content) return now;
  const auto digest = digest_of(now.ranges);
  if (!digest) return std::nullopt;
  now.digest = *digest;
  return now;
}

std::optional<Digest> Replay::digest_of(const std::vector<ByteRange>& ranges) {
  for (const auto& [known, digest] : known_) {
    if (known == ranges) return digest;
  }
  const auto digest = io::digest_of_ranges(fd_, ranges);
  if (!digest) return std::nullopt;
  bytes_hashed_ += total(ranges);
  known_.emplace_back(ranges, *digest);
  return *digest;
}

bool Replay::observe_companion(Companion& companion) {
  const auto fd = io::open_beside(folder(), companion.relative_path);
  // To a scan, what is no file beside the model is not there.
  if (!fd) return !companion.existed && fd.error().code != Errc::io_error;
  if (!companion.existed) return false;
  const auto before = io::identity_of(fd->get());
  const auto digest = io::digest_of_ranges(fd->get(), companion.ranges);
  const auto after = io::identity_of(fd->get());
  if (!before || !digest || !after || !same_file_state(*before, *after)) return false;
  bytes_hashed_ += total(companion.ranges);
  companion.digest = *digest;
  companion.identity = *before;
  return true;
}

bool Replay::observe_listing(Listing& listing) {
  auto names = io::names_beside(folder(), listing.relative_path, listing.pattern, k_most_names);
  if (!names) return false;
  listing.names = *std::move(names);
  return true;
}

const io::Descriptor& Replay::folder() {
  if (!folder_) {
    if (auto opened = io::open_folder(absolute_.parent_path())) folder_ = std::move(*opened);
  }
  return folder_;
}

}  // namespace modelaudit::cache
