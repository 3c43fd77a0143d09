// What a hostile server of models says: listings, redirects, names. Run on one text as each of them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "modelaudit/bytes.hpp"
#include "modelaudit/error.hpp"
#include "sources/jfrog_listing.hpp"
#include "sources/names.hpp"
#include "sources/url.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace modelaudit;
  using namespace modelaudit::sources;
  const std::string_view text = ByteView(std::as_bytes(std::span(data, size))).text();
  try {
    const auto info = jfrog::parse_storage_info(text, 1000);
    if (info.children.size() > 1000 || (!info.folder && !info.children.empty())) std::abort();
    for (const auto& child : info.children) {
      // What is taken for a name stays one component, however often it is decoded.
      if (!why_unusable_encoded(child.name) && child.name.find('/') != std::string::npos) std::abort();
    }
  } catch (const Malformed& error) {
    if (error.failure().offset > size) std::abort();
  }
  try {
    if (jfrog::parse_file_list(text, 1000).size() > 1000) std::abort();
  } catch (const Malformed& error) {
    if (error.failure().offset > size) std::abort();
  }
  const auto check = [](const Url& url) {
    const auto again = Url::parse(url.text());
    if (!again || again->text() != url.text() || !again->same_origin(url)) std::abort();
    if (url.host.empty() || url.port == 0 || !url.path.starts_with('/')) std::abort();
    if (url.text().find('@') < url.text().find(url.path)) std::abort();
  };
  if (const auto url = Url::parse(text)) check(*url);
  const Url base = *Url::parse("https://h.example:8443/a/b?c");
  if (const auto url = base.resolve(text)) check(*url);
  if (!why_unusable_path(text) && text.find("..") == 0 && text.size() == 2) std::abort();
  return 0;
}
