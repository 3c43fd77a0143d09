#include <charconv>

#include "wire/pickle/impl.hpp"

namespace modelaudit::wire::pickle {

namespace {

constexpr std::uint64_t k_batch = 4096;                 ///< opcodes between two looks at the budget
constexpr std::uint64_t k_max_marks = 1'000'000;
constexpr std::uint64_t k_max_digits = 4300;            ///< CPython's limit for int(text)
constexpr std::uint64_t k_memo_slack = 1024;            ///< holes that the dense memo bridges

constexpr Value k_none = make(Tag::none, 0);
constexpr Value k_real = make(Tag::real, 0);
constexpr Value k_big = make(Tag::big, 0);

constexpr Value make_bool(bool b) { return make(Tag::boolean, b ? 1 : 0); }

Value make_integer(std::int64_t n) {
  constexpr std::int64_t k_limit = std::int64_t{1} << 59;
  if (n >= k_limit || n < -k_limit) return k_big;
  return make(Tag::integer, static_cast<std::uint64_t>(n) & (~std::uint64_t{0} >> 4));
}

/// Two's complement, little-endian, of any length.
Value make_long(ByteView data, std::uint64_t size) {
  if (size > 8) return k_big;
  std::uint64_t n = 0;
  for (std::uint64_t i = 0; i < size; ++i) n |= static_cast<std::uint64_t>(data[i]) << (8 * i);
  if (size != 0 && size < 8 && (data[size - 1] & 0x80) != 0) n |= ~std::uint64_t{0} << (8 * size);
  return make_integer(static_cast<std::int64_t>(n));
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void append_utf8(std::string& out, std::uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 63));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 63));
    out += static_cast<char>(0x80 | (c & 63));
  } else {
    out += static_cast<char>(0xf0 | (c >> 18 & 7));
    out += static_cast<char>(0x80 | (c >> 12 & 63));
    out += static_cast<char>(0x80 | (c >> 6 & 63));
    out += static_cast<char>(0x80 | (c & 63));
  }
}

/// The `width` hex digits at `at`, or -1.
std::int64_t hex_at(std::string_view s, std::size_t at, std::size_t width) {
  if (s.size() < at + width) return -1;
  std::int64_t n = 0;
  for (std::size_t i = at; i < at + width; ++i) {
    const int d = hex_digit(s[i]);
    if (d < 0) return -1;
    n = n * 16 + d;
  }
  return n;
}

/// codecs.escape_decode: the escapes of a Python 2 string literal.
std::string unescape(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (s[i] != '\\' || i + 1 == s.size()) {
      out += s[i];
      continue;
    }
    const char c = s[++i];
    constexpr std::string_view k_from = "abfnrtv\\'\"";
    constexpr std::string_view k_to = "\a\b\f\n\r\t\v\\'\"";
    if (const auto at = k_from.find(c); at != std::string_view::npos) {
      out += k_to[at];
    } else if (c == 'x' && hex_at(s, i + 1, 2) >= 0) {
      out += static_cast<char>(hex_at(s, i + 1, 2));
      i += 2;
    } else if (c >= '0' && c <= '7') {
      int n = c - '0';
      for (int more = 0; more < 2 && i + 1 < s.size() && s[i + 1] >= '0' && s[i + 1] <= '7'; ++more) n = n * 8 + (s[++i] - '0');
      out += static_cast<char>(n);
    } else {
      out += '\\';
      out += c;
    }
  }
  return out;
}

std::string_view trim(std::string_view s) {
  const auto blank = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!s.empty() && blank(s.front())) s.remove_prefix(1);
  while (!s.empty() && blank(s.back())) s.remove_suffix(1);
  return s;
}

}  // namespace

void Machine::Impl::note_window(const Lexer& lexer) {
  if (!stable || lexer.window().empty()) return;
  if (windows.empty() || windows.back().offset() < lexer.window().offset()) {
    windows.push_back(lexer.window());
  } else if (windows.back().offset() == lexer.window().offset() && windows.back().size() < lexer.window().size()) {
    windows.back() = lexer.window();
  } else if (windows.back().offset() > lexer.window().offset()) {
    windows.clear();  // a stream begins before the last one ended: only seen when the reader was started anew
    windows.push_back(lexer.window());
  }
}

void Machine::Impl::checkpoint() {
  budget.checkpoint();
  const std::uint64_t held = (stack.capacity() + sparse.size() * 4 + far.size() * 4) * sizeof(Value) + marks.capacity() * 4;
  if (held > charged_stack) {
    charge.add(held - charged_stack);
    charged_stack = held;
  }
}

void Machine::Impl::report_literal(std::uint8_t opcode, bool as_text, std::uint64_t offset, ByteView data, std::uint64_t size) {
  observer.on_literal(machine, {opcode, as_text, offset, size, data});
}

bool Machine::Impl::memo_put(std::uint64_t index) {
  if (stack.size() <= fence()) return false;
  const Value v = stack.back();
  if (index < memo.size()) {
    memo[index] = v;
    return true;
  }
  if (index < memo.size() + k_memo_slack) {
    for (; memo.size() < index; ++memo_holes) {
      const auto known = sparse.find(memo.size());
      memo.push_back(known == sparse.end() ? Value(~std::uint64_t{0}) : known->second);
      if (known != sparse.end()) {
        sparse.erase(known);
        --memo_holes;
      }
    }
    sparse.erase(index);
    memo.push_back(v);
    return true;
  }
  if (index > 1'000'000 && index > 4 * (memo.size() + sparse.size())) {
    observer.on_anomaly(machine, Anomaly::memo_index, here, index);
  }
  sparse[index] = v;
  return true;
}

Value Machine::Impl::memo_get(std::uint64_t index) {
  constexpr Value k_hole(~std::uint64_t{0});
  if (index < memo.size() && memo[index] != k_hole) return memo[index];
  if (const auto known = sparse.find(index); known != sparse.end()) return known->second;
  Value before = k_hole;
  if (index < last_memo.size()) before = last_memo[index];
  if (const auto known = last_sparse.find(index); known != last_sparse.end()) before = known->second;
  observer.on_anomaly(machine, before == k_hole ? Anomaly::memo_unset : Anomaly::memo_previous, here, index);
  return before == k_hole ? Value() : before;
}

Value Machine::Impl::number_line(ByteView line, bool is_long) {
  // strtol and int() with base 0: signs, 0x, 0o, 0b and underscores are legal; "00" and "01" of INT are booleans.
  std::string_view s = line.text();
  if (!is_long && s == "00") return make_bool(false);
  if (!is_long && s == "01") return make_bool(true);
  s = trim(s);
  if (is_long && s.ends_with('L')) s.remove_suffix(1);
  const bool negative = s.starts_with('-');
  if (negative || s.starts_with('+')) s.remove_prefix(1);
  int base = 10;
  if (s.size() > 1 && s[0] == '0') {
    const char kind = static_cast<char>(s[1] | 0x20);
    base = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : is_long ? 10 : 8;
    if (kind == 'x' || kind == 'o' || kind == 'b') s.remove_prefix(2);
  }
  std::string digits;
  if (s.find('_') != std::string_view::npos && s.size() <= k_max_digits) {
    for (const char c : s) {
      if (c != '_') digits += c;
    }
    s = digits;
  }
  if (s.size() > k_max_digits) {
    observer.on_anomaly(machine, Anomaly::big_number, here, s.size());
    return k_big;
  }
  std::int64_t n = 0;
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), n, base);
  if (error == std::errc::result_out_of_range) return k_big;
  if (error != std::errc() || end != s.data() + s.size()) {
    observer.on_anomaly(machine, Anomaly::bad_operand, here, 0);
    return {};
  }
  return make_integer(negative ? -n : n);
}

Value Machine::Impl::string_line(const Token& token) {
  std::string_view s = trim(token.data.text());
  std::uint64_t offset = token.data_offset + static_cast<std::uint64_t>(s.data() - token.data.text().data());
  if (s.size() < 2 || s.front() != s.back() || (s.front() != '\'' && s.front() != '"')) {
    observer.on_anomaly(machine, Anomaly::bad_operand, here, 0);
    return {};
  }
  s = s.substr(1, s.size() - 2);
  ++offset;
  const bool plain = s.find('\\') == std::string_view::npos;
  const std::string decoded = plain ? std::string() : unescape(s);
  const std::string_view content = plain ? s : std::string_view(decoded);
  if (content.size() >= options.min_text) report_literal(op_string, true, offset, as_view(content, offset), content.size());
  return plain ? literal(true, offset, as_view(s), s.size()) : own_text(decoded, true, false);
}

Value Machine::Impl::unicode_line(const Token& token) {
  const std::string_view s = token.data.text();
  if (s.find("\\u") == std::string_view::npos && s.find("\\U") == std::string_view::npos) {
    if (s.size() >= options.min_text) report_literal(op_unicode, true, token.data_offset, token.data, s.size());
    return literal(true, token.data_offset, token.data, s.size());
  }
  std::string out;
  out.reserve(s.size());
  for (std::size_t i = 0; i < s.size(); ++i) {
    const std::size_t width = s[i] != '\\' || i + 1 == s.size() ? 0 : s[i + 1] == 'u' ? 4 : s[i + 1] == 'U' ? 8 : 0;
    const std::int64_t c = width == 0 ? -1 : hex_at(s, i + 2, width);
    if (c < 0) {
      append_utf8(out, static_cast<std::uint8_t>(s[i]));  // raw-unicode-escape: other bytes are latin-1
      continue;
    }
    append_utf8(out, static_cast<std::uint32_t>(c));
    i += width + 1;
  }
  if (out.size() >= options.min_text) report_literal(op_unicode, true, token.data_offset, as_view(out, token.data_offset), out.size());
  return own_text(out, true, false);
}

RunEnd Machine::Impl::run(ForwardReader& in) {
  Lexer lexer(in);
  stable = in.stable();
  interrupted = false;
  std::uint64_t batch = 0;
  std::uint64_t uncharged = 0;  // opcodes since the last look at the budget are k_batch - batch
  const auto end = [&](RunStatus status, const char* what = "") {
    const std::uint64_t used = uncharged - std::min(uncharged, batch);
    if (budget.has_opcodes(used)) budget.charge_opcodes(used);
    if (status != RunStatus::interrupted) weigh_late();
    RunEnd e{status, status == RunStatus::stopped || status == RunStatus::interrupted ? lexer.position() : here, what};
    lexer.sync();
    return e;
  };
  const auto underflow = [&] { return end(RunStatus::malformed, "stack underflow"); };
  const auto have = [&](std::uint64_t n) { return stack.size() - fence() >= n; };
  const auto above_mark = [&] { return std::span<const Value>(stack).subspan(marks.back()); };
  const auto drop_to_mark = [&] {
    stack.resize(marks.back());
    marks.pop_back();
  };
  for (;;) {
    if (batch == 0) {
      checkpoint();
      budget.charge_opcodes(uncharged);
      uncharged = 0;
      if (!budget.has_opcodes(k_batch)) return end(RunStatus::exhausted, "opcode limit");
      batch = uncharged = k_batch;
    }
    // Sixteen bytes hold any opcode with a fixed operand; near the end of the input fewer will do.
    if (!lexer.ensure(16)) {
      here = lexer.position();
      if (!lexer.ensure(1)) return end(RunStatus::truncated, "the input ends without STOP");
    }
    if (windows.empty() || windows.back().offset() != lexer.window().offset()) note_window(lexer);
    const std::uint8_t code = lexer.peek(0);
    here = lexer.position();
    --batch;
    ++ops;
    switch (code) {
      case op_memoize:
        if (!have(1)) return underflow();
        if (sparse.empty() && memo_holes == 0) {
          memo.push_back(stack.back());
        } else {
          memo_put(memo.size() - memo_holes + sparse.size());
        }
        lexer.bump(1);
        continue;
      case op_short_binunicode:
      case op_short_binstring:
      case op_short_binbytes: {
        if (!stable || !lexer.ensure(2) || !lexer.ensure(2 + std::uint64_t{lexer.peek(1)})) break;
        if (windows.back().offset() != lexer.window().offset()) note_window(lexer);
        const std::uint64_t size = lexer.peek(1);
        const bool as_text = code != op_short_binbytes;
        if (here + 2 > k_span_offset) break;
        stack.push_back(make_span(as_text ? Tag::text : Tag::bytes, here + 2, size));
        if (size >= (as_text ? options.min_text : options.min_bytes)) {
          report_literal(code, as_text, here + 2, lexer.ahead(2, size), size);
        }
        lexer.bump(2 + size);
        continue;
      }
      case op_mark:
        if (marks.size() >= k_max_marks) return end(RunStatus::malformed, "marks nested too deep");
        marks.push_back(static_cast<std::uint32_t>(stack.size()));
        lexer.bump(1);
        continue;
      case op_setitems:
      case op_appends:
      case op_additems: {
        if (marks.empty()) return end(RunStatus::malformed, "no MARK");
        const std::uint32_t top = marks.back();
        if (top == 0 || (marks.size() > 1 && marks[marks.size() - 2] >= top)) return underflow();
        const auto values = above_mark();
        const bool pairs = code == op_setitems;
        if (pairs && values.size() % 2 != 0) return end(RunStatus::malformed, "odd number of items for SETITEMS");
        write_item(code, stack[top - 1], values, pairs);
        drop_to_mark();
        lexer.bump(1);
        break;
      }
      case op_binint1:
        if (!lexer.ensure(2)) break;
        stack.push_back(make_integer(lexer.peek(1)));
        lexer.bump(2);
        continue;
      case op_binget:
        if (!lexer.ensure(2)) break;
        stack.push_back(memo_get(lexer.peek(1)));
        lexer.bump(2);
        continue;
      case op_long_binget:
      case op_binint: {
        const auto n = lexer.ahead(1, 4).le<std::uint32_t>(0);
        if (!n) break;
        stack.push_back(code == op_binint ? make_integer(static_cast<std::int32_t>(*n)) : memo_get(*n));
        lexer.bump(5);
        continue;
      }
      case op_binint2: {
        const auto n = lexer.ahead(1, 2).le<std::uint16_t>(0);
        if (!n) break;
        stack.push_back(make_integer(*n));
        lexer.bump(3);
        continue;
      }
      case op_binfloat:
        if (!lexer.ensure(9)) break;
        stack.push_back(k_real);
        lexer.bump(9);
        continue;
      case op_none: stack.push_back(k_none); lexer.bump(1); continue;
      case op_newtrue: stack.push_back(make_bool(true)); lexer.bump(1); continue;
      case op_newfalse: stack.push_back(make_bool(false)); lexer.bump(1); continue;
      case op_empty_dict: stack.push_back(new_cell(CellKind::dict)); lexer.bump(1); continue;
      case op_empty_list: stack.push_back(new_cell(CellKind::list)); lexer.bump(1); continue;
      case op_empty_set: stack.push_back(new_cell(CellKind::set)); lexer.bump(1); continue;
      case op_empty_tuple: stack.push_back(new_tuple({})); lexer.bump(1); continue;
      case op_binput:
        if (!lexer.ensure(2)) break;
        if (!memo_put(lexer.peek(1))) return underflow();
        lexer.bump(2);
        continue;
      case op_long_binput: {
        const auto n = lexer.ahead(1, 4).le<std::uint32_t>(0);
        if (!n) break;
        if (!memo_put(*n)) return underflow();
        lexer.bump(5);
        continue;
      }
      case op_tuple1:
      case op_tuple2:
      case op_tuple3: {
        const std::uint64_t n = code - op_tuple1 + 1;
        if (!have(n)) return underflow();
        const Value v = new_tuple(std::span<const Value>(stack).last(n));
        stack.resize(stack.size() - n);
        stack.push_back(v);
        lexer.bump(1);
        continue;
      }
      case op_append:
        if (!have(2)) return underflow();
        write_item(code, stack[stack.size() - 2], std::span<const Value>(stack).last(1), false);
        stack.pop_back();
        lexer.bump(1);
        break;
      case op_setitem:
        if (!have(3)) return underflow();
        write_item(code, stack[stack.size() - 3], std::span<const Value>(stack).last(2), true);
        stack.resize(stack.size() - 2);
        lexer.bump(1);
        break;
      case op_tuple:
      case op_list:
      case op_dict:
      case op_frozenset: {
        if (marks.empty()) return end(RunStatus::malformed, "no MARK");
        const auto values = above_mark();
        if (code == op_dict && values.size() % 2 != 0) return end(RunStatus::malformed, "odd number of items for DICT");
        const Value v = code == op_tuple ? new_tuple(values)
                                         : new_container(code == op_list ? CellKind::list : code == op_dict ? CellKind::dict : CellKind::set, values);
        drop_to_mark();
        stack.push_back(v);
        lexer.bump(1);
        continue;
      }
      case op_reduce:
      case op_newobj: {
        if (!have(2)) return underflow();
        const Value args = stack.back();
        stack.pop_back();
        lexer.bump(1);
        stack.back() = call(code, stack.back(), args, {});
        break;
      }
      case op_newobj_ex: {
        if (!have(3)) return underflow();
        const Value kwargs = stack.back();
        const Value args = stack[stack.size() - 2];
        stack.resize(stack.size() - 2);
        lexer.bump(1);
        stack.back() = call(code, stack.back(), args, kwargs);
        break;
      }
      case op_build: {
        if (!have(2)) return underflow();
        const Value state = stack.back();
        stack.pop_back();
        lexer.bump(1);
        build(stack.back(), state);
        break;
      }
      case op_stack_global: {
        if (!have(2)) return underflow();
        const Value name = stack.back();
        stack.pop_back();
        lexer.bump(1);
        const Value v = stack_global(stack.back(), name);
        stack.back() = v;
        if (tag_of(v) == Tag::global) observer.on_global(machine, v, here, code);
        break;
      }
      case op_pop:
        // C: at the fence, POP drops the mark instead of a value.
        if (have(1)) {
          stack.pop_back();
        } else if (!marks.empty()) {
          marks.pop_back();
        } else {
          return underflow();
        }
        lexer.bump(1);
        continue;
      case op_pop_mark:
        if (marks.empty()) return end(RunStatus::malformed, "no MARK");
        drop_to_mark();
        lexer.bump(1);
        continue;
      case op_dup:
        if (!have(1)) return underflow();
        stack.push_back(stack.back());
        lexer.bump(1);
        continue;
      case op_stop:
        if (!have(1)) return underflow();
        result = stack.back();
        lexer.bump(1);
        return end(RunStatus::stopped);
      default: {
        bool done = false;
        const RunEnd e = step_rare(lexer, code, done);
        if (done) {
          const RunEnd out = end(e.status, e.what);
          return out;
        }
        break;
      }
    }
    // Only slow opcodes come here; those that broke out for want of bytes are cut short.
    if (lexer.position() == here) {
      bool done = false;
      const RunEnd e = step_rare(lexer, code, done);
      if (done) return end(e.status, e.what);
    }
    if (!lexer.settle()) return end(RunStatus::truncated, "the input ends inside a literal");
    if (interrupted) return end(RunStatus::interrupted);
  }
}

RunEnd Machine::Impl::step_rare(Lexer& lexer, std::uint8_t code, bool& done) {
  const auto fail = [&](RunStatus status, const char* what) {
    done = true;
    return RunEnd{status, here, what};
  };
  const auto underflow = [&] { return fail(RunStatus::malformed, "stack underflow"); };
  Token token;
  switch (lexer.operand(code, token)) {
    case LexStatus::ok: break;
    case LexStatus::end:
    case LexStatus::truncated: return fail(RunStatus::truncated, "the input ends inside an operand");
    case LexStatus::invalid: return fail(RunStatus::malformed, "not an opcode");
    case LexStatus::bad_length: return fail(RunStatus::malformed, "negative length");
    case LexStatus::long_line: return fail(RunStatus::malformed, "no newline within 8 MiB of a text operand");
  }
  note_window(lexer);
  if (protocol < 4 && !proto_missing_seen && opcode_info(code).protocol > 3 && protocol < opcode_info(code).protocol) {
    proto_missing_seen = true;
    observer.on_anomaly(machine, Anomaly::proto_missing, here, code);
  }
  switch (code) {
    case op_proto:
      if (token.number > 5) observer.on_anomaly(machine, Anomaly::proto_unsupported, here, token.number);
      if (started || ops - ops_at_start > 1) observer.on_anomaly(machine, Anomaly::proto_repeated, here, token.number);
      started = true;
      protocol = static_cast<std::uint8_t>(token.number);
      return {};
    case op_frame: {
      const auto total = lexer.reader().size();
      if (total && token.number > *total - std::min(*total, here + 9)) {
        observer.on_anomaly(machine, Anomaly::frame_beyond_input, here, token.number);
      }
      return {};
    }
    case op_float: stack.push_back(k_real); return {};
    case op_int:
    case op_long: stack.push_back(number_line(token.data, code == op_long)); return {};
    case op_long1:
    case op_long4:

      stack.push_back(make_long(token.data, token.data_size));
      return {};
    case op_string: stack.push_back(string_line(token)); return {};
    case op_unicode: stack.push_back(unicode_line(token)); return {};
    case op_binstring:
    case op_short_binstring:
    case op_binunicode:
    case op_short_binunicode:
    case op_binunicode8:
    case op_binbytes:
    case op_short_binbytes:
    case op_binbytes8:
    case op_bytearray8: {
      const bool as_text = code != op_binbytes && code != op_short_binbytes && code != op_binbytes8 && code != op_bytearray8;
      stack.push_back(literal(as_text, token.data_offset, token.data, token.data_size));
      if (token.data_size >= (as_text ? options.min_text : options.min_bytes)) {
        report_literal(code, as_text, token.data_offset, token.data, token.data_size);
      }
      return {};
    }
    case op_persid: {
      const Value id = literal(true, token.data_offset, token.data, token.data_size);
      stack.push_back(new_pair(CellKind::persistent, id, {}));
      observer.on_persistent_id(machine, id, here, code);
      return {};
    }
    case op_binpersid: {
      if (stack.size() <= fence()) return underflow();
      const Value id = stack.back();
      const Value v = new_pair(CellKind::persistent, id, {});
      cell(v).flags &= static_cast<std::uint8_t>(~f_matters);  // what the loader gives, not what the stream holds
      stack.back() = v;
      observer.on_persistent_id(machine, id, here, code);
      return {};
    }
    case op_global: {
      const Value v = name_global(token.data.text(), token.second.text(), false, code);
      stack.push_back(v);
      if (tag_of(v) == Tag::global) observer.on_global(machine, v, here, code);
      return {};
    }
    case op_inst: {
      if (marks.empty()) return fail(RunStatus::malformed, "no MARK");
      const Value v = name_global(token.data.text(), token.second.text(), false, code);
      const Value args = new_tuple(std::span<const Value>(stack).subspan(marks.back()));
      stack.resize(marks.back());
      marks.pop_back();
      if (tag_of(v) == Tag::global) observer.on_global(machine, v, here, code);
      stack.push_back(call(code, v, args, {}));
      return {};
    }
    case op_obj: {
      if (marks.empty()) return fail(RunStatus::malformed, "no MARK");
      const auto values = std::span<const Value>(stack).subspan(marks.back());
      if (values.empty()) return underflow();
      const Value callable = values[0];
      const Value args = new_tuple(values.subspan(1));
      stack.resize(marks.back());
      marks.pop_back();
      stack.push_back(call(code, callable, args, {}));
      return {};
    }
    case op_get:
    case op_put: {
      const std::string_view s = trim(token.data.text());
      std::uint64_t index = 0;
      const auto [stop, error] = std::from_chars(s.data(), s.data() + s.size(), index);
      const bool good = error == std::errc() && stop == s.data() + s.size() && !s.empty();
      if (!good) observer.on_anomaly(machine, Anomaly::bad_operand, here, 0);
      if (code == op_get) {
        stack.push_back(good ? memo_get(index) : Value());
      } else if (good && !memo_put(index)) {
        return underflow();
      }
      return {};
    }
    case op_ext1:
    case op_ext2:
    case op_ext4: {
      const auto number = static_cast<std::int64_t>(token.number);
      if (number <= 0) observer.on_anomaly(machine, Anomaly::bad_extension, here, token.number);
      stack.push_back(make(Tag::extension, token.number & 0xffffffff));
      observer.on_extension(machine, number, here);
      return {};
    }
    case op_next_buffer:
      observer.on_anomaly(machine, Anomaly::buffer, here, 0);
      stack.push_back(make_span(Tag::bytes, 0, 0));
      return {};
    case op_readonly_buffer:
      if (stack.size() <= fence()) return underflow();
      return {};
    default: return fail(RunStatus::truncated, "the input ends inside an operand");
  }
}

}  // namespace modelaudit::wire::pickle
