#include "detect/literals/heads.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "detect/executables.hpp"
#include "wire/pickle/opcodes.hpp"

namespace modelaudit::detect {
namespace {

using wire::pickle::Operand;

constexpr std::uint64_t k_walked_opcodes = 512;
constexpr std::uint64_t k_longest_line = 4096;
constexpr std::size_t k_deepest_marks = 256;

/// Dotted identifier as GLOBAL carries it.
bool is_dotted_name(std::string_view text) {
  if (text.empty() || text.size() > 256 || text.front() == '.' || (text.front() >= '0' && text.front() <= '9')) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u == '_' || u == '.' || u >= 0x80 || (u >= '0' && u <= '9') || ((u | 0x20) >= 'a' && (u | 0x20) <= 'z');
  });
}

/// One pass over opcodes with the depth of the stack, nothing more.
class Walk {
 public:
  Walk(ByteView data, bool cut) : data_(data), cut_(cut), headered_(!data.empty() && data[0] == wire::pickle::op_proto) {}

  bool plausible() {
    if (headered_ && (data_.size() < 2 || data_[1] > 5)) return false;
    while (count_ < k_walked_opcodes) {
      if (at_ >= data_.size()) return cut_ ? enough_or_headered() : enough();
      const std::uint8_t code = data_[at_];
      const auto& info = wire::pickle::opcode_info(code);
      if (info.operand == Operand::invalid) return enough();
      ++at_;
      if (!operand(code, info.operand)) return !odd_global_ && overrun_ && cut_ ? enough_or_headered() : enough();
      if (!stack(code, info)) return enough();
      ++count_;
      if (code == wire::pickle::op_stop) return headered_ ? count_ >= 3 : count_ >= 4 && depth_ == 0;
    }
    return headered_ || enough();
  }

 private:
  // A broken pickle has run its head by the time the loader complains, so what follows does not matter.
  bool enough() const { return count_ >= 4 && global_ && (headered_ || call_); }
  bool enough_or_headered() const { return enough() || (headered_ && count_ >= 2); }

  bool skip(std::uint64_t n) {
    if (n > data_.size() - at_) {
      overrun_ = true;
      return false;
    }
    at_ += n;
    return true;
  }

  std::optional<std::string_view> line() {
    const std::string_view text = data_.clip(at_, k_longest_line).text();
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      overrun_ = text.size() < k_longest_line;
      return std::nullopt;
    }
    at_ += end + 1;
    return text.substr(0, end);
  }

  template <typename T>
  bool sized() {
    const auto size = data_.le<T>(at_);
    return skip(sizeof(T)) && skip(*size);
  }

  bool operand(std::uint8_t code, Operand kind) {
    switch (kind) {
      case Operand::invalid: return false;
      case Operand::none: return true;
      case Operand::u8: return skip(1);
      case Operand::u16: return skip(2);
      case Operand::i32:
      case Operand::u32: return skip(4);
      case Operand::u64:
      case Operand::f64: return skip(8);
      case Operand::line: return number_line(code);
      case Operand::two_lines: return global_lines();
      case Operand::bytes1: return sized<std::uint8_t>();
      case Operand::bytes4: return sized<std::uint32_t>();
      case Operand::bytes8: return sized<std::uint64_t>();
      case Operand::bytes_s4: return (data_.le<std::uint32_t>(at_).value_or(0) >> 31) == 0 && sized<std::uint32_t>();
    }
    return false;
  }

  /// Lines of numbers must begin like numbers: prose that happens to hold opcode letters does not.
  bool number_line(std::uint8_t code) {
    const auto text = line();
    if (!text) return false;
    const bool is_number = code == wire::pickle::op_int || code == wire::pickle::op_long || code == wire::pickle::op_float ||
                           code == wire::pickle::op_get || code == wire::pickle::op_put;
    if (!is_number) return true;
    const std::string_view digits = text->substr(std::min(text->find_first_not_of(" +-"), text->size()));
    return !digits.empty() && ((digits[0] >= '0' && digits[0] <= '9') || code == wire::pickle::op_float);
  }

  bool global_lines() {
    const auto module = line();
    if (!module) return false;
    const auto name = line();
    if (!name) return false;
    odd_global_ = !is_dotted_name(*module) || !is_dotted_name(*name);
    global_ = global_ || !odd_global_;
    return !odd_global_;
  }

  bool stack(std::uint8_t code, const wire::pickle::OpcodeInfo& info) {
    using namespace wire::pickle;
    if (code == op_mark) {
      if (marks_.size() >= k_deepest_marks) return false;
      marks_.push_back(depth_);
      return true;
    }
    if (info.to_mark) {
      if (marks_.empty()) return false;
      depth_ = marks_.back();
      marks_.pop_back();
    } else if (code == op_pop && !marks_.empty() && marks_.back() == depth_) {
      marks_.pop_back();
      return true;
    }
    if (depth_ < info.pops) return false;
    depth_ = depth_ - info.pops + info.pushes;
    global_ = global_ || code == op_stack_global;
    call_ = call_ || code == op_reduce || code == op_inst || code == op_obj || code == op_newobj || code == op_newobj_ex || code == op_build;
    return true;
  }

  ByteView data_;
  bool cut_;
  bool headered_;
  std::uint64_t at_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t depth_ = 0;
  std::vector<std::uint64_t> marks_;
  bool global_ = false;
  bool odd_global_ = false;
  bool call_ = false;
  bool overrun_ = false;
};

/// ZIP local header: version and method that exist, a name.
bool is_zip(ByteView data) {
  const auto method = data.le<std::uint16_t>(8);
  const auto name = data.le<std::uint16_t>(26);
  return data.starts_with("PK\x03\x04") && method && name && *method < 100 && *name != 0 && data.size() > 30;
}

/// ustar header with its checksum: the sum of its bytes with the checksum field as blanks, in octal.
bool is_tar(ByteView data) {
  if (data.size() < 512 || !data.has(257, "ustar")) return false;
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < 512; ++i) sum += i >= 148 && i < 156 ? ' ' : data[i];
  std::uint64_t stated = 0;
  for (std::uint64_t i = 148; i < 156; ++i) {
    if (data[i] >= '0' && data[i] <= '7') stated = stated * 8 + (data[i] - '0');
  }
  return sum == stated;
}

bool is_npy(ByteView data) {
  return data.starts_with("\x93NUMPY") && data.size() > 10 && data[6] >= 1 && data[6] <= 3 && data.first(64).text().find('{') != std::string_view::npos;
}

/// marshal of a code object (type 'c', with or without the reference flag): small counts, then the bytecode as a string.
/// The number of counts differs: 4 before 3.0, 5 to 3.7 and from 3.11 on, 6 in 3.8 to 3.10.
bool is_code_object(ByteView data) {
  if (data.size() < 32 || (data[0] != 0xe3 && data[0] != 0x63)) return false;
  for (const std::uint64_t counts : {std::uint64_t{4}, std::uint64_t{5}, std::uint64_t{6}}) {
    bool small = true;
    for (std::uint64_t i = 0; i + 1 < counts; ++i) small = small && *data.le<std::uint32_t>(1 + 4 * i) < 4096;
    small = small && *data.le<std::uint32_t>(1 + 4 * (counts - 1)) < (1U << 27);
    const std::uint64_t at = 1 + 4 * counts;
    const auto size = data.le<std::uint32_t>(at + 1);
    if (small && (data[at] == 0x73 || data[at] == 0xf3) && size && *size >= 4 && *size < (1U << 24)) return true;
  }
  return false;
}

std::optional<PayloadKind> identify_program(ByteView data) {
  const auto kind = identify_executable(data.first(std::uint64_t{1} << 16), true);
  if (!kind) return std::nullopt;
  switch (*kind) {
    case ExecutableKind::pe: return PayloadKind::pe;
    case ExecutableKind::elf: return PayloadKind::elf;
    case ExecutableKind::macho:
    case ExecutableKind::macho_fat: return PayloadKind::mach_o;
    case ExecutableKind::pyc: return PayloadKind::code_object;
    case ExecutableKind::java_class:
    case ExecutableKind::dex:
    case ExecutableKind::wasm:
    case ExecutableKind::lnk: return PayloadKind::program;
    case ExecutableKind::gpu_binary: return std::nullopt;  // ordinary in compiled models
  }
  return std::nullopt;
}

}  // namespace

bool is_plausible_pickle(ByteView data, bool cut) {
  // Streams begin with PROTO, or with an opcode that puts something on the stack or marks it.
  static constexpr std::array<bool, 256> starts = [] {
    std::array<bool, 256> out{};
    for (const char c : std::string_view("\x80(])}NIJKLMFGSTUVXBCciP\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x95\x96")) out[static_cast<unsigned char>(c)] = true;
    return out;
  }();
  if (data.size() < 4 || !starts[data[0]]) return false;
  return Walk(data, cut).plausible();
}

std::optional<PayloadKind> identify_payload(ByteView data, bool cut) {
  if (data.size() < 4) return std::nullopt;
  if (is_plausible_pickle(data, cut)) return PayloadKind::pickle;
  if (is_zip(data)) return PayloadKind::zip;
  if (is_npy(data)) return PayloadKind::npy;
  if (data.starts_with(std::string_view("7z\xbc\xaf\x27\x1c", 6))) return PayloadKind::seven_zip;
  if (is_code_object(data)) return PayloadKind::code_object;
  if (is_tar(data)) return PayloadKind::tar;
  return identify_program(data);
}

}  // namespace modelaudit::detect
