#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <zlib.h>

namespace modelaudit::test {

/// Little-endian integers as bytes.
template <typename T>
std::string le(T value) {
  std::string out;
  for (std::size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<char>((static_cast<std::uint64_t>(value) >> (8 * i)) & 0xFF));
  return out;
}

inline std::uint32_t crc32_of(std::string_view text) {
  uLong crc = 0;
  for (const char c : text) {
    const auto byte = static_cast<Bytef>(c);
    crc = crc32_z(crc, &byte, 1);
  }
  return static_cast<std::uint32_t>(crc);
}

/// One member; fields that are set lie.
struct ZipMember {
  std::string name;
  std::string data;
  std::uint16_t method = 0;
  std::uint16_t flags = 0;
  std::optional<std::string> local_name = {};
  std::optional<std::uint16_t> local_method = {};
  std::optional<std::uint16_t> local_flags = {};
  std::optional<std::uint32_t> crc = {};
  std::optional<std::uint32_t> compressed = {};
  std::optional<std::uint32_t> local_compressed = {};
  std::optional<std::uint32_t> plain = {};
  std::string extra = {};
  std::uint32_t attributes = 0;
  std::uint16_t made_by = 0x0314;
  bool streamed = false;   ///< sizes in a descriptor behind the data
  bool listed = true;      ///< in the directory
  bool present = true;     ///< in the file
};

/// Bytes of an archive, written record by record so that every lie stays.
struct ZipBuilder {
  std::string bytes = {};
  std::string directory = {};
  std::uint16_t count = 0;

  ZipBuilder& add(const ZipMember& m) {
    const std::uint32_t crc = m.crc.value_or(crc32_of(m.data));
    const auto size = static_cast<std::uint32_t>(m.data.size());
    const std::uint32_t compressed = m.compressed.value_or(size);
    const std::uint32_t plain = m.plain.value_or(size);
    const std::string name = m.local_name.value_or(m.name);
    const auto offset = static_cast<std::uint32_t>(bytes.size());
    const auto flags = static_cast<std::uint16_t>(m.flags | (m.streamed ? 8 : 0));
    if (m.present) {
      bytes += "PK\x03\x04" + le<std::uint16_t>(20) + le(m.local_flags.value_or(flags)) + le(m.local_method.value_or(m.method)) +
               le<std::uint32_t>(0) + le<std::uint32_t>(m.streamed ? 0 : crc) +
               le<std::uint32_t>(m.streamed ? 0 : m.local_compressed.value_or(compressed)) + le<std::uint32_t>(m.streamed ? 0 : plain) +
               le(static_cast<std::uint16_t>(name.size())) + le(static_cast<std::uint16_t>(m.extra.size())) + name + m.extra + m.data;
      if (m.streamed) bytes += "PK\x07\x08" + le(crc) + le(compressed) + le(plain);
    }
    if (m.listed) {
      directory += "PK\x01\x02" + le(m.made_by) + le<std::uint16_t>(20) + le(flags) + le(m.method) + le<std::uint32_t>(0) + le(crc) +
                   le(compressed) + le(plain) + le(static_cast<std::uint16_t>(m.name.size())) +
                   le(static_cast<std::uint16_t>(m.extra.size())) + le<std::uint16_t>(0) + le<std::uint16_t>(0) + le<std::uint16_t>(0) +
                   le(m.attributes) + le(offset) + m.name + m.extra;
      ++count;
    }
    return *this;
  }

  /// The archive with its directory, end record and comment.
  std::string finish(const std::string& comment = "", std::optional<std::uint16_t> declared = {}) const {
    const std::uint16_t n = declared.value_or(count);
    return bytes + directory + "PK\x05\x06" + le<std::uint32_t>(0) + le(n) + le(n) + le(static_cast<std::uint32_t>(directory.size())) +
           le(static_cast<std::uint32_t>(bytes.size())) + le(static_cast<std::uint16_t>(comment.size())) + comment;
  }
};

/// An archive of stored members.
inline std::string zip_of(const std::vector<ZipMember>& members) {
  ZipBuilder builder;
  for (const ZipMember& member : members) builder.add(member);
  return builder.finish();
}

/// Raw deflate.
inline std::string deflated(std::string_view text) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
  std::vector<Bytef> in;
  for (const char c : text) in.push_back(static_cast<Bytef>(c));
  std::vector<Bytef> out(deflateBound(&stream, static_cast<uLong>(in.size())) + 16);
  stream.next_in = in.data();
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  std::string result;
  for (uLong i = 0; i < stream.total_out; ++i) result.push_back(static_cast<char>(out[i]));
  deflateEnd(&stream);
  return result;
}

/// A pickle whose loading calls os.system, protocol 2.
inline std::string evil_pickle() {
  return std::string("\x80\x02") + "cposix\nsystem\nU\x04true\x85R.";
}
/// A pickle of an empty dict.
inline std::string plain_pickle() { return std::string("\x80\x02}."); }

}  // namespace modelaudit::test
