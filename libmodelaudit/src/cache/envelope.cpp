#include "cache/envelope.hpp"

#include "io/sha256.hpp"

namespace modelaudit::cache {
namespace {

constexpr std::string_view k_magic("MAUDIT\x1A\n", 8);
constexpr std::uint32_t k_version = 1;
constexpr std::uint64_t k_mac_size = 32;
constexpr std::size_t k_max_producer = 255;

template <std::unsigned_integral T>
void append_le(std::vector<std::byte>& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<std::byte>(value >> (8 * i)));
}

void append(std::vector<std::byte>& out, std::span<const std::byte> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

bool equal(ByteView bytes, const Digest& digest) {
  Digest other{};
  for (std::size_t i = 0; i < other.size(); ++i) other[i] = bytes[i];
  return io::same_digest(other, digest);
}

}  // namespace

std::vector<std::byte> seal(const Digest& secret, const Digest& key, std::string_view producer, ByteView payload) {
  producer = producer.substr(0, k_max_producer);
  std::vector<std::byte> record;
  record.reserve(k_magic.size() + 4 + 1 + producer.size() + key.size() + 8 + payload.size() + k_mac_size);
  append(record, as_view(k_magic).span());
  append_le(record, k_version);
  append_le(record, static_cast<std::uint8_t>(producer.size()));
  append(record, as_view(producer).span());
  append(record, std::as_bytes(std::span(key)));
  append_le(record, payload.size());
  append(record, payload.span());
  const Digest mac = io::hmac_sha256(secret, record);
  append(record, std::as_bytes(std::span(mac)));
  return record;
}

Result<ByteView> unseal(const Digest& secret, const Digest& key, std::string_view producer, ByteView record) {
  constexpr Failure malformed{Errc::malformed, 0, "cache: not a whole record"};
  if (record.size() > k_max_record_size || record.size() < k_mac_size) return malformed;
  ByteReader in(record.first(record.size() - k_mac_size));
  const auto magic = in.try_take(k_magic.size());
  const auto version = in.try_le<std::uint32_t>();
  if (!magic || magic->text() != k_magic || !version || *version != k_version) return malformed;

  const auto signed_part = record.first(record.size() - k_mac_size);
  if (!equal(record.from(signed_part.size()), io::hmac_sha256(secret, signed_part.span()))) {
    return Failure{Errc::refused, signed_part.size(), "cache: record with a wrong authentication code"};
  }
  const auto producer_size = in.try_le<std::uint8_t>();
  if (!producer_size) return malformed;
  const auto made_by = in.try_take(*producer_size);
  const auto stored_key = in.try_take(key.size());
  const auto length = in.try_le<std::uint64_t>();
  if (!made_by || !stored_key || !length || *length != in.remaining()) return malformed;
  if (!equal(*stored_key, key)) return Failure{Errc::refused, 0, "cache: record of another key"};
  if (made_by->text() != producer.substr(0, k_max_producer)) {
    return Failure{Errc::unsupported, 0, "cache: record of another build"};
  }
  return in.rest();
}

}  // namespace modelaudit::cache
