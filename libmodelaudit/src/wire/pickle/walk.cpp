#include "wire/pickle/walk.hpp"

#include <algorithm>
#include <vector>

namespace modelaudit::wire::pickle {

namespace {

/// Numbers on a line must look like numbers: this is what tells text files from protocol 0.
bool plausible_line(std::uint8_t code, std::string_view s) {
  const auto among = [&](std::string_view allowed) {
    return !s.empty() && std::all_of(s.begin(), s.end(), [&](char c) { return allowed.find(c) != std::string_view::npos; });
  };
  switch (code) {
    case op_int:
    case op_long: return among("0123456789abcdefABCDEFxXoOlL+-_ \t\r");
    case op_float: return among("0123456789+-.eE infatyINFATY\r");
    case op_get:
    case op_put: return among("0123456789 \r");
    case op_string: {
      while (!s.empty() && (s.back() == '\r' || s.back() == ' ')) s.remove_suffix(1);
      return s.size() >= 2 && s.front() == s.back() && (s.front() == '\'' || s.front() == '"');
    }
    case op_persid:
      // A ZIP's first record begins with P too: "PK\3\4". Persistent ids are printable.
      return std::all_of(s.begin(), s.end(), [](char c) { return c >= ' ' && c < 0x7f; });
    default: return true;
  }
}

}  // namespace

bool is_name_like(std::string_view text) noexcept {
  while (text.ends_with('\r')) text.remove_suffix(1);
  if (text.empty() || text.size() > 512) return false;
  const auto good = [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u >= 0x80 || c == '_' || c == '.' || c == '<' || c == '>' || c == '-' || (c >= '0' && c <= '9') ||
           ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
  };
  return !(text.front() >= '0' && text.front() <= '9') && std::all_of(text.begin(), text.end(), good);
}

Walk walk(ForwardReader& in, std::uint64_t max_opcodes, WalkListener* listener) {
  Walk w;
  Lexer lexer(in);
  std::uint64_t depth = 0;
  std::vector<std::uint64_t> marks;
  const auto fence = [&] { return marks.empty() ? 0 : marks.back(); };
  Token token;
  w.end = lexer.position();
  const std::uint64_t begin = w.end;
  while (w.opcodes < max_opcodes) {
    const LexStatus status = lexer.next(token);
    if (status == LexStatus::end || status == LexStatus::truncated) {
      w.cut = true;
      return w;
    }
    const OpcodeInfo& info = opcode_info(token.code);
    if (status != LexStatus::ok || (info.operand == Operand::line && !plausible_line(token.code, token.data.text()))) {
      w.broken = true;
      return w;
    }
    if (token.code == op_pop) {
      if (depth > fence()) {
        --depth;
      } else if (!marks.empty()) {
        marks.pop_back();
      } else {
        w.broken = true;
        return w;
      }
    } else if (token.code == op_mark) {
      marks.push_back(depth);
    } else {
      if (info.to_mark) {
        if (marks.empty()) {
          w.broken = true;
          return w;
        }
        depth = marks.back();
        marks.pop_back();
      }
      if (depth - fence() < info.pops) {
        w.broken = true;
        return w;
      }
      depth = depth - info.pops + info.pushes;
    }
    switch (token.code) {
      case op_proto:
        if (token.number > 5) {
          w.broken = true;
          return w;
        }
        if (token.offset == begin) w.has_proto = true;
        break;
      case op_frame:
        if (w.has_proto && token.offset == begin + 2) {
          const auto total = in.size();
          w.has_frame = !total || token.number <= *total - std::min(*total, token.offset + 9);
        }
        break;
      case op_global:
      case op_inst:
        if (!is_name_like(token.data.text()) || !is_name_like(token.second.text())) {
          w.broken = true;
          return w;
        }
        ++w.globals;
        if (token.code == op_inst) ++w.calls;
        if (listener != nullptr) listener->on_name(token.data.text(), token.second.text());
        break;
      case op_stack_global: ++w.globals; break;
      case op_reduce:
      case op_obj:
      case op_newobj:
      case op_newobj_ex:
      case op_build: ++w.calls; break;
      default: break;
    }
    ++w.opcodes;
    w.end = lexer.position();
    if (token.code == op_stop) {
      w.stopped = true;
      return w;
    }
  }
  return w;
}

}  // namespace modelaudit::wire::pickle
