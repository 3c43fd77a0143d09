#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "detect/paths.hpp"
#include "formats/shard_index/layout.hpp"
#include "formats/shard_index/tensor_table.hpp"
#include "modelaudit/scanner.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::formats {
namespace {

namespace layout = shard_index_layout;

constexpr std::uint64_t k_max_index = std::uint64_t{256} << 20;  // 250,000 tensors take 25 MB
constexpr std::uint64_t k_length_size = 8;                       // of a safetensors header, u64 little-endian
constexpr std::uint64_t k_max_header = 100'000'000;              // MAX_HEADER_SIZE of the reference reader
constexpr std::size_t k_examples = 5;
constexpr std::size_t k_name_shown = 256;                        // bytes of a name that messages repeat
constexpr std::size_t k_files_listed = 1000;
constexpr std::uint64_t k_file_cost = 128;                       // bytes of memory for what is kept of a file

/// How often something was met, and the first few names.
struct Tally {
  std::uint64_t count = 0;
  std::vector<std::string> examples;

  void add(std::string_view name) {
    if (++count <= k_examples) examples.emplace_back(name.substr(0, k_name_shown));
  }
  std::string text() const {
    std::string out;
    for (const std::string& name : examples) out += (out.empty() ? "" : ", ") + name;
    if (count > examples.size()) out += " and " + std::to_string(count - examples.size()) + " more";
    return out;
  }
};

/// A file that the index names.
struct NamedFile {
  std::string name;
  std::uint64_t offset = 0;   ///< of its first tensor in the index
  bool was_checked = false;   ///< its header was compared with the index
};

bool is_end_of_scan(Errc code) {
  return code == Errc::cancelled || code == Errc::timed_out || code == Errc::limit || code == Errc::io_error || code == Errc::changed;
}

class ShardIndexScan final : layout::IndexObserver, layout::HeaderObserver {
 public:
  explicit ShardIndexScan(ScanContext& context) : context_(context), charge_(context.budget()), tensors_(context.budget()) {}

  void run() {
    if (context_.size() > k_max_index) throw_malformed(Errc::limit, 0, "shard index: longer than 256 MiB");
    json_ = context_.bytes(0, context_.size());
    const layout::Index index = layout::parse_index(json_, context_.budget(), *this);
    if (!index.has_map) throw_malformed(Errc::malformed, 0, "shard index: no weight_map");
    context_.cover(0, index.end);
    tell_facts(index);
    judge_duplicates();
    judge_names();
    if (context_.has_folder()) look_at_files();
    if (std::any_of(files_.begin(), files_.end(), [](const NamedFile& file) { return file.was_checked; })) compare();
  }

 private:
  // --- the index itself ------------------------------------------------------------------------------------------

  void on_problem(layout::Problem problem, std::uint64_t offset) override {
    const auto report = [&](const Rule& rule, const char* message) { context_.report(Finding(rule, message, context_.at(offset))); };
    switch (problem) {
      case layout::Problem::second_map: return report(rules::shard_index_duplicate, "weight_map occurs twice");
      case layout::Problem::bad_map: return report(rules::shard_index_entry, "weight_map is no object");
      case layout::Problem::bad_file: return report(rules::shard_index_entry, "the file of a tensor is not given as text");
      case layout::Problem::text: return report(rules::shard_index_text, "the index holds text that strict readers refuse");
    }
  }

  void on_tensor(std::string_view tensor, std::string_view file, std::uint64_t offset) override {
    if (comparing_) return note_unmet(tensor);
    const std::uint32_t id = file_id(file, offset);
    TensorTable::Entry& entry = tensors_.at(tensor);
    const bool several_files = offset == last_offset_;  // an array of files is no duplicate
    if (entry.named_in != TensorTable::k_no_file && !several_files) (entry.named_in == id ? repeated_ : contradicted_).add(tensor);
    entry.named_in = id;
    last_offset_ = offset;
  }

  std::uint32_t file_id(std::string_view name, std::uint64_t offset) {
    if (const auto known = ids_.find(name); known != ids_.end()) return known->second;
    charge_.add(k_file_cost + 2 * name.size());
    const auto id = static_cast<std::uint32_t>(files_.size());
    files_.push_back({std::string(name), offset});
    ids_.emplace(name, id);
    return id;
  }

  void tell_facts(const layout::Index& index) {
    context_.metadata("tensor_count", std::to_string(tensors_.size()));
    context_.metadata("shard_count", std::to_string(files_.size()));
    if (index.total_size) context_.metadata("total_size", std::to_string(*index.total_size));
    std::string names;
    for (const auto& [name, id] : ids_) {
      const bool is_sane = name.size() <= k_name_shown && name.find('\n') == std::string::npos;
      if (id < k_files_listed && is_sane) names += (names.empty() ? "" : "\n") + name;
    }
    context_.metadata("shards", std::move(names));
  }

  void judge_duplicates() {
    tell(rules::shard_index_duplicate, "tensors are assigned to two files", contradicted_, {});
    tell(rules::shard_index_duplicate, "tensors are assigned twice, to the same file", repeated_, Severity::info);
  }

  void judge_names() {
    for (const NamedFile& file : files_) {
      const detect::NameJudgement judged = detect::judge_reference(file.name);
      for (Finding& finding : detect::reference_findings(judged, "weight_map", context_.at(file.offset))) context_.report(std::move(finding));
    }
  }

  // --- the files that it names -----------------------------------------------------------------------------------

  void look_at_files() {
    Tally absent;
    Tally elsewhere;
    Tally unreadable;
    std::uint64_t bytes = 0;
    for (std::uint32_t id = 0; id < files_.size(); ++id) {
      NamedFile& file = files_[id];
      const auto sibling = context_.sibling(file.name);
      if (!sibling) {
        (is_listed(file.name) ? elsewhere : absent).add(file.name);
        continue;
      }
      bytes += sibling->size();
      if (!file.name.ends_with(".safetensors")) continue;
      current_ = id;
      file.was_checked = read_header(*sibling);
      if (!file.was_checked) unreadable.add(file.name);
    }
    context_.metadata("shard_bytes", std::to_string(bytes));
    if (absent.count > 0) {
      const std::string counts = std::to_string(absent.count) + " of the " + std::to_string(files_.size());
      context_.inconclusive(GapKind::missing, counts + " files that the index names are absent: " + absent.text(), {});
    }
    if (unreadable.count > 0) {
      context_.inconclusive(GapKind::corrupt, "headers of shards that cannot be read: " + unreadable.text(), {});
    }
    tell(rules::shard_link, "files that the index names are links out of the folder, or no files", elsewhere, {});
  }

  /// Is there something of that name, though not a file beside this one?
  bool is_listed(const std::string& name) {
    const std::size_t slash = name.rfind('/') + 1;
    const std::size_t dot = std::max(name.rfind('.'), slash);
    // One listing for all files of a folder and extension; the name itself may hold what patterns give a meaning to.
    const bool is_plain = dot < name.size() && name.find_first_of("*?", dot) == std::string::npos;
    const std::vector<std::string> names = context_.listing(name.substr(0, slash) + "*" + (is_plain ? name.substr(dot) : ""));
    return std::binary_search(names.begin(), names.end(), name.substr(slash));
  }

  bool read_header(Sibling& shard) {
    if (shard.size() < k_length_size) return false;
    const std::uint64_t length = *shard.bytes(0, k_length_size).le<std::uint64_t>(0);
    if (length > k_max_header || length > shard.size() - k_length_size) return false;
    try {
      layout::parse_shard_header(shard.bytes(k_length_size, length), context_.budget(), *this);
    } catch (const Malformed& malformed) {
      if (is_end_of_scan(malformed.failure().code)) throw;
      return false;
    }
    return true;
  }

  void on_shard_tensor(std::string_view tensor, std::uint32_t form) override {
    TensorTable::Entry& entry = tensors_.at(tensor);
    if (entry.named_in == TensorTable::k_no_file) unlisted_.add(tensor);
    if (entry.named_in == current_) entry.met_where_named = true;
    if (entry.met_in == TensorTable::k_no_file) {
      entry.met_in = current_;
      entry.form = form;
    } else if (entry.met_in != current_) {
      (entry.form == form ? twice_ : conflicting_).add(tensor);
    }
  }

  // --- both together ---------------------------------------------------------------------------------------------

  void compare() {
    std::uint64_t unmet = 0;
    for (const TensorTable::Entry& entry : tensors_.slots()) {
      if (entry.hash != 0 && is_unmet(entry)) ++unmet;
    }
    if (unmet > 0) {
      // The names were not kept: a second walk finds those that are wanted now.
      comparing_ = true;
      (void)layout::parse_index(json_, context_.budget(), *this);
    }
    tell(rules::shard_index_mismatch, "the index names tensors that no shard holds", phantom_, {});
    tell(rules::shard_index_misplaced, "tensors lie in another shard than the index says", misplaced_, {});
    tell(rules::shard_tensor_conflict, "tensors lie in several shards, with different shapes or types", conflicting_, {});
    tell(rules::shard_tensor_twice, "tensors lie in several shards", twice_, {});
    tell(rules::shard_tensor_unlisted, "shards hold tensors that the index does not name", unlisted_, {});
  }

  /// Its shard was read and does not hold it.
  bool is_unmet(const TensorTable::Entry& entry) const {
    return entry.named_in != TensorTable::k_no_file && files_[entry.named_in].was_checked && !entry.met_where_named;
  }

  void note_unmet(std::string_view tensor) {
    TensorTable::Entry& entry = tensors_.at(tensor);
    if (!is_unmet(entry)) return;
    (entry.met_in == TensorTable::k_no_file ? phantom_ : misplaced_).add(tensor);
    entry.met_where_named = true;  // counted once, however often it is named
  }

  void tell(const Rule& rule, const char* message, const Tally& tally, std::optional<Severity> severity) {
    if (tally.count == 0) return;
    Finding finding(rule, message, {}, {{"count", std::to_string(tally.count)}, {"names", tally.text()}});
    if (severity) finding.severity = *severity;
    context_.report(std::move(finding));
  }

  ScanContext& context_;
  MemoryCharge charge_;
  TensorTable tensors_;
  ByteView json_;
  std::vector<NamedFile> files_;
  std::map<std::string, std::uint32_t, std::less<>> ids_;
  std::uint64_t last_offset_ = ~std::uint64_t{0};
  std::uint32_t current_ = TensorTable::k_no_file;
  bool comparing_ = false;
  Tally repeated_;
  Tally contradicted_;
  Tally unlisted_;
  Tally twice_;
  Tally conflicting_;
  Tally phantom_;
  Tally misplaced_;
};

class ShardIndexScanner final : public Scanner {
 public:
  const ScannerInfo& info() const noexcept override {
    static const ScannerInfo info{.id = "shard-index",
                                  .version = 1,
                                  .description = "Index of a sharded model: paths, presence and tensors of its shards",
                                  .extensions = {".index.json"}};
    return info;
  }

  // Loaders go by the name: under it the map may stand anywhere, under others only where writers put it.
  Match match(const Probe& probe) const override {
    const ByteView head = probe.head();
    std::uint64_t at = head.starts_with("\xEF\xBB\xBF") ? 3 : 0;
    while (at < head.size() && (head[at] == ' ' || head[at] == '\n' || head[at] == '\r' || head[at] == '\t')) ++at;
    if (at >= head.size() || head[at] != '{') return Match::no;
    const bool named = probe.name_ends_with(".index.json");
    if (!named && !head.find("\"weight_map\"")) return Match::no;
    if (layout::has_weight_map(head)) return Match::strong;
    const bool goes_on = named && probe.size().value_or(0) > head.size();
    return goes_on && layout::has_weight_map(probe.bytes(0, k_max_index)) ? Match::strong : Match::no;
  }

  void scan(ScanContext& context) const override { ShardIndexScan(context).run(); }
};

}  // namespace

const Scanner& shard_index() {
  static const ShardIndexScanner scanner;
  return scanner;
}

}  // namespace modelaudit::formats
