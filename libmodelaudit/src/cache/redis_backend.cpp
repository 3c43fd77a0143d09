#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <mutex>
#include <unordered_set>

#include "cache/envelope.hpp"
#include "cache/hex.hpp"
#include "cache/redis_breaker.hpp"
#include "cache/redis_connection.hpp"
#include "cache/totals.hpp"
#include "modelaudit/bytes.hpp"
#include "modelaudit/redis.hpp"

namespace modelaudit {
namespace {

using cache::RedisClock;
using cache::RedisCommand;
using cache::RedisConnection;
using cache::RedisReply;
using Kind = RedisReply::Kind;

constexpr std::size_t k_kept_connections = 16;
constexpr std::uint64_t k_protocol_bytes = 4096;                          // around a value
constexpr std::uint64_t k_listing_bytes = std::uint64_t{4} << 20;         // of one part of a listing
constexpr const char* k_keys_at_once = "1000";
constexpr std::size_t k_most_parts = std::size_t{1} << 18;                // a listing that goes on is no listing
constexpr std::size_t k_longest_prefix = 200;

constexpr Failure k_refused{Errc::io_error, 0, "cache: the server refuses the command"};
constexpr const char* k_slow = "cache: the server answers too slowly";
constexpr Failure k_unexpected{Errc::io_error, 0, "cache: the server answers something else than was asked"};

/// The fields of the totals: a hash beside the records.
constexpr std::array<std::pair<std::string_view, std::uint64_t cache::Counts::*>, 8> k_totals{{
    {"hits", &cache::Counts::hits},
    {"trace_hits", &cache::Counts::trace_hits},
    {"misses", &cache::Counts::misses},
    {"bypassed", &cache::Counts::bypassed},
    {"rejected", &cache::Counts::rejected},
    {"backend_failures", &cache::Counts::backend_failures},
    {"bytes_hashed", &cache::Counts::bytes_hashed},
    {"time_saved_us", &cache::Counts::time_saved_us},
}};

std::int64_t now_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

void check(const RedisOptions& options) {
  const auto refuse = [](const char* why) { throw Error(std::string("the options of the Redis cache: ") + why); };
  const auto zero = std::chrono::milliseconds{0};
  if (options.connect_timeout <= zero || options.command_timeout <= zero) refuse("a time limit is not positive");
  if (options.pause < zero) refuse("the pause is negative");
  if (options.max_age && options.max_age->count() <= 0) refuse("the age limit is not positive");
  if (!options.user.empty() && options.password.empty()) refuse("a user without a password");
  const bool plain = std::all_of(options.prefix.begin(), options.prefix.end(), [](char c) {
    return c > ' ' && c < 0x7F && std::string_view("*?[]\\^").find(c) == std::string_view::npos;
  });
  if (options.prefix.empty() || options.prefix.size() > k_longest_prefix || !plain) {
    refuse("the prefix is empty, longer than 200 characters, or holds blanks or one of *?[]\\^");
  }
}

/// What a server says of one key: its length, its idle time and its time to live.
CacheEntryInfo entry_of(const Digest& key, std::span<const RedisReply> facts, const RedisOptions& options) {
  CacheEntryInfo entry{key, 0, now_s()};
  if (facts[0].kind == Kind::number && facts[0].number > 0) entry.bytes = static_cast<std::uint64_t>(facts[0].number);
  const auto past = [&](std::int64_t age_s) { entry.last_used_s -= std::clamp<std::int64_t>(age_s, 0, entry.last_used_s); };
  if (facts[1].kind == Kind::number) {
    past(facts[1].number);
  } else if (facts[2].kind == Kind::number && facts[2].number >= 0 && options.max_age) {
    past(options.max_age->count() - std::min<std::int64_t>(facts[2].number, options.max_age->count()));
  }
  return entry;
}

class RedisBackend final : public CacheBackend, public cache::TotalsKeeper {
 public:
  explicit RedisBackend(RedisOptions options)
      : options_(std::move(options)),
        age_limit_(options_.max_age ? std::to_string(options_.max_age->count()) : std::string()),
        breaker_(options_) {}

  Result<std::optional<std::vector<std::byte>>> get(const Digest& key) override {
    // Not GET: a value that somebody else put there may be 512 MB long. One byte more than we take tells.
    static const std::string last = std::to_string(cache::k_max_record_size);
    const auto reply = ask({"GETRANGE", name_of(key), "0", last}, cache::k_max_record_size + k_protocol_bytes);
    if (!reply) return reply.error();
    if (reply->kind == Kind::error) {
      if (reply->text.starts_with("WRONGTYPE")) return Failure{Errc::malformed, 0, "cache: the key holds no record"};
      return k_refused;
    }
    if (reply->kind != Kind::text) return k_unexpected;
    if (reply->text.empty()) return std::optional<std::vector<std::byte>>{};
    if (reply->text.size() > cache::k_max_record_size) return Failure{Errc::malformed, 0, "cache: record too long"};
    const auto bytes = as_view(reply->text).span();
    return std::optional(std::vector<std::byte>(bytes.begin(), bytes.end()));
  }

  Result<void> put(const Digest& key, std::span<const std::byte> record) override {
    if (record.size() > cache::k_max_record_size) return Failure{Errc::limit, 0, "cache: record too long"};
    const std::string name = name_of(key);
    RedisCommand command{"SET", name, ByteView(record).text()};
    if (!age_limit_.empty()) command.insert(command.end(), {"EX", age_limit_});
    const auto reply = ask(command, k_protocol_bytes);
    if (!reply) return reply.error();
    if (reply->kind == Kind::error) return k_refused;
    return reply->kind == Kind::text ? Result<void>() : k_unexpected;
  }

  Result<void> erase(const Digest& key) override {
    const auto reply = ask({"UNLINK", name_of(key)}, k_protocol_bytes);
    if (!reply) return reply.error();
    if (reply->kind == Kind::error) return k_refused;
    return reply->kind == Kind::number ? Result<void>() : k_unexpected;
  }

  Result<void> for_each(const std::function<bool(const CacheEntryInfo&)>& visit) override {
    std::unordered_set<std::string> seen;  // a listing may name a key twice
    std::string cursor = "0";
    std::size_t parts = 0;
    do {
      auto names = list_part(cursor);
      if (!names) return names.error();
      std::erase_if(*names, [&](const std::string& name) { return !seen.insert(name).second; });
      if (++parts > k_most_parts) return Failure{Errc::limit, 0, "cache: the server lists without end"};
      const auto entries = entries_of(*names);
      if (!entries) return entries.error();
      for (const CacheEntryInfo& entry : *entries) {
        if (!visit(entry)) return {};
      }
    } while (cursor != "0");
    return {};
  }

  Result<BackendStats> stats() override {
    BackendStats total;
    const auto counted = for_each([&](const CacheEntryInfo& entry) {
      ++total.entries;
      total.bytes += entry.bytes;
      return true;
    });
    if (!counted) return counted.error();
    return total;
  }

  Result<void> add_totals(const cache::Counts& counts) override {
    std::vector<std::string> amounts;
    for (const auto& [field, member] : k_totals) amounts.push_back(std::to_string(static_cast<std::int64_t>(counts.*member)));
    const std::string name = options_.prefix + "totals";
    std::vector<RedisCommand> commands;
    for (std::size_t i = 0; i < k_totals.size(); ++i) {
      if (amounts[i] != "0") commands.push_back({"HINCRBY", name, k_totals[i].first, amounts[i]});
    }
    if (commands.empty()) return {};
    const auto replies = ask_all(commands, k_protocol_bytes);
    return replies ? Result<void>() : replies.error();
  }

  cache::Counts read_totals() override {
    cache::Counts totals;
    RedisCommand command{"HMGET"};
    const std::string name = options_.prefix + "totals";
    command.push_back(name);
    for (const auto& [field, member] : k_totals) command.push_back(field);
    const auto reply = ask(command, k_protocol_bytes);
    if (!reply || reply->items.size() != k_totals.size()) return totals;
    for (std::size_t i = 0; i < k_totals.size(); ++i) {
      const std::string& text = reply->items[i].text;
      std::uint64_t value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error == std::errc{} && end == text.data() + text.size()) totals.*k_totals[i].second = value;
    }
    return totals;
  }

 private:
  std::string name_of(const Digest& key) const { return options_.prefix + cache::to_hex(key); }

  /// One part of the listing: the names that are ours. Moves the cursor on; "0" is the end.
  Result<std::vector<std::string>> list_part(std::string& cursor) {
    auto reply = ask({"SCAN", cursor, "MATCH", options_.prefix + "*", "COUNT", k_keys_at_once}, k_listing_bytes);
    if (!reply) return reply.error();
    if (reply->kind == Kind::error) return k_refused;
    if (reply->kind != Kind::list || reply->items.size() != 2 || reply->items[0].kind != Kind::text) return k_unexpected;
    cursor = reply->items[0].text;
    std::vector<std::string> names;
    for (RedisReply& item : reply->items[1].items) {
      if (key_of(item.text)) names.push_back(std::move(item.text));
    }
    return names;
  }

  /// The key behind a name of our own making.
  std::optional<Digest> key_of(std::string_view name) const {
    if (!name.starts_with(options_.prefix)) return std::nullopt;
    return cache::digest_from_hex(name.substr(options_.prefix.size()));
  }

  Result<std::vector<CacheEntryInfo>> entries_of(const std::vector<std::string>& names) {
    constexpr std::size_t k_questions = 3;
    std::vector<CacheEntryInfo> entries;
    if (names.empty()) return entries;
    std::vector<RedisCommand> commands;
    for (const std::string& name : names) {
      commands.insert(commands.end(), {{"STRLEN", name}, {"OBJECT", "IDLETIME", name}, {"TTL", name}});
    }
    const auto facts = ask_all(commands, k_listing_bytes);
    if (!facts) return facts.error();
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto key = key_of(names[i]);
      entries.push_back(entry_of(*key, std::span(*facts).subspan(k_questions * i, k_questions), options_));
    }
    return entries;
  }

  Result<RedisReply> ask(const RedisCommand& command, std::uint64_t max_bytes) {
    auto replies = ask_all(std::span(&command, 1), max_bytes);
    if (!replies) return replies.error();
    return std::move(replies->front());
  }

  Result<std::vector<RedisReply>> ask_all(std::span<const RedisCommand> commands, std::uint64_t max_bytes) {
    const auto begun = RedisClock::now();
    if (!breaker_.allows(begun)) return Failure{Errc::io_error, 0, why_resting_.load()};
    auto replies = exchange(commands, max_bytes);
    const auto now = RedisClock::now();
    if (replies) {
      why_resting_ = k_slow;
      breaker_.answered(now, now - begun);
    } else {
      why_resting_ = replies.error().what;
      breaker_.failed(now);
    }
    return replies;
  }

  /// Over a connection that was used before, else over a new one. Servers close connections that were long idle.
  Result<std::vector<RedisReply>> exchange(std::span<const RedisCommand> commands, std::uint64_t max_bytes) {
    if (auto kept = take_kept()) {
      auto replies = kept->run(commands, max_bytes, RedisClock::now() + options_.command_timeout);
      if (replies) keep(std::move(kept));
      if (replies || replies.error().code != Errc::io_error) return replies;
    }
    auto opened = RedisConnection::open(options_, RedisClock::now() + options_.connect_timeout);
    if (!opened) return opened.error();
    auto replies = (*opened)->run(commands, max_bytes, RedisClock::now() + options_.command_timeout);
    if (replies) keep(std::move(*opened));
    return replies;
  }

  std::unique_ptr<RedisConnection> take_kept() {
    const std::lock_guard lock(mutex_);
    // A forked process must not share its parent's connections; closing its copies does the parent no harm.
    if (owner_ != getpid()) kept_.clear();
    owner_ = getpid();
    while (!kept_.empty()) {
      auto connection = std::move(kept_.back());
      kept_.pop_back();
      if (connection->is_quiet()) return connection;
    }
    return nullptr;
  }

  void keep(std::unique_ptr<RedisConnection> connection) {
    const std::lock_guard lock(mutex_);
    if (kept_.size() < k_kept_connections && owner_ == getpid()) kept_.push_back(std::move(connection));
  }

  const RedisOptions options_;
  const std::string age_limit_;  ///< seconds; empty: none
  cache::RedisBreaker breaker_;
  std::atomic<const char*> why_resting_{k_slow};  ///< a literal
  std::mutex mutex_;
  std::vector<std::unique_ptr<RedisConnection>> kept_;
  pid_t owner_ = getpid();
};

}  // namespace

std::shared_ptr<CacheBackend> make_redis_cache(const RedisOptions& options) {
  check(options);
  (void)cache::redis_library();
  return std::make_shared<RedisBackend>(options);
}

}  // namespace modelaudit
