// Member names, references and links: the input's lines are names and link targets of one archive.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "detect/paths.hpp"
#include "modelaudit/bytes.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace modelaudit::detect;
  std::string_view text = modelaudit::ByteView(std::as_bytes(std::span(data, size))).text();
  LinkTree links;
  for (bool link = false; !text.empty(); link = !link) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() < text.size() ? line.size() + 1 : text.size());
    for (const NameCharset charset : {NameCharset::utf8, NameCharset::cp437, NameCharset::latin1}) {
      const NameJudgement name = judge_member_name(line, charset);
      if (name.normalised.starts_with('/') || name.normalised.starts_with("../") || name.normalised == "..") std::abort();
      (void)name_findings(name);
    }
    (void)reference_findings(judge_reference(line), "field");
    const NameJudgement name = judge_member_name(line);
    if (link) (void)link_findings(links.add_link(name.normalised, line, LinkKind::symbolic), name.display, line);
    else (void)placement_findings(links.place(name.normalised), name.display);
  }
  return 0;
}
