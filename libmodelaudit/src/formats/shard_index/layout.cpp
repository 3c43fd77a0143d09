#include "formats/shard_index/layout.hpp"

#include <algorithm>
#include <functional>
#include <string>

#include "modelaudit/error.hpp"
#include "wire/json/reader.hpp"

namespace modelaudit::formats::shard_index_layout {
namespace {

using wire::json::Event;
using wire::json::Quirk;
using wire::json::Reader;

constexpr std::uint64_t k_items_between_checks = 4096;

void skip(Reader& reader, Event event) {
  if (event == Event::begin_object || event == Event::begin_array) (void)reader.skip_container();
}

class IndexParser {
 public:
  IndexParser(ByteView json, Budget& budget, IndexObserver& observer) : reader_(json), budget_(budget), observer_(observer) {}

  Index parse() {
    if (reader_.next() != Event::begin_object) {
      throw_malformed(Errc::malformed, reader_.token_offset(), "shard index: not a JSON object");
    }
    while (reader_.next() == Event::key) {
      const std::uint64_t at = reader_.token_offset();
      if (reader_.text() == "weight_map") {
        read_map(at);
      } else if (reader_.text() == "metadata") {
        read_metadata();
      } else {
        skip(reader_, reader_.next());
      }
    }
    for (const Quirk quirk : {Quirk::invalid_utf8, Quirk::lone_surrogate, Quirk::control_character, Quirk::non_finite}) {
      if (const auto at = reader_.quirk(quirk)) {
        observer_.on_problem(Problem::text, *at);
        break;
      }
    }
    const std::string_view rest = reader_.rest().text();
    index_.end = reader_.rest().offset() + std::min(rest.find_first_not_of(" \t\r\n"), rest.size());
    return index_;
  }

 private:
  void read_map(std::uint64_t at) {
    if (index_.has_map) observer_.on_problem(Problem::second_map, at);
    const Event event = reader_.next();
    if (event != Event::begin_object) {
      observer_.on_problem(Problem::bad_map, at);
      return skip(reader_, event);
    }
    index_.has_map = true;
    while (reader_.next() == Event::key) {
      if (++items_ % k_items_between_checks == 0) budget_.checkpoint();
      const std::uint64_t name_at = reader_.token_offset();
      tensor_.assign(reader_.text());
      read_files(name_at);
    }
  }

  void read_files(std::uint64_t at) {
    Event event = reader_.next();
    if (event == Event::string) return observer_.on_tensor(tensor_, reader_.text(), at);
    if (event != Event::begin_array) {
      observer_.on_problem(Problem::bad_file, at);
      return skip(reader_, event);
    }
    while ((event = reader_.next()) != Event::end_array) {
      if (event == Event::string) {
        observer_.on_tensor(tensor_, reader_.text(), at);
      } else {
        observer_.on_problem(Problem::bad_file, at);
        skip(reader_, event);
      }
    }
  }

  void read_metadata() {
    const Event event = reader_.next();
    if (event != Event::begin_object) return skip(reader_, event);
    while (reader_.next() == Event::key) {
      const bool is_size = reader_.text() == "total_size";
      const Event value = reader_.next();
      if (is_size && value == Event::number) index_.total_size = wire::json::as_u64(reader_.text());
      skip(reader_, value);
    }
  }

  Reader reader_;
  Budget& budget_;
  IndexObserver& observer_;
  Index index_;
  std::string tensor_;
  std::uint64_t items_ = 0;
};

std::uint64_t mix(std::uint64_t form, std::uint64_t value) { return (form ^ value) * 0x9E3779B97F4A7C15u + (form >> 29); }

/// The reader stands behind the entry's opening brace.
std::uint64_t read_form(Reader& reader) {
  std::uint64_t dtype = 0;
  std::uint64_t shape = 0;
  while (reader.next() == Event::key) {
    const bool is_dtype = reader.text() == "dtype";
    const bool is_shape = reader.text() == "shape";
    Event event = reader.next();
    if (is_dtype && event == Event::string) {
      dtype = std::hash<std::string_view>{}(reader.text());
    } else if (is_shape && event == Event::begin_array) {
      shape = 1;
      while ((event = reader.next()) != Event::end_array) {
        if (event == Event::number) shape = mix(shape, wire::json::as_u64(reader.text()).value_or(0) + 3);
        skip(reader, event);
      }
    } else {
      skip(reader, event);
    }
  }
  return mix(dtype, shape);
}

}  // namespace

bool has_weight_map(ByteView head) {
  try {
    Reader reader(head);
    if (reader.next() != Event::begin_object) return false;
    while (reader.next() == Event::key) {
      const bool is_map = reader.text() == "weight_map";
      const Event event = reader.next();
      if (is_map && event == Event::begin_object) return true;
      skip(reader, event);
    }
  } catch (const Malformed&) {
    // Broken, or cut by the end of the view, before any map.
  }
  return false;
}

Index parse_index(ByteView json, Budget& budget, IndexObserver& observer) { return IndexParser(json, budget, observer).parse(); }

void parse_shard_header(ByteView json, Budget& budget, HeaderObserver& observer) {
  Reader reader(json);
  if (reader.next() != Event::begin_object) throw_malformed(Errc::malformed, json.offset(), "shard index: a shard's header is no JSON object");
  std::string tensor;
  std::uint64_t items = 0;
  while (reader.next() == Event::key) {
    if (++items % k_items_between_checks == 0) budget.checkpoint();
    tensor.assign(reader.text());
    const Event event = reader.next();
    if (event != Event::begin_object || tensor == "__metadata__") {
      skip(reader, event);
      continue;
    }
    const std::uint64_t form = read_form(reader);
    observer.on_shard_tensor(tensor, static_cast<std::uint32_t>(form ^ (form >> 32)));
  }
}

}  // namespace modelaudit::formats::shard_index_layout
