#include <catch2/catch.hpp>

#include <string>

#include "support/scan.hpp"

using namespace modelaudit;

TEST_CASE("template files are claimed by name and syntax", "[templates]") {
  CHECK(test::scan("{{ ''.__class__ }}", "chat_template.jinja").verdict() == Verdict::malicious);
  CHECK(test::scan("{{ ''.__class__ }}", "x.j2").verdict() == Verdict::malicious);
  CHECK(test::scan("{{ messages[0].content }}", "chat_template.jinja").verdict() == Verdict::clean);
  CHECK(test::scan("{% for m in messages %}{{ m }}{% endfor %}", "x.template").verdict() == Verdict::clean);
  CHECK_FALSE(test::has_rule(test::scan("{{ .System }}{{ range .Messages }}{{ end }}", "x.template"), "ssti-dunder"));
}
