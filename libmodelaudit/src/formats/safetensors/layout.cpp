#include "formats/safetensors/layout.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "modelaudit/error.hpp"
#include "wire/json/reader.hpp"
#include "wire/names/name_set.hpp"

namespace modelaudit::formats::safetensors_layout {
namespace {

using wire::json::Event;
using wire::json::Quirk;
using wire::json::Reader;

struct DtypeRow {
  std::string_view name;
  std::uint32_t bits;
};

// `Dtype` of the reference implementation, version 0.8.
constexpr std::array<DtypeRow, 22> k_dtypes{{
    {"F32", 32},        {"F16", 16},    {"BF16", 16},      {"I64", 64},    {"I32", 32},    {"I16", 16},
    {"I8", 8},          {"U8", 8},      {"BOOL", 8},       {"F64", 64},    {"U16", 16},    {"U32", 32},
    {"U64", 64},        {"C64", 64},    {"F8_E4M3", 8},    {"F8_E5M2", 8}, {"F8_E8M0", 8}, {"F4", 4},
    {"F8_E4M3FNUZ", 8}, {"F6_E2M3", 6}, {"F8_E5M2FNUZ", 8}, {"F6_E3M2", 6},
}};


// One tensor entry while it is read.
struct Entry {
  enum Field : std::uint8_t { dtype = 1, shape = 2, data_offsets = 4, all = 7 };

  std::uint8_t seen = 0;
  std::uint8_t bad = 0;
  std::optional<std::uint32_t> bits;
  bool bytewise = false;
  std::optional<std::uint64_t> elements;  // nothing: overflow
  Tensor tensor;
};

class HeaderParser {
 public:
  HeaderParser(ByteView json, Budget& budget, MemoryCharge& charge, HeaderObserver& observer)
      : json_(json), reader_(json), budget_(budget), charge_(charge), observer_(observer), names_(budget) {}

  Header parse() {
    if (reader_.next() != Event::begin_object) {
      throw_malformed(Errc::malformed, json_.offset(), "safetensors: header is not a JSON object");
    }
    header_.quirks.json_begin = reader_.token_offset();
    while (reader_.next() == Event::key) {
      if ((++items_ & 0xFFF) == 0) budget_.checkpoint();
      const std::uint64_t at = reader_.token_offset();
      name_.assign(reader_.text());
      if (name_ == "__metadata__") {
        if (!names_.insert(name_)) problem(Problem::duplicate_metadata, at);
        read_metadata();
      } else {
        if (!names_.insert(name_)) problem(Problem::duplicate_tensor, at);
        observer_.on_tensor(name_, at);
        read_entry(at);
      }
    }
    header_.quirks.json_end = reader_.rest().offset();
    header_.quirks.byte_order_mark = reader_.quirk(Quirk::byte_order_mark);
    for (const Quirk quirk : {Quirk::invalid_utf8, Quirk::lone_surrogate, Quirk::control_character, Quirk::non_finite}) {
      if (!header_.quirks.invalid_text) header_.quirks.invalid_text = reader_.quirk(quirk);
    }
    return std::move(header_);
  }

 private:
  void problem(Problem what, std::uint64_t offset) { observer_.on_problem(what, name_, offset); }

  // Leaves a value that is of no use behind; the reader stands on its first event.
  void skip(Event event) {
    if (event != Event::begin_object && event != Event::begin_array) return;
    const std::uint64_t at = reader_.token_offset();
    std::uint32_t deepest = reader_.depth();
    const std::uint32_t outer = deepest;
    while (reader_.depth() >= outer) {
      const Event inner = reader_.next();
      if (inner == Event::string) observer_.on_text(name_, reader_.text(), reader_.token_offset());
      if (reader_.depth() > deepest) {
        deepest = reader_.depth();
        if (deepest == k_legal_depth + 2) problem(Problem::deep, at);  // told at once: the limit may come next
      }
    }
  }

  static Problem not_text(Event event) {
    return event == Event::begin_object || event == Event::begin_array ? Problem::metadata_nested : Problem::metadata_type;
  }

  void read_metadata() {
    const Event event = reader_.next();
    if (event != Event::begin_object) {
      problem(not_text(event), reader_.token_offset());
      if (event == Event::string) observer_.on_text(name_, reader_.text(), reader_.token_offset());
      return skip(event);
    }
    wire::NameSet keys(budget_);
    while (reader_.next() == Event::key) {
      name_.assign(reader_.text());
      if (!keys.insert(name_)) problem(Problem::duplicate_metadata, reader_.token_offset());
      const Event value = reader_.next();
      if (value == Event::string) {
        observer_.on_text(name_, reader_.text(), reader_.token_offset());
      } else {
        problem(not_text(value), reader_.token_offset());
        skip(value);
      }
    }
  }

  void read_entry(std::uint64_t name_at) {
    const Event event = reader_.next();
    if (event != Event::begin_object) {
      problem(Problem::bad_entry, reader_.token_offset());
      return skip(event);
    }
    Entry entry;
    entry.tensor.name_offset = static_cast<std::uint32_t>(name_at - json_.offset());
    while (reader_.next() == Event::key) read_field(entry);
    finish(entry, name_at);
  }

  void read_field(Entry& entry) {
    const std::uint64_t at = reader_.token_offset();
    const std::string_view key = reader_.text();
    const std::uint8_t field = key == "dtype"          ? Entry::dtype
                               : key == "shape"        ? Entry::shape
                               : key == "data_offsets" ? Entry::data_offsets
                                                       : 0;
    if (field == 0) {
      problem(Problem::extra_field, at);
      const Event value = reader_.next();
      if (value == Event::string) observer_.on_text(name_, reader_.text(), reader_.token_offset());
      return skip(value);
    }
    if ((entry.seen & field) != 0) problem(Problem::duplicate_field, at);
    entry.seen |= field;
    if (field == Entry::dtype) return read_dtype(entry);
    if (field == Entry::shape) return read_shape(entry);
    read_data_offsets(entry);
  }

  void read_dtype(Entry& entry) {
    const Event value = reader_.next();
    if (value != Event::string) {
      entry.bad |= Entry::dtype;
      return skip(value);
    }
    entry.bits = dtype_bits(reader_.text());
    entry.bytewise = reader_.text() == "U8" || reader_.text() == "I8" || reader_.text() == "BOOL";
  }

  // Calls `use` with each element of an array of whole numbers; false when it is something else.
  template <typename Use>
  bool read_numbers(Use use) {
    Event event = reader_.next();
    if (event != Event::begin_array) {
      skip(event);
      return false;
    }
    bool good = true;
    while ((event = reader_.next()) != Event::end_array) {
      const auto number = event == Event::number ? wire::json::as_u64(reader_.text()) : std::nullopt;
      if (!number) {
        good = false;
        skip(event);
        continue;
      }
      use(*number);
    }
    return good;
  }

  void read_shape(Entry& entry) {
    entry.elements = 1;
    const bool good = read_numbers([&](std::uint64_t dim) {
      if (entry.elements) entry.elements = checked_mul(*entry.elements, dim);
    });
    if (!good) entry.bad |= Entry::shape;
  }

  void read_data_offsets(Entry& entry) {
    std::uint64_t numbers = 0;
    const bool good = read_numbers([&](std::uint64_t offset) {
      if (numbers == 0) entry.tensor.begin = offset;
      if (numbers == 1) entry.tensor.end = offset;
      ++numbers;
    });
    if (!good || numbers != 2) entry.bad |= Entry::data_offsets;
  }

  void finish(Entry& entry, std::uint64_t at) {
    if ((entry.seen & Entry::data_offsets) != 0) {
      if ((entry.bad & Entry::data_offsets) != 0 || entry.tensor.end < entry.tensor.begin) {
        problem(Problem::bad_offsets, at);
      } else {
        entry.tensor.bytewise = entry.bytewise;
        keep(entry.tensor);
      }
    }
    if (entry.seen != Entry::all || (entry.bad & (Entry::dtype | Entry::shape)) != 0) {
      return problem(Problem::bad_entry, at);
    }
    if (!entry.bits) problem(Problem::unknown_dtype, at);
    if (!entry.elements) return problem(Problem::shape_overflow, at);
    if (!entry.bits || (entry.bad & Entry::data_offsets) != 0 || entry.tensor.end < entry.tensor.begin) return;
    const auto bits = checked_mul(*entry.elements, *entry.bits);
    if (!bits) return problem(Problem::shape_overflow, at);
    if (*bits % 8 != 0 || *bits / 8 != entry.tensor.end - entry.tensor.begin) problem(Problem::size_mismatch, at);
  }

  void keep(const Tensor& tensor) {
    auto& tensors = header_.tensors;
    if (tensors.size() == tensors.capacity()) {
      const std::size_t wanted = std::max<std::size_t>(256, 2 * tensors.capacity());
      charge_.add((wanted - tensors.capacity()) * sizeof(Tensor));
      tensors.reserve(wanted);
    }
    tensors.push_back(tensor);
  }

  ByteView json_;
  Reader reader_;
  Budget& budget_;
  MemoryCharge& charge_;
  HeaderObserver& observer_;
  wire::NameSet names_;
  std::string name_;
  std::uint64_t items_ = 0;
  Header header_;
};

}  // namespace

std::optional<std::uint32_t> dtype_bits(std::string_view dtype) noexcept {
  for (const DtypeRow& row : k_dtypes) {
    if (row.name == dtype) return row.bits;
  }
  return std::nullopt;
}

Header parse_header(ByteView json, Budget& budget, MemoryCharge& charge, HeaderObserver& observer) {
  return HeaderParser(json, budget, charge, observer).parse();
}

std::string tensor_name(ByteView json, const Tensor& tensor) {
  Reader reader(json.from(tensor.name_offset));
  return reader.next() == Event::string ? std::string(reader.text()) : std::string();
}

}  // namespace modelaudit::formats::safetensors_layout
