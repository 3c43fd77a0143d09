#include "cache/store.hpp"

#include <exception>

#include "io/sha256.hpp"

namespace modelaudit::cache {
namespace {

// A backend that failed so often in a row (full disk, read-only, a dead server) is not asked again by this run.
constexpr unsigned k_give_up_after = 8;
// What is asked of the same bytes differs with the file's name (a scanner that knows ".pt" asks for no other suffix) and
// with what lies beside it; more ways are not expected.
constexpr std::size_t k_slots = 32;

/// A backend of a host's may throw; that is a failure of the backend, never of the scan.
template <typename Call>
auto guarded(Call call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::exception&) {
    return Failure{Errc::io_error, 0, "cache: the backend threw"};
  }
}

bool is_damage(const Failure& failure) {
  return failure.code == Errc::refused || failure.code == Errc::malformed || failure.code == Errc::unsupported;
}

}  // namespace

std::optional<TracedResult> Store::find(const Digest& key, std::string_view shown_path) {
  if (failed_gets_ >= k_give_up_after) return std::nullopt;
  auto found = guarded([&] { return results_.find(key, shown_path); });
  if (!found) {
    count_failure(found.error());
    failed_gets_ = is_damage(found.error()) ? 0 : failed_gets_ + 1;
    return std::nullopt;
  }
  failed_gets_ = 0;
  return *std::move(found);
}

void Store::put(const Digest& key, const TracedResult& entry) {
  if (failed_puts_ >= k_give_up_after) return;
  const auto size = guarded([&] { return results_.store(key, entry); });
  if (size) {
    counts_.stored_bytes += static_cast<std::int64_t>(*size);
    failed_puts_ = 0;
  } else if (size.error().code != Errc::limit) {
    count_failure(size.error());
    ++failed_puts_;
  }
}

void Store::count_failure(const Failure& failure) {
  ++(is_damage(failure) ? counts_.rejected : counts_.backend_failures);
  if (!is_damage(failure)) last_failure_ = failure.what;
}

std::optional<TracedResult> Candidates::find(Replay& replay) {
  for (std::size_t at = 0; at < k_slots; ++at) {
    TracedResult* first = slot(at);
    if (first == nullptr) return std::nullopt;
    auto now = replay.observe(first->trace);
    if (!now) continue;
    const Digest observations = observations_of(*now, scope_);
    if (observations == observations_of(first->trace, scope_)) {
      return TracedResult{std::move(first->result), *std::move(now)};
    }
    auto other = store_.find(observed_key(observations), shown_path_);
    // The key says so already; comparing once more costs nothing.
    if (!other || observations_of(other->trace, scope_) != observations) continue;
    return TracedResult{std::move(other->result), *std::move(now)};
  }
  return std::nullopt;
}

void Candidates::put(const TracedResult& entry) {
  const auto lock = store_.lock(key_);
  end_known_ = false;  // another thread may have come first
  for (std::size_t at = 0; at < k_slots; ++at) {
    const TracedResult* first = slot(at);
    if (first == nullptr) return store_.put(slot_key(at), entry);
    if (!same_recipe(first->trace, entry.trace, scope_)) continue;
    const Digest observations = observations_of(entry.trace, scope_);
    const bool is_first = observations == observations_of(first->trace, scope_);
    return store_.put(is_first ? slot_key(at) : observed_key(observations), entry);
  }
  store_.put(slot_key(k_slots - 1), entry);
}

TracedResult* Candidates::slot(std::size_t at) {
  if (at < slots_.size()) return &slots_[at];
  if (end_known_) return nullptr;
  auto found = store_.find(slot_key(at), shown_path_);
  if (!found) {
    end_known_ = true;
    return nullptr;
  }
  slots_.push_back(*std::move(found));
  return &slots_.back();
}

Digest Candidates::slot_key(std::size_t at) const {
  return io::FieldHasher("modelaudit slot 1").digest(key_).number(std::uint64_t{at}).finish();
}

Digest Candidates::observed_key(const Digest& observations) const {
  return io::FieldHasher("modelaudit observed 1").digest(key_).digest(observations).finish();
}

}  // namespace modelaudit::cache
