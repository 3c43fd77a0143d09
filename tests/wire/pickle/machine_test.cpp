#include <catch2/catch.hpp>

#include "formats/pickle/assemble.hpp"
#include "wire/pickle/machine.hpp"
#include "wire/pickle/view_reader.hpp"

using namespace modelaudit;
using namespace modelaudit::test;
using namespace modelaudit::wire::pickle;

namespace {

/// Writes down what happens, one line an event.
struct Recorder : Observer {
  std::vector<std::string> calls;
  std::vector<Anomaly> anomalies;
  std::vector<std::string> persistent;
  void on_call(const Machine& m, const Call& call) override { calls.push_back(m.describe(call.callable) + m.describe(call.args)); }
  void on_anomaly(const Machine&, Anomaly anomaly, std::uint64_t, std::uint64_t) override { anomalies.push_back(anomaly); }
  void on_persistent_id(const Machine& m, Value id, std::uint64_t, std::uint8_t) override { persistent.push_back(m.describe(id)); }
};

/// A reader that hands out little at a time and takes its views back, as a decoder does.
class Trickle final : public ForwardReader {
 public:
  explicit Trickle(std::string data) : data_(std::move(data)) {}
  std::uint64_t position() const noexcept override { return at_; }
  ByteView window(std::uint64_t min) override {
    held_.assign(data_, at_, std::min<std::uint64_t>(std::max<std::uint64_t>(min, 1), max_window()));
    return as_view(held_, at_);
  }
  std::uint64_t advance(std::uint64_t n) override {
    held_.assign(held_.size(), '?');  // views die here
    n = std::min<std::uint64_t>(n, data_.size() - at_);
    at_ += n;
    return n;
  }
  std::uint64_t max_window() const noexcept override { return 1 << 17; }
  bool stable() const noexcept override { return false; }
  std::optional<std::uint64_t> size() const noexcept override { return std::nullopt; }

 private:
  std::string data_, held_;
  std::uint64_t at_ = 0;
};

struct Ran {
  Recorder seen;
  RunEnd end;
  std::string result;
  std::uint64_t memory = 0;
};

Ran run(const std::string& data, bool trickle = false) {
  Ran out;
  const Limits limits;
  Budget budget(limits);
  Machine machine(out.seen, budget);
  if (trickle) {
    Trickle in(data);
    out.end = machine.run(in);
  } else {
    ViewReader in(as_view(data));
    out.end = machine.run(in);
  }
  out.result = machine.describe(machine.result());
  out.memory = limits.memory - budget.memory_left();
  return out;
}

}  // namespace

TEST_CASE("Every kind of value comes out as it went in", "[wire]") {
  CHECK(run(pickle4("(K\x01J" + le(0xfffffffe, 4) + "N\x88\x89" + str("a") + "C\x01z" "t")).result == "(1, -2, None, True, False, 'a', b'z')");
  CHECK(run("I0x1f\n.").result == "31");
  CHECK(run("I-5\n.").result == "-5");
  CHECK(run("L123L\n.").result == "123");
  CHECK(run("I01\n.").result == "True");
  CHECK(run("S'a\\x41\\n'\n.").result == "'aA\n'");
  CHECK(run("Va\\u0041\n.").result == "'aA'");
  CHECK(run(pickle4(raw({0x8a, 2, 0xff, 0xff}))).result == "-1");
  CHECK(run(pickle4("}(" + str("k") + "]K\x01" "au")).result == "{'k', [1]}");
}

TEST_CASE("DUP, GET and the memo share one value", "[wire]") {
  CHECK(run(pickle4("]\x94h" + raw({0}) + "K\x07" "a0h" + raw({0}))).result == "[7]");
  CHECK(run(pickle4("]2K\x07" "a0")).result == "[7]");
  CHECK(run("(lp5\n0g5\nI1\na.").result == "[1]");
}

TEST_CASE("A call is told with its callable and arguments", "[wire]") {
  CHECK(run("cm\nf\n(I1\ntR.").seen.calls == std::vector<std::string>{"m.f(1)"});
  CHECK(run("(I1\nim\nf\n.").seen.calls == std::vector<std::string>{"m.f(1)"});
  CHECK(run("(cm\nf\nI1\no.").seen.calls == std::vector<std::string>{"m.f(1)"});
  CHECK(run(pickle4(stack_global("m", "C") + ")}\x92")).seen.calls == std::vector<std::string>{"m.C()"});
  const Ran partial = run(pickle4(reduce(reduce(stack_global("functools", "partial"), tuple2(stack_global("m", "f"), "K\x01")), tuple1("K\x02"))));
  REQUIRE(partial.seen.calls.size() == 3);
  CHECK(partial.seen.calls[2] == "m.f(1, 2)");
}

TEST_CASE("A reader whose views die is followed just so", "[wire]") {
  const std::string data = pickle4("](" + bytes(std::string(300'000, 'w')) + system_call() + "e");
  CHECK(run(data, true).seen.calls == std::vector<std::string>{"os.system('echo pwned')"});
  CHECK(run(data, true).end.status == RunStatus::stopped);
  CHECK(run(data, true).end.offset == data.size());
  CHECK(run(data.substr(0, 200'000), true).end.status == RunStatus::truncated);
}

TEST_CASE("Broken streams end with their reason", "[wire]") {
  CHECK(run("0.").end.status == RunStatus::malformed);
  CHECK(run(".").end.status == RunStatus::malformed);
  CHECK(run("(.").end.status == RunStatus::malformed);
  CHECK(run("t.").end.status == RunStatus::malformed);
  CHECK(run("N").end.status == RunStatus::truncated);
  CHECK(run("}(NuN.").end.status == RunStatus::malformed);
  CHECK(run("(0N.").end.status == RunStatus::stopped);  // POP drops the mark
  CHECK(run(std::string("g7\n.")).seen.anomalies == std::vector<Anomaly>{Anomaly::memo_unset});
}

TEST_CASE("Persistent ids carry their value", "[wire]") {
  CHECK(run("Pabc\n.").seen.persistent == std::vector<std::string>{"'abc'"});
  CHECK(run(pickle4(tuple2(str("storage"), "K\x05") + "Q")).seen.persistent == std::vector<std::string>{"('storage', 5)"});
}

TEST_CASE("Sixteen bytes a memo entry, folded values none beside it", "[wire]") {
  std::string texts = proto(4) + "]\x94(";
  std::string pairs = texts;
  constexpr std::uint64_t k_count = 200'000;
  for (std::uint64_t i = 0; i < k_count; ++i) {
    if (i != 0 && i % 1000 == 0) {  // as a pickler writes its batches
      texts += "e(";
      pairs += "e(";
    }
    texts += str("t" + std::to_string(i)) + "\x94";
    pairs += "K\x01K\x02\x86\x94";
  }
  CHECK(run(texts + "e.").memory <= k_count * 16);
  CHECK(run(pairs + "e.").memory <= k_count * 16);
}

TEST_CASE("Far memo indexes cost no more than near ones", "[wire]") {
  const Ran far = run(proto(2) + "Nr" + le(0x7fffffff, 4) + "0j" + le(0x7fffffff, 4) + ".");
  CHECK(far.end.status == RunStatus::stopped);
  CHECK(far.result == "None");
  CHECK(far.memory < 1 << 20);
  CHECK(far.seen.anomalies == std::vector<Anomaly>{Anomaly::memo_index});
}
