/// @file
/// Follows a template without rendering it: every branch is taken, constants are folded, names looked up are judged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "detect/templates.hpp"
#include "detect/templates/fold.hpp"
#include "detect/templates/syntax.hpp"
#include "detect/templates/value.hpp"
#include "modelaudit/rule.hpp"

namespace modelaudit::detect::jinja {

class Interpreter {
 public:
  Interpreter(std::string_view source, TemplateJudgement& out);

  void run(const Template& tree);

 private:
  /// Text that the template would print, as far as it is known.
  struct Sink {
    std::string text;
    bool exact = true;   ///< text is all of it
    bool input = false;  ///< what is not known comes from the caller's data
  };
  enum class By : std::uint8_t { attribute, subscript, filter };
  using Scope = std::map<std::string, ValuePtr, std::less<>>;

  // statements
  void execute(const Body& body);
  void execute(const Statement& statement);
  void execute_branch(const Statement& statement);
  void execute_loop(const Statement& statement);
  void execute_set(const Statement& statement);
  void execute_include(const Statement& statement);
  void execute_call_block(const Statement& statement);
  void run_uncalled_macros();
  void bind(const std::vector<std::string>& names, const ValuePtr& value);
  void assign(const std::string& target, const ValuePtr& value);
  void emit(const ValuePtr& value, std::size_t offset);
  void emit_text(std::string_view text);
  ValuePtr captured(const Body& body);
  ValuePtr text_of(const Sink& sink) const;

  // expressions
  ValuePtr evaluate(const Expr& expr);
  ValuePtr evaluate_name(const Expr& expr);
  ValuePtr evaluate_binary(const Expr& expr);
  ValuePtr evaluate_concat(const Expr& expr);
  ValuePtr evaluate_access(const Expr& expr);
  ValuePtr evaluate_call(const Expr& expr);
  ValuePtr evaluate_filter(const Expr& expr, const ValuePtr& subject);
  ValuePtr evaluate_filter_on(const Expr& expr, const ValuePtr& subject, const Arguments& arguments);
  Arguments evaluate_arguments(const std::vector<Argument>& arguments, bool& unpacked);
  ValuePtr call_builtin(const Expr& expr, const Value& callee, const Arguments& arguments);
  ValuePtr call_method(const Expr& expr, const Value& method, const Arguments& arguments);
  ValuePtr call_macro(const Statement& macro, const Arguments& arguments);
  ValuePtr make_range(const Expr& expr, const Arguments& arguments);
  ValuePtr find(std::string_view name) const;
  ValuePtr access(const ValuePtr& base, const ValuePtr& key, By by) const;
  template <typename Fold>
  ValuePtr lifted(const ValuePtr& left, const ValuePtr& right, Fold fold);

  // judgement
  void judge_access(const ValuePtr& base, const ValuePtr& key, By by, std::size_t offset);
  void judge_key(const ValuePtr& base, std::string_view key, By by, std::size_t offset);
  void judge_dotted_keys(const ValuePtr& base, const ValuePtr& key, std::size_t offset);
  void judge_format(std::string_view format, std::size_t offset);
  void judge_url(std::string_view before, const Value& next, std::size_t offset);
  void judge_trigger(const Expr& guard, const Body& body);
  void judge_literals(const Template& tree);
  void judge_size(std::int64_t size, std::size_t offset, std::string_view what);
  void report(const Rule& rule, Severity severity, std::string message, std::size_t offset, Details details = {});
  void unfollowed(const char* what, std::size_t offset);
  bool step(std::size_t offset);

  std::string_view source_;
  TemplateJudgement& out_;
  std::vector<Scope> scopes_;
  std::vector<Sink> sinks_;
  std::set<std::string> assigned_;               // names that the template itself defines
  std::map<const Statement*, int> running_;      // macros being run
  std::set<const Statement*> called_;
  std::vector<const Statement*> macros_;
  std::set<std::pair<std::string_view, std::size_t>> reported_;
  std::vector<std::size_t> line_starts_;
  std::uint64_t steps_ = 0;
  std::uint64_t repetitions_ = 1;                // of the statement being followed: product of the loops around it
  int conditional_ = 0;                          // branches and loops around that may not run
  bool exhausted_ = false;
};

}  // namespace modelaudit::detect::jinja
