#include "wire/zip/records.hpp"

#include <algorithm>

namespace modelaudit::wire::zip {

namespace {

constexpr std::uint32_t k_ones32 = 0xFFFFFFFFu;
constexpr std::uint16_t k_ones16 = 0xFFFFu;
constexpr std::uint16_t k_extra_zip64 = 0x0001;

/// The ZIP64 field, 4.5.3: plain size, compressed size, offset, disk; only those that are all ones in the header.
struct Zip64Values {
  Sizes sizes;
  std::optional<Sizes> also;
  std::uint64_t offset = 0;
  std::uint32_t disk = 0;
};

/// A field that repeats what the 32-bit values say already: the full layout, compared.
std::optional<Sizes> contradiction(ByteView body, const Sizes& declared) {
  const auto plain = body.le<std::uint64_t>(0);
  const auto compressed = body.le<std::uint64_t>(8);
  if (!plain || !compressed) return std::nullopt;
  const Sizes other{*compressed, *plain};
  const bool is_padding = other == Sizes{} || declared == Sizes{};  // streamed members: one of the two is zero
  return is_padding || other == declared ? std::nullopt : std::optional(other);
}

void apply_zip64(ByteView body, Zip64Values& values) {
  const bool wants_sizes = values.sizes.plain == k_ones32 || values.sizes.compressed == k_ones32;
  if (!wants_sizes) values.also = contradiction(body, values.sizes);
  std::uint64_t at = 0;
  const auto next64 = [&](std::uint64_t& field) {
    if (const auto value = body.le<std::uint64_t>(at)) {
      field = *value;
      at += 8;
    }
  };
  if (values.sizes.plain == k_ones32) next64(values.sizes.plain);
  if (values.sizes.compressed == k_ones32) next64(values.sizes.compressed);
  if (values.offset == k_ones32) next64(values.offset);
  if (values.disk == k_ones16) {
    if (const auto value = body.le<std::uint32_t>(at)) values.disk = *value;
  }
}

std::uint16_t u16(ByteView fixed, std::uint64_t at) { return fixed.le<std::uint16_t>(at).value_or(0); }
std::uint32_t u32(ByteView fixed, std::uint64_t at) { return fixed.le<std::uint32_t>(at).value_or(0); }
std::uint64_t u64(ByteView fixed, std::uint64_t at) { return fixed.le<std::uint64_t>(at).value_or(0); }

/// Names of real members are text. Bytes above 0x7F are any code page, so only control characters speak against it.
bool looks_like_a_name(ByteView name) {
  if (name.empty()) return false;
  std::uint64_t controls = 0;
  for (std::uint64_t i = 0; i < name.size(); ++i) controls += name[i] < 0x20 || name[i] == 0x7F ? 1 : 0;
  return controls * 8 < name.size();  // one NUL or escape in a name is a trick, not noise
}

void apply_zip64_end(const Source& source, EndRecord& end) {
  const bool wants = end.directory_size == k_ones32 || end.directory_offset == k_ones32;
  if (end.offset < k_zip64_locator_size) return;
  const std::uint64_t locator_at = end.offset - k_zip64_locator_size;
  const ByteView locator = source.bytes(locator_at, k_zip64_locator_size);
  end.zip64_missing = wants;
  if (!locator.starts_with(k_zip64_locator_magic)) return;
  // Where it says, or, when something was put before the archive, directly before the locator.
  const auto record_at = [&](std::uint64_t at) {
    const ByteView record = source.bytes(at, k_zip64_end_size);
    const bool is_record = record.size() == k_zip64_end_size && record.starts_with(k_zip64_end_magic);
    return is_record && at < locator_at ? record : ByteView();
  };
  ByteView record = record_at(u64(locator, 8));
  if (record.empty() && locator_at >= k_zip64_end_size) record = record_at(locator_at - k_zip64_end_size);
  end.zip64_missing = record.empty();
  if (record.empty()) return;

  const EndRecord::Narrow narrow{end.records, end.directory_size, end.directory_offset};
  const auto take = [](std::uint64_t& field, std::uint64_t value, std::uint64_t ones) {
    const bool agrees = field == ones || field == value;
    field = value;
    return agrees;
  };
  take(end.records_here, u64(record, 24), k_ones16);
  bool agrees = take(end.records, u64(record, 32), k_ones16);
  agrees &= take(end.directory_size, u64(record, 40), k_ones32);
  agrees &= take(end.directory_offset, u64(record, 48), k_ones32);
  if (!agrees) end.contradicted = narrow;
  end.zip64_offset = record.offset();
  end.zip64_length = locator_at - record.offset();
}

}  // namespace

bool is_known_method(std::uint16_t method) noexcept {
  return method <= 20 || (method >= 93 && method <= k_aes);
}

std::vector<ExtraField> extra_fields(ByteView extra) {
  std::vector<ExtraField> fields;
  ByteReader reader(extra);
  while (reader.remaining() >= 4) {
    const auto id = reader.le<std::uint16_t>();
    const auto size = reader.le<std::uint16_t>();
    const auto body = reader.try_take(size);
    if (!body) break;
    fields.push_back({id, *body});
  }
  return fields;
}

std::optional<ByteView> find_extra(ByteView extra, std::uint16_t id) {
  ByteReader reader(extra);
  while (reader.remaining() >= 4) {
    const auto found = reader.le<std::uint16_t>();
    const auto size = reader.le<std::uint16_t>();
    const auto body = reader.try_take(size);
    if (!body) break;
    if (found == id) return *body;
  }
  return std::nullopt;
}

std::optional<LocalHeader> read_local(const Source& source, std::uint64_t offset) {
  const ByteView fixed = source.bytes(offset, k_local_size);
  if (fixed.size() < k_local_size || !fixed.starts_with(k_local_magic)) return std::nullopt;
  const std::uint64_t name_length = u16(fixed, 26);
  const std::uint64_t extra_length = u16(fixed, 28);
  const ByteView rest = source.bytes(offset + k_local_size, name_length + extra_length);
  if (rest.size() < name_length) return std::nullopt;
  LocalHeader header;
  header.offset = offset;
  header.need = u16(fixed, 4);
  header.flags = u16(fixed, 6);
  header.method = u16(fixed, 8);
  header.crc = u32(fixed, 14);
  header.sizes = {u32(fixed, 18), u32(fixed, 22)};
  header.name = rest.first(name_length);
  header.extra = rest.clip(name_length, extra_length);
  if (const auto body = find_extra(header.extra, k_extra_zip64)) {
    Zip64Values values{header.sizes, std::nullopt, 0, 0};
    apply_zip64(*body, values);
    header.sizes = values.sizes;
    header.also_sizes = values.also;
    header.zip64 = true;
  }
  return header;
}

bool is_plausible(const LocalHeader& header, std::uint64_t input_size) {
  if ((header.need & 0xFF) > 100 || !is_known_method(header.method)) return false;
  return looks_like_a_name(header.name) && header.data_offset() <= input_size;
}

std::optional<CentralHeader> read_central(ByteView bytes) {
  if (bytes.size() < k_central_size || !bytes.starts_with(k_central_magic)) return std::nullopt;
  CentralHeader header;
  header.offset = bytes.offset();
  header.made_by = u16(bytes, 4);
  header.flags = u16(bytes, 8);
  header.method = u16(bytes, 10);
  header.crc = u32(bytes, 16);
  header.sizes = {u32(bytes, 20), u32(bytes, 24)};
  header.disk = u16(bytes, 34);
  header.attributes = u32(bytes, 38);
  header.local_offset = u32(bytes, 42);
  const std::uint64_t name_length = u16(bytes, 28);
  const std::uint64_t extra_length = u16(bytes, 30);
  const std::uint64_t comment_length = u16(bytes, 32);
  header.name = bytes.clip(k_central_size, name_length);
  header.extra = bytes.clip(k_central_size + name_length, extra_length);
  header.comment = bytes.clip(k_central_size + name_length + extra_length, comment_length);
  if (header.length() != k_central_size + name_length + extra_length + comment_length) return std::nullopt;
  if (const auto body = find_extra(header.extra, k_extra_zip64)) {
    Zip64Values values{header.sizes, std::nullopt, header.local_offset, header.disk};
    apply_zip64(*body, values);
    header.sizes = values.sizes;
    header.also_sizes = values.also;
    header.local_offset = values.offset;
    header.disk = values.disk;
  }
  return header;
}

std::optional<Descriptor> read_descriptor(const Source& source, std::uint64_t offset, const Sizes& sizes, bool zip64) {
  const ByteView bytes = source.bytes(offset, 24);
  const std::uint64_t start = bytes.starts_with(k_descriptor_magic) ? 4 : 0;
  const auto form = [&](bool wide) -> std::optional<Descriptor> {
    const std::uint64_t width = wide ? 8 : 4;
    if (bytes.size() < start + 4 + 2 * width) return std::nullopt;
    const auto size_at = [&](std::uint64_t at) { return wide ? u64(bytes, at) : u32(bytes, at); };
    return Descriptor{offset, start + 4 + 2 * width, u32(bytes, start), {size_at(start + 4), size_at(start + 4 + width)}};
  };
  const auto narrow = form(false);
  const auto wide = form(true);
  const auto agrees = [&](const std::optional<Descriptor>& d) { return d && d->sizes == sizes; };
  if (agrees(wide)) return wide;  // the narrow form of a small member never agrees where the wide one does, unless all is zero
  if (agrees(narrow)) return narrow;
  if (start == 0) return std::nullopt;  // no signature and no agreement: not a descriptor
  return zip64 && wide ? wide : narrow;
}

std::optional<EndRecord> read_end(const Source& source, std::uint64_t offset) {
  const ByteView fixed = source.bytes(offset, k_end_size);
  if (fixed.size() < k_end_size || !fixed.starts_with(k_end_magic)) return std::nullopt;
  EndRecord end;
  end.offset = offset;
  end.disk = u16(fixed, 4);
  end.directory_disk = u16(fixed, 6);
  end.records_here = u16(fixed, 8);
  end.records = u16(fixed, 10);
  end.directory_size = u32(fixed, 12);
  end.directory_offset = u32(fixed, 16);
  end.comment_length = u16(fixed, 20);
  apply_zip64_end(source, end);
  return end;
}

}  // namespace modelaudit::wire::zip
