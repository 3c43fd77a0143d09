/// @file
/// Judgement of names and paths that an input carries: member names of containers, references to companion files,
/// links. One place for all formats, so that each trick is known everywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "modelaudit/finding.hpp"

namespace modelaudit::detect {

/// What a container says about the encoding of its names.
enum class NameCharset : std::uint8_t {
  utf8,    ///< declared UTF-8 (ZIP flag bit 11, pax); bytes that are not are shown as U+FFFD
  cp437,   ///< ZIP without bit 11: UTF-8 when it is valid UTF-8 (most writers), else code page 437
  latin1,  ///< tar: UTF-8 when it is valid UTF-8, else ISO 8859-1
};

/// One thing that is true of a name. A set of them is a PathFacts.
enum class PathFact : std::uint32_t {
  below_root = 1u << 0,      ///< `..` leaves the root, at some point or at the end
  absolute = 1u << 1,        ///< `/x`, `\x`, `//srv/share`, `X:\`, `\\?\`, `~/x` (references only)
  nul = 1u << 2,             ///< a NUL byte inside
  nul_extension = 1u << 3,   ///< cut at the NUL the name has another extension
  control = 1u << 4,         ///< other control bytes
  deceptive = 1u << 5,       ///< bidirectional overrides, zero-width or tag characters
  device = 1u << 6,          ///< a Windows device name as a component: CON, NUL, COM1 …
  stream = 1u << 7,          ///< `name:stream`: an NTFS alternate data stream
  stream_executable = 1u << 8,  ///< … whose stream or file is executable by its extension
  autorun = 1u << 9,         ///< a place that is run or trusted by itself: `.ssh/`, `.bashrc`, `*.pth`, `.git/hooks/` …
  backslash = 1u << 10,      ///< `\` used as a separator
  undecodable = 1u << 11,    ///< not in the declared charset
  url = 1u << 12,            ///< references only: has a URL scheme
  percent_encoded = 1u << 13,  ///< references only: percent-decoding changed it
  sensitive = 1u << 14,      ///< names a system or credential place (`/etc/passwd`, `.aws/credentials`); wording only
  empty = 1u << 15,          ///< nothing is left after normalisation
};

/// A set of PathFact.
class PathFacts {
 public:
  constexpr PathFacts() noexcept = default;
  constexpr bool has(PathFact fact) const noexcept { return (bits_ & static_cast<std::uint32_t>(fact)) != 0; }
  constexpr void add(PathFact fact) noexcept { bits_ |= static_cast<std::uint32_t>(fact); }
  constexpr bool none() const noexcept { return bits_ == 0; }
  constexpr bool operator==(const PathFacts&) const = default;

 private:
  std::uint32_t bits_ = 0;
};

/// A name, judged.
struct NameJudgement {
  std::string display;        ///< valid UTF-8 as a person may read it; control characters are still inside
  std::string normalised;     ///< `/` as separator, `.` and `..` resolved, no trailing `/`; never starts with `/` or `..`
  std::string collision_key;  ///< equal for names that fall together on some file system (case, composition, trailing dots)
  PathFacts facts;
};

/// Judges the name of a container's member as raw bytes.
NameJudgement judge_member_name(std::string_view raw, NameCharset charset = NameCharset::utf8);

/// Judges a reference that a loader resolves against the folder of the file: external data, shard, library, asset.
/// Percent-encoding is decoded once; URL schemes and `~` count, since loaders and shells follow them.
NameJudgement judge_reference(std::string_view raw);

/// The findings that follow from a judged member name (path-traversal, path-absolute, name-nul, …), at `where`.
std::vector<Finding> name_findings(const NameJudgement& name, const Location& where = {});
/// The findings that follow from a judged reference (path-traversal, path-absolute, path-url …); `field` names what
/// holds it, such as "external data location".
std::vector<Finding> reference_findings(const NameJudgement& reference, std::string_view field, const Location& where = {});

/// Final component of a normalised name.
std::string_view base_name(std::string_view normalised) noexcept;
/// Lower-case extension with its dot (".so" for "libx.so", and for "libx.so.1"), or empty.
std::string lower_extension(std::string_view normalised);

/// How a member points to another name.
enum class LinkKind : std::uint8_t {
  symbolic,  ///< target counts from the link's own folder
  hard,      ///< target counts from the root of the archive
};

/// What an extractor would do with a link, or with a member that lies behind one.
struct LinkJudgement {
  bool escapes = false;        ///< resolves to a place outside the root
  bool absolute = false;       ///< the target is absolute
  bool through_link = false;   ///< the member's own folder is reached over an earlier link
  bool overlong = false;       ///< the resolved path exceeds PATH_MAX: filters that resolve paths give up there
  bool looping = false;        ///< the links form a loop
  bool exhausted = false;      ///< more steps than allowed: not resolved to its end
  bool hub_cache = false;      ///< the Hugging Face cache layout, `snapshots/<rev>/x -> ../../blobs/<hash>`
  std::string resolved;        ///< where it ends, with leading `../` or `/` where it leaves the root
};

/// The links of one archive, in archive order: tells where members would really be written.
class LinkTree {
 public:
  /// A link member. The judgement is of the link's target, resolved over earlier links.
  LinkJudgement add_link(std::string_view normalised_name, std::string_view raw_target, LinkKind kind);
  /// An ordinary member: where would it be written, over the links so far?
  LinkJudgement place(std::string_view normalised_name);
  bool has_links() const noexcept { return !links_.empty(); }

 private:
  std::map<std::string, std::string, std::less<>> links_;  // place of the link as written -> raw target
  std::uint64_t steps_ = 0;                                // of k_max_steps, for the whole archive
  LinkJudgement resolve(std::string_view start, std::string_view path, bool follow_last);
};

/// The findings that follow from a link (link-escape, link-absolute, link-overlong, link-loop), at `where`.
std::vector<Finding> link_findings(const LinkJudgement& link, std::string_view name, std::string_view target,
                                   const Location& where = {});
/// The findings that follow from the place of an ordinary member (link-write-through).
std::vector<Finding> placement_findings(const LinkJudgement& place, std::string_view name, const Location& where = {});

}  // namespace modelaudit::detect
