#include "detect/torchscript_source/judge.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "detect/python_source/tokens.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::detect {

namespace {

using python::Token;
using python::TokenKind;

constexpr std::size_t k_max_tokens = 8'000'000;
constexpr std::size_t k_max_findings = 200;

template <std::size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// Python functions that the TorchScript compiler does not have. getattr is written by it, for modules named by number.
constexpr std::array<std::string_view, 12> k_python_calls{"exec",    "eval",   "open",   "compile", "__import__", "execfile",
                                                          "globals", "locals", "vars",   "setattr", "delattr",    "breakpoint"};
constexpr std::array<std::string_view, 12> k_python_attributes{"__class__", "__globals__", "__builtins__", "__subclasses__", "__mro__",    "__bases__",
                                                               "__base__",  "__code__",    "__dict__",     "__reduce__",     "__import__", "__getattribute__"};
/// Operators that read or write files when the model runs.
constexpr std::array<std::string_view, 8> k_file_operators{"torch.save",    "torch.load",        "torch.from_file",     "ops.aten.save",
                                                           "ops.aten.load", "ops.aten.from_file", "torch.jit.load", "torch.jit.save"};
/// Operator libraries that torch itself and its usual companions register.
constexpr std::array<std::string_view, 36> k_operator_libraries{
    "aten",      "prim",     "prims",         "quantized",      "torchvision",   "torchaudio", "torchtext",       "_caffe2",
    "inductor",  "mkldnn",   "mkldnn_prepacked", "xnnpack",     "prepacked",     "fb",         "static_runtime",  "c10",
    "profiler",  "sparse",   "onednn",        "rngprim",        "quantized_decomposed", "torch_scatter", "torch_sparse", "torch_cluster",
    "torch_spline_conv",     "pyg",           "fbgemm",         "debugprims",    "vulkan_prepack", "vulkan", "metal_prepack", "nnapi",
    "torchao",   "cuda",     "distributed",   "image"};

class Reader {
 public:
  explicit Reader(std::string_view source) : tokens_(python::tokenize(source, k_max_tokens, true, out_.complete)) {}

  TorchScriptJudgement run() {
    bool line_start = true;
    for (at_ = 0; at_ < tokens_.size(); ++at_) {
      const Token& token = tokens_[at_];
      if (token.kind == TokenKind::newline) {
        line_start = true;
        continue;
      }
      if (token.kind == TokenKind::comment) {
        judge_type_comment(token);
        line_start = true;
        continue;
      }
      if (line_start) judge_line();
      line_start = false;
      if (token.kind == TokenKind::name) judge_name();
    }
    return std::move(out_);
  }

 private:
  const Token* ahead(std::size_t n) const { return at_ + n < tokens_.size() ? &tokens_[at_ + n] : nullptr; }
  bool is(std::size_t n, std::string_view text) const {
    const Token* token = ahead(n);
    return token && token->text == text && (token->kind == TokenKind::op || token->kind == TokenKind::name);
  }

  void report(const Rule& rule, std::string message, const Token& token, std::string_view what) {
    if (out_.findings.size() >= k_max_findings) return;
    Location where;
    where.offset = token.offset;
    where.line = token.line;
    out_.findings.emplace_back(rule, std::move(message), where, Details{{"name", std::string(what)}});
  }

  /// `a.b.c` from the token at `at`; what stands before it is not looked at.
  std::string dotted(std::size_t at) const {
    std::string out = tokens_[at].text;
    while (at + 2 < tokens_.size() && tokens_[at + 1].kind == TokenKind::op && tokens_[at + 1].text == "." && tokens_[at + 2].kind == TokenKind::name) {
      out += "." + tokens_[at + 2].text;
      at += 2;
    }
    return out;
  }

  /// The first token of a logical line.
  void judge_line() {
    const Token& token = tokens_[at_];
    if (is(0, "import") || is(0, "from")) {
      const std::string module = ahead(1) && ahead(1)->kind == TokenKind::name ? dotted(at_ + 1) : std::string();
      if (module != "__torch__" && !module.starts_with("__torch__.")) {
        report(rules::torchscript_import, "TorchScript code imports a Python module", token, module);
      }
      return;
    }
    if (is(0, "@")) return report(rules::torchscript_python, "TorchScript code has a decorator", token, "@");
    if (is(0, "def")) return judge_signature();
    if (token.column != 0 || is(0, "class")) return;
    const bool version = token.kind == TokenKind::name && is(1, "=") && ahead(2) && ahead(2)->kind == TokenKind::number;  // op_version_set = 1
    const bool text = token.kind == TokenKind::string;
    const bool closes = token.kind == TokenKind::op;  // the end of something that a damaged line opened
    if (!version && !text && !closes) report(rules::torchscript_python, "TorchScript code has a statement outside of classes and functions", token, token.text);
  }

  /// `def name(self: X, a: T=default) -> T:`. Types have brackets and names, never calls.
  void judge_signature() {
    std::size_t at = at_ + 2;
    int depth = 0;
    bool in_type = false;
    for (; at < tokens_.size() && tokens_[at].kind != TokenKind::newline; ++at) {
      const Token& token = tokens_[at];
      if (token.kind == TokenKind::string && in_type && token.text.find('(') != std::string::npos) {
        report(rules::torchscript_annotation, "Type annotation holds a call", token, token.text.substr(0, 80));
      }
      if (token.kind == TokenKind::name && in_type && at + 1 < tokens_.size() && tokens_[at + 1].text == "(" && tokens_[at + 1].kind == TokenKind::op) {
        report(rules::torchscript_annotation, "Type annotation holds a call", token, token.text);
      }
      if (token.kind != TokenKind::op) continue;
      if (token.text == "(" || token.text == "[") ++depth;
      if (token.text == ")" || token.text == "]") --depth;
      if (token.text == ":" && depth == 1) in_type = true;
      if (token.text == "->") in_type = true;
      if ((token.text == "," && depth == 1) || token.text == "=") in_type = false;
      if (token.text == ")" && depth == 0) in_type = false;
    }
  }

  /// `# type: (Tensor, int) -> Tensor`: older run times gave it to eval (CVE-2022-45907).
  void judge_type_comment(const Token& token) {
    const std::size_t start = token.text.find("type:");
    if (start == std::string::npos || token.text.find_first_not_of("# \t") != start) return;
    const std::string_view type = std::string_view(token.text).substr(start + 5);
    for (std::size_t paren = type.find('('); paren != std::string_view::npos; paren = type.find('(', paren + 1)) {
      const char before = paren == 0 ? ' ' : type[paren - 1];
      const bool word = (before >= 'a' && before <= 'z') || (before >= 'A' && before <= 'Z') || before == '_' || (before >= '0' && before <= '9');
      if (word) return report(rules::torchscript_annotation, "Type comment holds a call", token, type.substr(0, 80));
    }
  }

  void judge_name() {
    const Token& token = tokens_[at_];
    const bool member = at_ > 0 && tokens_[at_ - 1].kind == TokenKind::op && tokens_[at_ - 1].text == ".";
    const bool defined = at_ > 0 && tokens_[at_ - 1].kind == TokenKind::name && tokens_[at_ - 1].text == "def";
    if (one_of(token.text, k_python_attributes) && !defined) {
      return report(rules::torchscript_python, "TorchScript code names the insides of Python objects", token, token.text);
    }
    if (token.text == "RemoteModule" || token.text == "PythonUDF") {
      return report(rules::torchscript_rpc, "TorchScript code runs functions on other machines", token, token.text);
    }
    if (member || defined) return;
    if (is(1, "(") && one_of(token.text, k_python_calls)) {
      return report(rules::torchscript_python, "TorchScript code calls a Python function that the compiler does not have", token, token.text);
    }
    if (token.text != "torch" && token.text != "ops" && token.text != "os" && token.text != "subprocess" && token.text != "sys") return;
    const std::string path = dotted(at_);
    if (one_of(path, k_file_operators)) {
      return report(rules::torchscript_file_operator, "TorchScript code reads or writes a file when the model runs", token, path);
    }
    if (path.starts_with("torch.distributed.rpc") || path.starts_with("torch.rpc") || path.starts_with("ops.rpc")) {
      return report(rules::torchscript_rpc, "TorchScript code runs functions on other machines", token, path);
    }
    if (path.starts_with("os.") || path.starts_with("subprocess.") || path.starts_with("sys.")) {
      return report(rules::torchscript_python, "TorchScript code uses a Python module", token, path);
    }
    if (token.text == "ops" && path.size() > 4) {
      const std::string library = path.substr(4, path.find('.', 4) - 4);
      if (!one_of(library, k_operator_libraries)) {
        report(rules::torchscript_custom_operator, "TorchScript code needs an operator library that torch does not bring", token, library);
      }
    }
  }

  TorchScriptJudgement out_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
};

}  // namespace

TorchScriptJudgement judge_torchscript(std::string_view source) { return Reader(source).run(); }

}  // namespace modelaudit::detect
