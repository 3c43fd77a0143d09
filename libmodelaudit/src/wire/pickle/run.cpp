#include <charconv>

#include "wire/pickle/impl.hpp"
#include "wire/pickle/scalars.hpp"

namespace modelaudit::wire::pickle {

namespace {

constexpr std::uint64_t k_batch = 4096;                 ///< opcodes between two looks at the budget
constexpr std::uint64_t k_max_marks = 1'000'000;
constexpr std::uint64_t k_memo_slack = 1024;            ///< holes that the dense memo bridges

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
