/// @file
/// One pass over the tokens of a module: names are resolved, constants folded, calls judged by what they reach and when.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "detect/python_source/calls.hpp"
#include "detect/python_source/judge.hpp"
#include "detect/python_source/tokens.hpp"
#include "detect/templates/fold.hpp"
#include "modelaudit/rule.hpp"

namespace modelaudit::detect::python {

/// What is known of the value of an expression.
struct Value {
  jinja::ValuePtr known;     ///< a constant, or null
  std::string path;          ///< a module, function or result: "os.system", "socket.socket()", "local:main"
  bool hidden = false;       ///< reached by getattr, __import__, a dictionary of names: not written out
  bool decoded = false;      ///< comes out of a decoder: base64, zlib, marshal …
  bool secret = false;       ///< holds the whole environment or a credential file
  bool folded = false;       ///< a text put together rather than written out

  bool is_text() const { return known && known->is(jinja::ValueKind::string); }
  const std::string& text() const { return known->text; }
};

struct CallArguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;

  const Value* get(std::size_t position, std::string_view name) const;
  bool any_secret() const;
};

class Analyser {
 public:
  Analyser(std::string_view source, PythonKind kind, int nesting, PythonJudgement& out);

  void run();

 private:
  enum class ScopeKind : std::uint8_t { module, class_body, function };
  struct Scope {
    ScopeKind kind = ScopeKind::module;
    std::map<std::string, Value, std::less<>> names;
  };
  struct Block {
    std::uint32_t column = 0;
    bool opens_scope = false;
    bool main_guard = false;
    std::string owner_before;
  };
  /// A finding whose severity depends on whether its function runs at import.
  struct Pending {
    Finding finding;
    std::string owner;          ///< empty: at import
    Severity if_imported = Severity::critical;
  };

  // tokens
  const Token* peek(std::size_t ahead = 0) const { return at_ + ahead < tokens_.size() ? &tokens_[at_ + ahead] : nullptr; }
  bool is_op(std::string_view op, std::size_t ahead = 0) const;
  bool is_word(std::string_view word, std::size_t ahead = 0) const;
  bool take_op(std::string_view op);
  bool take_word(std::string_view word);
  bool at_line_end() const;
  std::size_t closing(std::size_t open) const;

  // statements
  void line();
  void simple_statement();
  void read_import();
  void read_from();
  void read_def();
  void read_class();
  void read_for();
  void read_with();
  void read_if();
  void open_block(bool scope, ScopeKind kind, std::string owner, bool main_guard);
  void leave_blocks(std::uint32_t column);
  void expression_statement();
  void bind(std::string_view name, Value value);
  void bind_target(std::size_t from, std::size_t to, const Value& value);
  std::string dotted_name();

  // expressions
  Value expression_list();
  Value expression();
  Value disjunction();
  Value binary(int least);
  Value unary();
  Value primary();
  Value postfix(Value value);
  Value bracketed(std::string_view close);
  Value comprehension(std::size_t start, std::size_t loop, std::size_t close);
  Value lambda();
  Value formatted(const Token& token);
  Value name(const Token& token);
  Value attribute(const Value& base, const std::string& key, bool hidden);
  Value subscript(const Value& base);
  CallArguments arguments();
  Value call(const Value& callee, const CallArguments& arguments, const Token& at);
  Value call_builtin(std::string_view name, const Value& callee, const CallArguments& arguments, const Token& at);
  Value call_known(const Value& callee, const CallArguments& arguments, const Token& at);
  Value import_by_name(const Value& argument, bool hidden) const;

  // judgement
  void judge_call(const Value& callee, const CallArguments& arguments, const Token& at);
  void judge_code(const Value& callee, const CallArguments& arguments, const Token& at);
  void judge_network(const Value& callee, const CallArguments& arguments, const Token& at);
  void judge_open(const CallArguments& arguments, const Token& at);
  void judge_write(const Value& target, const Token& at);
  void judge_handed_over(const CallArguments& arguments, const Token& at);
  void judge_fx_import(std::string_view module, const Token& at);
  void report(const Rule& rule, std::string message, const Token& at, Severity imported, Severity called, Details details);
  void settle();

  PythonKind kind_;
  int nesting_;
  PythonJudgement& out_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::uint64_t steps_ = 0;
  std::uint32_t depth_ = 0;
  bool line_has_secret_path_ = false;
  std::vector<Scope> scopes_;
  std::vector<Block> blocks_;
  int main_guards_ = 0;
  std::string owner_;                                  // function whose body is read; empty: at import
  std::vector<Pending> pending_;
  std::set<std::string, std::less<>> run_at_import_;   // functions called while importing
  std::map<std::string, std::set<std::string>> calls_;  // function -> functions it calls
  std::set<std::pair<std::string_view, std::size_t>> reported_;
  friend class Deeper;
};

}  // namespace modelaudit::detect::python
