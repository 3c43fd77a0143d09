/// @file
/// Judge: hears what a loader would do and says what is wrong with it. One for each input, over all its streams.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "detect/literals.hpp"
#include "detect/python_globals.hpp"
#include "formats/pickle/arrays.hpp"
#include "modelaudit/scanner.hpp"
#include "wire/pickle/machine.hpp"

namespace modelaudit::formats::pickles {

/// Where the stream comes from decides what is ordinary in it.
struct Setting {
  bool torch_ids = false;      ///< persistent ids of torch storages are ordinary
  bool torch_classes = false;  ///< __torch__ classes live in the archive itself
};

/// What is done with a global; most follow from the table, some from how they are used.
enum class Treatment : std::uint8_t {
  safe,
  unknown,
  main,             ///< __main__: defined by the loading script
  warning,
  critical,
  getattr,          ///< harmless where Python writes it for bound methods
  constructs,       ///< copyreg.__newobj__: as bad as the class it is given
  builds_class,     ///< builtins.type with three arguments
  binds,            ///< functools.partial: as bad as what it binds
  bytecode,         ///< helper of dill and cloudpickle: as bad as the bytecode
  torch_bytes,      ///< torch.storage._load_from_bytes: as bad as the bytes
  graph_code,       ///< torch.fx: as bad as the source text of its forward()
  loader,           ///< pickle.loads and the like
  allocates,        ///< safe, but its argument may be a size
  rebuilds,         ///< NumPy's rebuilding of a function by module and name: as bad as that name
  distribution,     ///< SciPy's distributions: as bad as the source text in their state
};

class Judge final : public wire::pickle::Observer {
 public:
  Judge(ScanContext& context, Setting setting) : context_(context), setting_(setting) {}

  // --- what the scanner tells it -------------------------------------------------------------------------------
  /// Findings of a stream found by searching count only when they are critical.
  void set_embedded(bool embedded) noexcept { embedded_ = embedded; }
  /// A stream ended: looks into its literals.
  void end_stream(bool have_bytes);
  /// The input ended, or the scan of it: what was held back is reported. Called once.
  void finish();
  /// The array whose raw data follows the opcode that interrupted the machine.
  std::optional<ArrayLayout> take_array();
  /// Large literals: their bytes were passed over.
  const std::vector<ByteRange>& unread() const noexcept { return unread_; }
  bool saw_dangerous_call() const noexcept { return dangerous_calls_ != 0; }
  bool saw_global() const noexcept { return !states_.empty(); }
  std::uint64_t globals() const noexcept { return states_.size(); }
  /// A dangerous name met by a lighter reading than the machine's.
  void light_global(std::string_view module, std::string_view name, std::uint64_t offset);
  void emit(Finding finding);

  // --- Observer --------------------------------------------------------------------------------------------------
  std::pair<std::string, std::string> canonical(const wire::pickle::Global& global) override;
  void on_global(const wire::pickle::Machine&, wire::pickle::Value, std::uint64_t offset, std::uint8_t opcode) override;
  void on_dynamic_global(const wire::pickle::Machine&, wire::pickle::Value module, wire::pickle::Value name,
                         std::uint64_t offset) override;
  void on_call(const wire::pickle::Machine&, const wire::pickle::Call&) override;
  void on_build(const wire::pickle::Machine&, const wire::pickle::Build&) override;
  void on_item_write(const wire::pickle::Machine&, const wire::pickle::ItemWrite&) override;
  void on_persistent_id(const wire::pickle::Machine&, wire::pickle::Value, std::uint64_t offset,
                        std::uint8_t opcode) override;
  void on_extension(const wire::pickle::Machine&, std::int64_t code, std::uint64_t offset) override;
  void on_literal(const wire::pickle::Machine&, const wire::pickle::Literal&) override;
  void on_anomaly(const wire::pickle::Machine&, wire::pickle::Anomaly, std::uint64_t offset, std::uint64_t detail) override;

 private:
  using Machine = wire::pickle::Machine;
  using Value = wire::pickle::Value;
  using Call = wire::pickle::Call;

  /// What is known of one global of the input.
  struct State {
    detect::GlobalJudgement judgement;
    Treatment treatment = Treatment::safe;
    bool reported = false;     ///< as a call or otherwise
    bool held = false;         ///< reported as an import unless a call comes
    bool counted = false;      ///< among the unknown ones
    std::uint64_t offset = 0;  ///< first import
    std::uint8_t opcode = 0;
    std::uint32_t calls = 0;
    detect::GlobalKind constructor = detect::GlobalKind::unknown;  ///< of a safe class: what its __init__ does
    bool constructor_known = false;
    std::set<std::string> arguments;  ///< of calls already reported
    std::string module, name, written;
    bool computed = false;
  };
  /// A literal that may hide something.
  struct Candidate {
    std::uint64_t size = 0;
    bool is_text = false;
    bool is_argument = false;
    bool is_loaded = false;
    std::string loaded_by;
    std::vector<std::byte> copy;  ///< of an input that cannot be read again
  };

  State& state(const Machine& machine, Value global);
  Treatment treat(const State& state) const;
  void count_unknown(State& state, std::uint64_t offset);
  void report_global(State& state, const Rule& rule, std::string message, std::uint64_t offset, std::uint8_t opcode,
                     const std::string& arguments, Severity severity);
  void report_import(State& state);

  // judge_calls.cpp
  void call_global(const Machine& machine, const Call& call, State& state);
  void call_other(const Machine& machine, const Call& call);
  void call_getattr(const Machine& machine, const Call& call, State& state);
  void call_bytecode(const Machine& machine, const Call& call, State& state);
  void call_torch_bytes(const Machine& machine, const Call& call, State& state);
  void call_constructor(const Machine& machine, const Call& call, State& state);
  void call_rebuild(const Machine& machine, const Call& call, State& state);
  void build_distribution(const Machine& machine, const wire::pickle::Build& build, State& state);
  bool reaches_harm(const Machine& machine, Value instance, std::string_view attribute) const;
  void call_graph_code(const Machine& machine, const Call& call, State& state);
  void check_allocation(const Machine& machine, const Call& call, const State& state);
  void check_code_text(const Machine& machine, const Call& call, std::string_view callee);
  void report_call(State& state, const Machine& machine, const Call& call);
  void mark_arguments(const Machine& machine, const Call& call, const State* state);
  bool is_safe_object(const Machine& machine, Value v);
  static bool is_source_marker(const wire::pickle::Machine& machine, wire::pickle::Value id);
  std::uint32_t base_global(const Machine& machine, Value v) const;
  void state_keys(const Machine& machine, const wire::pickle::Build& build, Value state, int level);
  void note_once(const char* key, Finding finding);

  // literals.cpp
  void examine(std::uint64_t offset, Candidate& candidate, bool have_bytes);

  ScanContext& context_;
  Setting setting_;
  bool embedded_ = false;
  bool extension_registered_ = false;
  bool has_dill_functions_ = false;
  std::uint64_t dangerous_calls_ = 0;
  std::deque<State> states_;                   ///< by index of the machine's globals
  std::vector<std::uint32_t> import_order_;    ///< indexes of those to be reported as imports
  std::map<std::string, std::uint64_t> unknown_;  ///< "module.name" -> first offset
  std::map<std::string, std::uint64_t> main_;
  std::uint64_t bytecode_functions_ = 0;
  std::uint64_t bytecode_offset_ = 0;
  std::set<std::string> noted_;
  std::map<std::uint64_t, Candidate> candidates_;  ///< by offset of the data
  std::uint64_t copied_ = 0;
  bool literal_limit_ = false;
  detect::LiteralDecoder decoder_;
  std::optional<ArrayLayout> array_;
  std::vector<ByteRange> unread_;
};

/// "module.name" as reports show it.
std::string dotted(std::string_view module, std::string_view name);

}  // namespace modelaudit::formats::pickles
