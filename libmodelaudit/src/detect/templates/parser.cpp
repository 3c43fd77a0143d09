#include <algorithm>
#include <array>
#include <utility>

#include "detect/templates/expressions.hpp"
#include "detect/templates/syntax.hpp"

namespace modelaudit::detect::jinja {

namespace {

constexpr std::size_t k_max_tokens = 1'000'000;
constexpr std::size_t k_max_blocks = 64;  // nested statements

/// Tags with a body that we know no more about than that.
constexpr std::array<std::string_view, 5> k_plain_blocks{"block", "generation", "autoescape", "trans", "raw"};

/// Reads the parts of a template into statements.
class TemplateParser {
 public:
  explicit TemplateParser(std::string_view source) : parts_(split(source, k_max_tokens)) {}

  Template run() {
    std::string end;
    while (at_ < parts_.size()) {
      Body more = body({}, end);
      std::move(more.begin(), more.end(), std::back_inserter(out_.body));
      if (!end.empty()) {  // an `endfor` that nothing opened
        damage(parts_[at_]);
        ++at_;
      }
    }
    return std::move(out_);
  }

 private:
  void damage(const Part& part) {
    out_.damaged.push_back(part.offset);
    out_.unread.push_back(part.text);
  }

  /// Statements up to a tag that starts with one of `ends`; the tag stays next, its name goes to `end`.
  Body body(const std::vector<std::string_view>& ends, std::string& end) {
    Body out;
    end.clear();
    for (; at_ < parts_.size(); ++at_) {
      const Part& part = parts_[at_];
      if (part.damaged) damage(part);
      if (part.kind == PartKind::text) {
        Statement text;
        text.offset = part.offset;
        text.text = part.text;
        out.push_back(std::move(text));
        continue;
      }
      if (part.tokens.empty()) continue;
      const std::string& word = part.tokens.front().text;
      if (part.kind == PartKind::statement && part.tokens.front().kind == TokenKind::name) {
        if (std::find(ends.begin(), ends.end(), word) != ends.end()) {
          end = word;
          return out;
        }
        if (word.starts_with("end") || word == "else" || word == "elif") {
          if (ends.empty()) {
            end = word;
            return out;
          }
          damage(part);  // belongs to nothing that is open
          continue;
        }
      }
      read_tag(part, out);
      if (at_ >= parts_.size()) break;
    }
    return out;
  }

  void read_tag(const Part& part, Body& out) {
    ExpressionParser in(part.tokens);
    Statement statement;
    statement.offset = part.offset;
    try {
      if (part.kind == PartKind::output) {
        statement.kind = StatementKind::output;
        statement.exprs.push_back(in.tuple());
        finish(in);
      } else {
        read_statement(in, statement);
      }
    } catch (const Unreadable&) {
      if (!part.damaged) damage(part);
      // What could be read of it still counts: its expressions are looked at.
      statement.kind = StatementKind::unknown;
    }
    out.push_back(std::move(statement));
  }

  static void finish(const ExpressionParser& in) {
    if (!in.at_end()) throw Unreadable{};
  }

  void read_statement(ExpressionParser& in, Statement& out) {
    const std::string tag = in.expect_name();
    if (tag == "if") return read_if(in, out);
    if (tag == "for") return read_for(in, out);
    if (tag == "set") return read_set(in, out);
    if (tag == "macro") return read_macro(in, out);
    if (tag == "call") return read_call(in, out);
    if (tag == "filter") return read_filter(in, out);
    if (tag == "with") return read_with(in, out);
    if (tag == "include" || tag == "import" || tag == "from" || tag == "extends") return read_include(tag, in, out);
    if (tag == "do") {
      out.kind = StatementKind::expression;
      out.exprs.push_back(in.tuple());
      return finish(in);
    }
    if (std::find(k_plain_blocks.begin(), k_plain_blocks.end(), tag) != k_plain_blocks.end()) return read_block(tag, in, out);
    out.kind = StatementKind::unknown;  // break, continue, debug, tags of extensions
    out.names.push_back(tag);
    if (!in.at_end()) out.exprs.push_back(in.tuple());
  }

  /// The body of the statement whose tag is at `at_`; afterwards the tag that ended it is at `at_`.
  Body nested(const std::vector<std::string_view>& ends, std::string& end) {
    ++at_;
    if (++blocks_ > k_max_blocks) {
      --blocks_;
      const std::size_t last = parts_.size();
      if (at_ < last) damage(parts_[at_]);
      at_ = last;
      end.clear();
      return {};
    }
    Body out = body(ends, end);
    --blocks_;
    return out;
  }

  void read_if(ExpressionParser& in, Statement& out) {
    out.kind = StatementKind::branch;
    out.exprs.push_back(in.tuple(false));
    finish(in);
    std::string end;
    out.bodies.push_back(nested({"elif", "else", "endif"}, end));
    while (end == "elif") {
      ExpressionParser more(parts_[at_].tokens);
      more.skip();
      ExprPtr guard;
      try {
        guard = more.tuple(false);
      } catch (const Unreadable&) {
        damage(parts_[at_]);
        guard = std::make_unique<Expr>();
      }
      out.exprs.push_back(std::move(guard));
      out.bodies.push_back(nested({"elif", "else", "endif"}, end));
    }
    if (end == "else") out.bodies.push_back(nested({"endif"}, end));
  }

  void read_for(ExpressionParser& in, Statement& out) {
    out.kind = StatementKind::loop;
    const bool parenthesised = in.take_op("(");
    do {
      if (in.is_name("in") || in.is_op(")")) break;
      const bool inner = in.take_op("(");
      out.names.push_back(in.expect_name());
      if (inner) in.take_op(")");
    } while (in.take_op(",") || in.take_op(")"));
    if (parenthesised) in.take_op(")");
    if (!in.take_name("in")) throw Unreadable{};
    out.exprs.push_back(in.tuple(false));
    out.exprs.push_back(in.take_name("if") ? in.expression() : nullptr);
    in.take_name("recursive");
    finish(in);
    std::string end;
    out.bodies.push_back(nested({"else", "endfor"}, end));
    out.bodies.emplace_back();
    if (end == "else") out.bodies.back() = nested({"endfor"}, end);
  }

  void read_set(ExpressionParser& in, Statement& out) {
    out.kind = StatementKind::set;
    const bool parenthesised = in.take_op("(");
    do {
      std::string target = in.expect_name();
      while (in.take_op(".")) target += "." + in.expect_name();
      out.names.push_back(std::move(target));
    } while (in.take_op(",") && !in.is_op("="));
    if (parenthesised) in.take_op(")");
    if (in.take_op("=")) {
      out.exprs.push_back(in.tuple());
      return finish(in);
    }
    if (in.take_op("|")) out.exprs.push_back(in.filters(nullptr, true));
    finish(in);
    std::string end;
    out.bodies.push_back(nested({"endset"}, end));
  }

  void read_parameters(ExpressionParser& in, Statement& out) {
    in.expect_op("(");
    bool first = true;
    while (!in.take_op(")")) {
      if (!std::exchange(first, false)) {
        in.expect_op(",");
        if (in.take_op(")")) break;
      }
      out.names.push_back(in.expect_name());
      out.exprs.push_back(in.take_op("=") ? in.expression() : nullptr);
    }
  }

  void read_macro(ExpressionParser& in, Statement& out) {
    out.kind = StatementKind::macro;
    out.names.push_back(in.expect_name());
    read_parameters(in, out);
    finish(in);
    std::string end;
    out.bodies.push_back(nested({"endmacro"}, end));
  }

  void read_call(ExpressionParser& in, Statement& out) {
    out.kind = StatementKind::call;
    Statement parameters;
    if (in.is_op("(")) read_parameters(in, parameters);
    out.exprs.push_back(in.expression());
    out.names = std::move(parameters.names);
    finish(in);
    std::string end;
    out.bodies.push_back(nested({"endcall"}, end));
  }

  void read_filter(ExpressionParser& in, Statement& out) {
    out.kind = StatementKind::filter;
    out.exprs.push_back(in.filters(nullptr, true));
    finish(in);
    std::string end;
    out.bodies.push_back(nested({"endfilter"}, end));
  }

  void read_with(ExpressionParser& in, Statement& out) {
    out.kind = StatementKind::with;
    while (!in.at_end()) {
      if (!out.names.empty()) in.expect_op(",");
      out.names.push_back(in.expect_name());
      in.expect_op("=");
      out.exprs.push_back(in.expression());
    }
    std::string end;
    out.bodies.push_back(nested({"endwith"}, end));
  }

  void read_include(const std::string& tag, ExpressionParser& in, Statement& out) {
    out.kind = StatementKind::include;
    out.names.push_back(tag);
    out.exprs.push_back(in.expression());
    while (!in.at_end()) {  // import … as x, from … import a as b, ignore missing, with context
      if (in.peek()->kind == TokenKind::name) out.names.push_back(in.peek()->text);
      in.skip();
    }
  }

  void read_block(const std::string& tag, ExpressionParser& in, Statement& out) {
    out.kind = StatementKind::block;
    out.names.push_back(tag);
    if (in.peek() && in.peek()->kind == TokenKind::name) out.names.push_back(in.peek()->text);
    const std::string close = "end" + tag;
    std::string end;
    out.bodies.push_back(nested({close}, end));
  }

  std::vector<Part> parts_;
  std::size_t at_ = 0;
  std::size_t blocks_ = 0;
  Template out_;
};

}  // namespace

Template parse(std::string_view source) { return TemplateParser(source).run(); }

}  // namespace modelaudit::detect::jinja
