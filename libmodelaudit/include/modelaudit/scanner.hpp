/// @file
/// What a scanner is and all that it may touch. Hosts implement Scanner; they only call the other classes here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "modelaudit/budget.hpp"
#include "modelaudit/bytes.hpp"
#include "modelaudit/export.hpp"
#include "modelaudit/finding.hpp"

namespace modelaudit {

/// How sure a scanner is, from the content, that an input is its own.
enum class Match : std::uint8_t {
  no,
  /// A weak sign: a short magic that other formats share, or only the name. The input is scanned, but a failure to
  /// parse it does not count when another scanner has a strong match.
  weak,
  strong,
};

/// What match() may look at. Everything that is asked here becomes part of the trace that a cached result rests on.
/// Called, not implemented, by users of the library.
class MODELAUDIT_EXPORT Probe {
 public:
  virtual ~Probe();
  /// Bytes in the input; nothing when it is a stream whose end is not known yet.
  virtual std::optional<std::uint64_t> size() const = 0;
  /// The first bytes, up to 64 KiB.
  virtual ByteView head() const = 0;
  /// The last bytes, up to `n` (at most 1 MiB); empty for a stream.
  virtual ByteView tail(std::uint64_t n) const = 0;
  /// Any range, cut to what is there; empty for a stream beyond its head.
  virtual ByteView bytes(std::uint64_t offset, std::uint64_t n) const = 0;
  /// Does the name end so? ASCII case is ignored. `suffix` starts with its dot where it has one.
  virtual bool name_ends_with(std::string_view suffix) const = 0;
  /// What the parent knows about this input: "chat-template", "python-source", "torchscript-source" …; empty: nothing.
  virtual std::string_view role() const = 0;
  /// True for a decoded member too large to hold in memory: only forward-only scanners can read it.
  virtual bool is_stream() const = 0;
  /// True for a file named by the caller, false for anything found inside one.
  virtual bool is_top_level() const = 0;
};

/// An input in order, for what need not or cannot be held in memory.
///
/// Over a mapped file or a buffer the views are zero-copy and live as long as the scan (`stable()`); over a decoded
/// stream a view is valid until the next call of window() or advance().
class MODELAUDIT_EXPORT ForwardReader {
 public:
  virtual ~ForwardReader();
  /// Offset of the next byte, from the start of the input.
  virtual std::uint64_t position() const noexcept = 0;
  /// The bytes from position() on: at least `min` of them unless the input ends sooner or `min` exceeds max_window().
  /// Usually more. Only what lies in handed-out windows counts as read.
  virtual ByteView window(std::uint64_t min) = 0;
  /// Moves on by `n` bytes, beyond the window too; returns by how many (fewer only at the end of the input).
  virtual std::uint64_t advance(std::uint64_t n) = 0;
  /// Largest window that can be had at once.
  virtual std::uint64_t max_window() const noexcept = 0;
  virtual bool stable() const noexcept = 0;
  /// Bytes in the input, when known.
  virtual std::optional<std::uint64_t> size() const noexcept = 0;
  bool at_end() { return window(1).empty(); }
};

/// A pull decoder, for children that are decoded as they are read.
class MODELAUDIT_EXPORT ByteSource {
 public:
  virtual ~ByteSource();
  /// Fills `into` from the start; returns how many bytes, 0 only at the end. Malformed input: throws Malformed, after
  /// everything before the damage was handed out.
  virtual std::size_t read(std::span<std::byte> into) = 0;
};

/// A contiguous part of an input.
struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;

  bool operator==(const ByteRange&) const = default;
};

/// Something found inside an input, for the engine to identify and scan like any other.
struct Child {
  using Decoder = std::function<std::unique_ptr<ByteSource>()>;  ///< opens the decoder anew at each call

  /// Logical name, as raw as the container has it; the reports escape it.
  std::string name;
  /// A range of the parent (zero-copy), decoded bytes, or a decoder.
  std::variant<ByteRange, std::vector<std::byte>, Decoder> content;
  /// Scanned in addition to what the bytes say; see Probe::role().
  std::string role = {};
  /// Findings inside are reported at most this bad: a pickle that lies in inert data is not loaded by itself.
  Severity ceiling = Severity::critical;
  /// Also recorded with every finding inside, such as {"loaded_by", "torch.load"}.
  Details context = {};
  /// True: not being recognised is ordinary (a readme in an archive). False: it is a gap of the parent.
  bool may_be_unknown = true;
};

/// What the engine found in a child.
struct ChildOutcome {
  std::optional<Severity> worst;      ///< worst finding inside, after the ceiling
  bool complete = true;               ///< no gap inside
  bool recognised = false;            ///< a scanner claimed it
  std::vector<std::string> formats;   ///< ids of the scanners that claimed it
};

/// Another file of the same model, beside the one that is being scanned: a shard, external data, a variables file.
/// What is read of it becomes part of the trace that a cached result rests on. Not kept beyond Scanner::scan().
/// Called, not implemented, by users of the library.
class MODELAUDIT_EXPORT Sibling {
 public:
  virtual ~Sibling();
  /// Bytes in the file.
  virtual std::uint64_t size() const noexcept = 0;
  /// A range of the file, valid as long as this object; positions count from the file's start. Throws Malformed:
  /// truncated outside the file, io_error or changed when it cannot be read any more.
  virtual ByteView bytes(std::uint64_t offset, std::uint64_t length) = 0;
};

/// All that a scanner may touch while it scans one input. Made by the engine; one thread at a time.
class MODELAUDIT_EXPORT ScanContext {
 public:
  virtual ~ScanContext();

  // --- reading -------------------------------------------------------------------------------------------------
  virtual const Probe& probe() const = 0;
  /// Bytes in the input. Malformed (unsupported) for a stream.
  virtual std::uint64_t size() const = 0;
  /// A range of the input: traced, bounds-checked, zero-copy over a mapping, valid for the whole scan.
  /// Throws Malformed (truncated) outside the input and Malformed (unsupported) for a stream.
  virtual ByteView bytes(std::uint64_t offset, std::uint64_t length) = 0;
  /// The input from its start, in order. Each call starts anew.
  virtual std::unique_ptr<ForwardReader> stream() = 0;

  // --- beside the file -----------------------------------------------------------------------------------------
  /// True for a file that lies in a folder the engine may look into; false for bytes, descriptors and members. Where it
  /// is false, nothing is known of siblings: a scanner then says nothing about them.
  virtual bool has_folder() const = 0;
  /// The regular file that a name in the content leads to, from the file's folder; nullptr when there is none or when
  /// the name or a link leads out of the folder (but for the links of the Hugging Face hub's cache). The answer becomes
  /// part of the trace, "there is none" too. Throws Malformed (limit) beyond Limits::siblings.
  virtual std::shared_ptr<Sibling> sibling(std::string_view relative_path) = 0;
  /// The sorted names of what lies in the file's folder, folders and links too, that match a pattern of literal
  /// characters, `*` (any run) and `?` (any one byte). A part up to the last slash names a folder below.
  virtual std::vector<std::string> listing(std::string_view pattern) = 0;

  // --- reporting -----------------------------------------------------------------------------------------------
  /// Records a finding; the engine adds path and members to its location.
  virtual void report(Finding finding) = 0;
  /// Records that a part was not examined. The scan may go on.
  virtual void inconclusive(GapKind kind, std::string what, Location where = {}) = 0;
  /// These bytes were read and understood.
  virtual void cover(std::uint64_t offset, std::uint64_t length) = 0;
  /// These bytes are a weight region whose bounds were checked, but that was not swept.
  virtual void cover_declared(std::uint64_t offset, std::uint64_t length) = 0;
  /// A fact about the input for reports, such as ("tensor_count", "291").
  virtual void metadata(std::string key, std::string value) = 0;

  // --- going on ------------------------------------------------------------------------------------------------
  /// Identifies and scans a child now, under the same budget, one level deeper. Never throws for the child's content.
  virtual ChildOutcome scan_child(Child child) = 0;
  virtual Budget& budget() = 0;
  /// True under --deep: sweep declared weight regions too.
  virtual bool deep() const = 0;

  // --- convenience ---------------------------------------------------------------------------------------------
  static Location at(std::uint64_t offset) {
    Location where;
    where.offset = offset;
    return where;
  }
  static Location at(std::uint64_t offset, std::uint64_t length) {
    Location where = at(offset);
    where.length = length;
    return where;
  }
};

/// A scanner's description.
struct ScannerInfo {
  std::string id;                       ///< kebab-case: "pickle", "pytorch-zip"
  std::uint32_t version = 1;            ///< raised when the same bytes may give another result: part of the cache key
  std::string description;              ///< one line
  std::vector<std::string> extensions;  ///< usual file names, ".pkl"; for listings and hints only
  bool forward_only = false;            ///< reads through stream() alone, so can scan inputs of any decoded size
  bool cacheable = true;                ///< false: results that this scanner took part in are never cached
};

/// A scanner of one format or role. Stateless; shared by all threads.
class MODELAUDIT_EXPORT Scanner {
 public:
  virtual ~Scanner();
  virtual const ScannerInfo& info() const noexcept = 0;
  /// From the content; the name only hints. Never throws for the content.
  virtual Match match(const Probe& probe) const = 0;
  /// Reads through the context, reports into it. May let Malformed escape: the engine records the gap.
  virtual void scan(ScanContext& context) const = 0;
};

/// The scanners an Auditor uses. A value; hosts add their own to a copy of builtin().
class MODELAUDIT_EXPORT ScannerRegistry {
 public:
  /// Every built-in scanner, sorted by id.
  static ScannerRegistry builtin();

  /// Adds a scanner. @throws Error when the id is taken or not kebab-case.
  void add(std::shared_ptr<const Scanner> scanner);
  /// Keeps only these ids (when not empty), then drops `excluded`. @throws Error for an unknown id, naming those known.
  void select(const std::vector<std::string>& only, const std::vector<std::string>& excluded);
  const Scanner* find(std::string_view id) const noexcept;
  const std::vector<std::shared_ptr<const Scanner>>& all() const noexcept { return scanners_; }

 private:
  std::vector<std::shared_ptr<const Scanner>> scanners_;
};

}  // namespace modelaudit
