#include <fmt/format.h>

#include <algorithm>

#include "formats/pickle/judge.hpp"
#include "formats/pickle/probe.hpp"
#include "formats/pickle/search.hpp"
#include "rules/catalogue.hpp"
#include "wire/pickle/machine.hpp"
#include "wire/pickle/view_reader.hpp"

namespace modelaudit::formats {

namespace {

using namespace modelaudit::formats::pickles;  // NOLINT: the folder's own
using wire::pickle::Machine;
using wire::pickle::RunEnd;
using wire::pickle::RunStatus;

constexpr std::uint64_t k_streams = 65'536;
constexpr std::uint64_t k_hits = 4096;                             ///< embedded streams followed
constexpr std::uint64_t k_search = std::uint64_t{1} << 30;         ///< bytes searched behind a pickle
constexpr std::uint64_t k_search_pure = std::uint64_t{16} << 20;   ///< in a file with a pickle's name that is none
constexpr std::uint64_t k_search_other = std::uint64_t{1} << 20;   ///< in files with names that others use too
constexpr std::uint64_t k_claim = std::uint64_t{1} << 30;          ///< a length that no missing bytes explain

/// One input: its streams in order, and what lies between them.
class Session {
 public:
  explicit Session(ScanContext& context)
      : context_(context), role_(context.probe().role()), judge_(context, setting(role_)), machine_(judge_, context.budget()),
        reader_(context.stream()) {}

  void run() {
    try {
      scan_all();
    } catch (...) {
      judge_.finish();  // what was seen before a limit or a break counts
      throw;
    }
    judge_.finish();
    context_.metadata("protocol", std::to_string(protocol_));
    context_.metadata("streams", std::to_string(streams_));
    context_.metadata("opcodes", std::to_string(machine_.opcodes()));
    context_.metadata("globals", std::to_string(judge_.globals()));
  }

 private:
  static Setting setting(std::string_view role) {
    const bool torch = role == "pytorch-data" || role == "torchscript-archive-data";
    return {.torch_ids = torch, .torch_classes = torch};
  }

  void scan_all();
  RunEnd run_stream();
  void pass_array(const ArrayLayout& layout);
  void pass_raw_array(const ArrayLayout& layout);
  bool padding_unsaid(const ArrayLayout& layout);
  bool skip_padding();
  bool stream_follows();
  void cover(std::uint64_t begin, std::uint64_t end);
  void report_break(const RunEnd& end, bool certain);
  void read_lightly();
  void search(std::uint64_t limit, bool certain);
  void restart_at(std::uint64_t offset);
  void trailing(std::uint64_t begin);

  ScanContext& context_;
  std::string role_;
  Judge judge_;
  Machine machine_;
  std::unique_ptr<ForwardReader> reader_;
  std::vector<ByteRange> arrays_;      ///< raw data between the opcodes
  std::size_t unread_done_ = 0, arrays_done_ = 0;
  std::uint64_t streams_ = 0;
  int protocol_ = 0;
};

void Session::scan_all() {
  const bool role = is_pickle_role(role_);
  const Likeness at_start = likeness(context_.probe());
  const bool certain = role || at_start == Likeness::certain;
  if (at_start == Likeness::none && !(role && reader_->window(1).empty())) {
    context_.inconclusive(GapKind::corrupt, "pickle: no stream begins here", ScanContext::at(0));
    search(certain ? k_search : has_pure_pickle_name(context_.probe()) ? k_search_pure : k_search_other, certain);
    return;
  }
  for (;;) {
    const std::uint64_t begin = reader_->position();
    if (streams_ != 0) machine_.next_stream();
    const RunEnd end = run_stream();
    protocol_ = std::max<int>(protocol_, machine_.protocol());
    judge_.end_stream(!context_.probe().is_stream());
    cover(begin, end.offset);
    if (end.status != RunStatus::stopped) {
      report_break(end, certain || judge_.saw_global());
      if (end.status == RunStatus::exhausted) read_lightly();
      if (!arrays_.empty() && arrays_.back().offset + arrays_.back().length == end.offset) {
        restart_at(arrays_.back().offset);  // the array was not as long as it said, or not there at all
      } else {
        reader_->advance(1);
      }
      search(k_search, certain);
      return;
    }
    ++streams_;
    const std::uint64_t stop = reader_->position();
    if (!skip_padding()) {
      cover(stop, reader_->position());
      return;
    }
    if (streams_ >= k_streams) {
      context_.inconclusive(GapKind::limit, "pickle: more streams than are followed", ScanContext::at(stop));
      return;
    }
    if (!stream_follows()) {
      trailing(stop);
      return;
    }
    cover(stop, reader_->position());
  }
}

RunEnd Session::run_stream() {
  for (;;) {
    const RunEnd end = machine_.run(*reader_);
    if (end.status != RunStatus::interrupted) return end;
    if (const auto layout = judge_.take_array()) pass_array(*layout);
  }
}

void Session::pass_array(const ArrayLayout& layout) {
  if (layout.foreign_class) {
    Finding finding(rules::joblib_array, "the array wrapper makes an object of another class than numpy's arrays", ScanContext::at(layout.offset));
    finding.severity = Severity::critical;
    judge_.emit(std::move(finding));
  }
  if (!layout.problem.empty()) {
    judge_.emit(Finding(rules::joblib_array, layout.problem, ScanContext::at(layout.offset)));
    context_.inconclusive(GapKind::corrupt, "joblib: " + layout.problem, ScanContext::at(layout.offset));
    return;
  }
  if (!layout.is_object) {
    pass_raw_array(layout);
    return;
  }
  // An array of objects is a whole stream of its own in this place.
  const auto level = context_.budget().enter();
  machine_.enter_inner();
  const RunEnd end = run_stream();
  machine_.leave_inner();
  if (end.status != RunStatus::stopped) report_break(end, true);
}

void Session::pass_raw_array(const ArrayLayout& layout) {
  std::uint64_t padding = 0;
  if (layout.is_padded || padding_unsaid(layout)) {
    const ByteView first = reader_->window(1);
    if (first.empty()) return;  // the machine reports the end
    padding = first[0];
    const ByteView bytes = reader_->window(1 + padding).clip(1, padding);
    if (!bytes.all(0xff)) {
      judge_.emit(Finding(rules::joblib_array, "the padding in front of an array is not what joblib writes", ScanContext::at(layout.offset)));
    }
    reader_->advance(1 + padding);
  }
  const std::uint64_t begin = reader_->position();
  const std::uint64_t moved = reader_->advance(layout.data_size);
  arrays_.push_back({begin, moved});
  context_.cover_declared(begin, moved);
  if (moved < layout.data_size) {
    context_.inconclusive(GapKind::truncated, "joblib: the data of an array is cut off", ScanContext::at(begin, layout.data_size));
  }
}

/// Some writers pad without saying so. A loader that goes by the state then fails, so the padded reading is only taken
/// where the plain one ends on no opcode.
bool Session::padding_unsaid(const ArrayLayout& layout) {
  const std::uint64_t begin = reader_->position();
  const auto is_opcode = [&](std::uint64_t offset) {
    const ByteView byte = context_.probe().bytes(offset, 1);
    return !byte.empty() && wire::pickle::opcode_info(byte[0]).operand != wire::pickle::Operand::invalid;
  };
  const auto plain_end = checked_add(begin, layout.data_size);
  if (!plain_end || is_opcode(*plain_end)) return false;
  const ByteView first = context_.probe().bytes(begin, 256);
  if (first.empty() || first.size() <= first[0] || !first.clip(1, first[0]).all(0xff)) return false;
  const auto padded_end = checked_add(*plain_end, std::uint64_t{1} + first[0]);
  return padded_end && is_opcode(*padded_end);
}

bool Session::skip_padding() {
  for (;;) {
    const ByteView window = reader_->window(1);
    if (window.empty()) return false;
    std::uint64_t n = 0;
    while (n < window.size() && (window[n] == 0 || window[n] == '\t' || window[n] == '\n' || window[n] == '\r' || window[n] == ' ')) ++n;
    reader_->advance(n);
    if (n < window.size()) return true;
  }
}

bool Session::stream_follows() {
  wire::pickle::ViewReader ahead(reader_->window(std::min<std::uint64_t>(65536, reader_->max_window())));
  const Likeness like = likeness(ahead);
  return like == Likeness::certain || (like == Likeness::attempt && ahead.window(1)[0] == 0x80);
}

/// Everything interpreted, less what was passed over: large literals and arrays, whose bounds were checked.
void Session::cover(std::uint64_t begin, std::uint64_t end) {
  std::vector<ByteRange> passed(judge_.unread().begin() + static_cast<std::ptrdiff_t>(unread_done_), judge_.unread().end());
  passed.insert(passed.end(), arrays_.begin() + static_cast<std::ptrdiff_t>(arrays_done_), arrays_.end());
  unread_done_ = judge_.unread().size();
  arrays_done_ = arrays_.size();
  std::sort(passed.begin(), passed.end(), [](const ByteRange& a, const ByteRange& b) { return a.offset < b.offset; });
  for (const ByteRange& range : passed) {
    if (range.offset >= end || range.offset < begin) continue;
    context_.cover(begin, range.offset - begin);
    context_.cover_declared(range.offset, std::min(range.length, end - range.offset));
    begin = std::min(end, range.offset + range.length);
  }
  if (end > begin) context_.cover(begin, end - begin);
}

void Session::report_break(const RunEnd& end, bool certain) {
  const Location where = ScanContext::at(end.offset);
  const std::string what = fmt::format("pickle: {}", end.what);
  switch (end.status) {
    case RunStatus::malformed:
      if (certain) judge_.emit(Finding(rules::pickle_malformed, fmt::format("the stream breaks: {}", end.what), where, {{"cause", end.what}}));
      context_.inconclusive(GapKind::corrupt, what, where);
      return;
    case RunStatus::truncated: {
      context_.inconclusive(GapKind::truncated, what, where);
      const ByteView head = context_.probe().bytes(end.offset, 9);
      if (head.empty()) return;
      const wire::pickle::Operand operand = wire::pickle::opcode_info(head[0]).operand;
      std::uint64_t claimed = 0;
      if (operand == wire::pickle::Operand::bytes8) claimed = head.le<std::uint64_t>(1).value_or(0);
      if (operand == wire::pickle::Operand::bytes4 || operand == wire::pickle::Operand::bytes_s4) claimed = head.le<std::uint32_t>(1).value_or(0);
      if (claimed > k_claim) {
        judge_.emit(Finding(rules::pickle_memory_bomb, fmt::format("an operand claims {} bytes, which are not there", claimed), where, {{"length", std::to_string(claimed)}}));
      }
      return;
    }
    case RunStatus::exhausted: context_.inconclusive(GapKind::limit, what, where); return;
    case RunStatus::stopped:
    case RunStatus::interrupted: return;
  }
}

/// Beyond the opcode limit: names only, to the end of the stream.
void Session::read_lightly() {
  wire::pickle::Lexer lexer(*reader_);
  wire::pickle::Token token;
  std::string last[2];
  for (std::uint64_t n = 0; lexer.next(token) == wire::pickle::LexStatus::ok; ++n) {
    if (n % 4096 == 0) context_.budget().checkpoint();
    switch (token.code) {
      case wire::pickle::op_global:
      case wire::pickle::op_inst: judge_.light_global(token.data.text(), token.second.text(), token.offset); break;
      case wire::pickle::op_stack_global: judge_.light_global(last[0], last[1], token.offset); break;
      case wire::pickle::op_short_binunicode:
      case wire::pickle::op_binunicode:
      case wire::pickle::op_short_binstring:
        if (token.data_size > 512) break;
        last[0].swap(last[1]);
        last[1] = token.data.text();
        break;
      default: break;
    }
  }
  lexer.sync();
}

void Session::restart_at(std::uint64_t offset) {
  reader_ = context_.stream();
  reader_->advance(offset);
}

void Session::search(std::uint64_t limit, bool certain) {
  const std::uint64_t first = reader_->position();
  judge_.set_embedded(true);
  for (std::uint64_t hits = 0; hits < k_hits; ++hits) {
    const std::uint64_t begin = reader_->position();
    const auto hit = find_stream(*reader_, limit - std::min(limit, begin - first), context_.budget());
    if (!hit) break;
    if (hit->is_bare) {
      if (certain) judge_.light_global(hit->module, hit->name, hit->offset);
      reader_->advance(1);
      continue;
    }
    machine_.next_stream();
    const RunEnd end = run_stream();
    judge_.end_stream(false);
    judge_.finish();
    if (certain) {
      context_.report(Finding(rules::pickle_embedded, "a pickle stream lies between bytes that are none", ScanContext::at(hit->offset, end.offset - hit->offset)));
    }
    if (end.status != RunStatus::stopped && reader_->stable()) restart_at(hit->offset + 1);
  }
  judge_.set_embedded(false);
  if (certain && reader_->position() > first) context_.cover(first, reader_->position() - first);
}

void Session::trailing(std::uint64_t begin) {
  const auto total = reader_->size();
  Finding finding(rules::pickle_trailing, "bytes behind the last object that are no pickle", ScanContext::at(begin));
  if (total) {
    finding.where.length = *total - begin;
    finding.message = fmt::format("{} bytes behind the last object that are no pickle", *total - begin);
  }
  context_.report(std::move(finding));
  search(k_search, true);
  if (!reader_->at_end()) context_.inconclusive(GapKind::limit, "pickle: more bytes behind the last object than are searched", ScanContext::at(reader_->position()));
}

class PickleScanner final : public Scanner {
 public:
  const ScannerInfo& info() const noexcept override { return info_; }

  Match match(const Probe& probe) const override {
    const std::string_view role = probe.role();
    if (is_torch_legacy(probe.head())) return Match::no;  // its own scanner reads all streams, and the weights between
    if (is_pickle_role(role)) return Match::strong;
    if (probe.head().empty()) return Match::no;
    if (likeness(probe) == Likeness::certain) return Match::strong;
    return has_pickle_name(probe) ? Match::weak : Match::no;
  }

  void scan(ScanContext& context) const override { Session(context).run(); }

 private:
  ScannerInfo info_{.id = "pickle",
                    .version = 1,
                    .description = "Python pickle of any protocol, also joblib, dill and cloudpickle",
                    .extensions = {".pkl", ".pickle", ".joblib", ".dill", ".sav", ".p", ".pk"},
                    .forward_only = true};
};

}  // namespace

const Scanner& pickle() {
  static const PickleScanner scanner;
  return scanner;
}

}  // namespace modelaudit::formats
