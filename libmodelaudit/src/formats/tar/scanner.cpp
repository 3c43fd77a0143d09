#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <unordered_map>

#include "detect/paths.hpp"
#include "modelaudit/scanner.hpp"
#include "rules/catalogue.hpp"
#include "wire/tar/archive.hpp"
#include "wire/torch/archive_names.hpp"

namespace modelaudit::formats {

namespace tar_archive {

namespace {

using detect::NameJudgement;
using wire::tar::Member;

constexpr std::uint64_t k_most_listed = 1'000'000;
constexpr std::uint64_t k_smallest_slack = 16;

template <typename Read>
wire::tar::Source make_source(std::uint64_t size, Read read) {
  wire::tar::Source source;
  source.size = size;
  source.bytes = [size, read](std::uint64_t offset, std::uint64_t length) {
    if (offset >= size) return ByteView({}, size);
    return ByteView(read(offset, std::min(length, size - offset)).span(), offset);
  };
  return source;
}

/// One walk over the members of a tar file.
class Walk {
 public:
  explicit Walk(ScanContext& context) : ctx_(context) {
    source_ = make_source(context.size(), [&context](std::uint64_t o, std::uint64_t n) { return context.bytes(o, n); });
    source_.checkpoint = [&context] { context.budget().checkpoint(); };
  }

  void run() {
    archive_ = wire::tar::read_archive(source_, std::min(k_most_listed, ctx_.budget().limits().members));
    for (const ByteRange& record : archive_.records) ctx_.cover(record.offset, record.length);
    std::vector<std::string> names;
    for (const Member& member : archive_.members) names.push_back(member.name);
    is_torch_ = wire::torch::is_tar_layout(names);
    ctx_.metadata("members", std::to_string(archive_.members.size()));
    if (archive_.leading_zero && !archive_.members.empty()) {
      ctx_.report(Finding(rules::tar_leading_zero, "Blocks of zeros stand in front of the first member", ctx_.at(0)));
    }
    const std::uint64_t most = ctx_.budget().limits().members_per_container;
    for (std::size_t i = 0; i < archive_.members.size() && i < most; ++i) scan_member(archive_.members[i]);
    if (archive_.limited || archive_.members.size() > most) {
      ctx_.inconclusive(GapKind::limit, "tar: more members than are scanned of one archive", {});
    }
    scan_rest();
  }

 private:
  struct Known {
    std::optional<Severity> worst;
    std::uint64_t offset = 0;
  };

  void report(const Rule& rule, const char* message, const Member& member, Details details = {}) {
    details.insert(details.begin(), {"name", member.name});
    ctx_.report(Finding(rule, message, ctx_.at(member.offset), std::move(details)));
  }

  void scan_member(const Member& member) {
    const NameJudgement name = detect::judge_member_name(member.name, detect::NameCharset::latin1);
    const Location where = ctx_.at(member.offset);
    for (Finding& finding : detect::name_findings(name, where)) ctx_.report(std::move(finding));
    if (member.name != member.header.name) {
      const NameJudgement plain = detect::judge_member_name(member.header.name, detect::NameCharset::latin1);
      for (Finding& finding : detect::name_findings(plain, where)) ctx_.report(std::move(finding));
      // A long name is cut in the plain header; only another extension that is all there renames.
      const std::string extension = detect::lower_extension(plain.normalised);
      if (member.header.name.size() < 100 && !extension.empty() && extension != detect::lower_extension(name.normalised)) {
        report(rules::tar_name_override, "An extended header renames the member to another kind of file", member, {{"header", member.header.name}});
      }
    }
    check_type(member, name);
    std::optional<Severity> worst;
    if (member.data.length != 0) worst = scan_data(member);
    if (member.cut) ctx_.inconclusive(GapKind::truncated, "tar: a member reaches beyond the end of the file", where);
    if (member.is_file()) check_duplicate(member, name, worst);
  }

  void check_type(const Member& member, const NameJudgement& name) {
    const Location where = ctx_.at(member.offset);
    const char type = member.header.type;
    if (type == '1' || type == '2') {
      const auto kind = type == '1' ? detect::LinkKind::hard : detect::LinkKind::symbolic;
      const auto link = links_.add_link(name.normalised, member.link, kind);
      for (Finding& finding : detect::link_findings(link, name.display, member.link, where)) ctx_.report(std::move(finding));
    } else if (links_.has_links()) {
      const auto place = links_.place(name.normalised);
      for (Finding& finding : detect::placement_findings(place, name.display, where)) ctx_.report(std::move(finding));
    }
    if (member.is_special()) report(rules::tar_special, "The archive holds a device or pipe", member);
    if ((member.header.mode & 06000) != 0 && member.is_file()) report(rules::tar_setid, "A member has a set-ID bit", member);
    if (member.pax_size) {
      report(rules::tar_pax_size_conflict, "A pax record and the header give a member different sizes", member,
             {{"header", std::to_string(member.header.size)}, {"pax", std::to_string(*member.pax_size)}});
    }
    if (!member.is_file() && member.data.length != 0) {
      report(rules::tar_data_on_nondata, "A link, folder or device declares contents", member);
    }
    if (member.after_end && !member.alternate) report(rules::tar_after_eof, "A member stands behind the end of the archive", member);
  }

  std::optional<Severity> scan_data(const Member& member) {
    if (member.is_sparse) {
      ctx_.inconclusive(GapKind::unsupported, "tar: a sparse member is scanned as it is stored", ctx_.at(member.offset));
    }
    const bool is_stream_of_pickles = is_torch_ && (member.name == "storages" || member.name == "tensors");
    if (is_stream_of_pickles) return std::nullopt;  // pickles between raw data: the PyTorch scanner places them
    Child child;
    child.name = member.name;
    child.content = member.data;
    if (is_torch_ && (member.name == "pickle" || member.name == "sys_info")) child.role = "pytorch-data";
    return ctx_.scan_child(std::move(child)).worst;
  }

  void check_duplicate(const Member& member, const NameJudgement& name, std::optional<Severity> worst) {
    const auto [known, is_new] = seen_.try_emplace(name.collision_key, Known{worst, member.offset});
    if (is_new || member.alternate) return;
    Finding finding(rules::tar_duplicate, "Two members have the same name", ctx_.at(member.offset),
                    {{"name", member.name}, {"first_offset", std::to_string(known->second.offset)}});
    // An appended version of a file is what `tar -r` writes; one that hides another's judgement is not.
    finding.severity = Severity::info;
    if (known->second.worst != worst && std::max(known->second.worst, worst) == Severity::critical) finding.severity = Severity::critical;
    ctx_.report(std::move(finding));
  }

  void scan_rest() {
    for (const ByteRange& range : archive_.unreadable) {
      const bool is_between = std::any_of(archive_.members.begin(), archive_.members.end(),
                                          [&](const Member& member) { return member.offset > range.offset; });
      if (is_between) ctx_.report(Finding(rules::tar_bad_checksum, "A header between members has a wrong checksum", ctx_.at(range.offset, range.length)));
      ctx_.inconclusive(GapKind::corrupt, "tar: no valid header where one should be", ctx_.at(range.offset, range.length));
      scan_bytes(range, "<no header>");
    }
    for (const ByteRange& range : archive_.padding) {
      if (range.length < k_smallest_slack) {
        ctx_.cover(range.offset, range.length);
      } else if (scan_bytes(range, "<padding>").recognised) {
        ctx_.report(Finding(rules::tar_slack, "The padding of a member holds something recognisable", ctx_.at(range.offset, range.length)));
      }
    }
    if (archive_.trailing) {
      ctx_.report(Finding(rules::tar_trailing, "Bytes follow the end of the archive", ctx_.at(archive_.trailing->offset, archive_.trailing->length)));
      scan_bytes(*archive_.trailing, "<after the archive>");
    }
    const bool is_cut = std::any_of(archive_.members.begin(), archive_.members.end(), [](const Member& member) { return member.cut; });
    if (!archive_.has_end && !is_cut && !archive_.limited && source_.size % wire::tar::k_block != 0) {
      ctx_.inconclusive(GapKind::truncated, "tar: the archive has no end", ctx_.at(source_.size));
    }
  }

  ChildOutcome scan_bytes(ByteRange range, std::string_view name) {
    Child child;
    child.name = std::string(name);
    child.content = range;
    return ctx_.scan_child(std::move(child));
  }

  ScanContext& ctx_;
  wire::tar::Source source_;
  wire::tar::Archive archive_;
  detect::LinkTree links_;
  std::unordered_map<std::string, Known> seen_;
  bool is_torch_ = false;
};

class TarScanner final : public Scanner {
 public:
  const ScannerInfo& info() const noexcept override {
    static const ScannerInfo k_info{"tar", 1, "tar archives: ustar, pax, GNU and v7, every member in every reading", {".tar", ".nemo"}, false, true};
    return k_info;
  }
  Match match(const Probe& probe) const override {
    const auto size = probe.size().value_or(probe.head().size());
    const auto source = make_source(size, [&probe](std::uint64_t o, std::uint64_t n) { return probe.bytes(o, n); });
    return wire::tar::is_tar(source) ? Match::strong : Match::no;
  }
  void scan(ScanContext& context) const override { Walk(context).run(); }
};

}  // namespace

}  // namespace tar_archive

const Scanner& tar() {
  static const tar_archive::TarScanner k_scanner;
  return k_scanner;
}

}  // namespace modelaudit::formats
