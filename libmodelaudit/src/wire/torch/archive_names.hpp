/// @file
/// What the members of a PyTorch archive are, by their names. Source: torch/serialization.py, caffe2/serialize/inline_container.cc,
/// torch/csrc/jit/serialization, torch/export/pt2_archive/constants.py, torch/package.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace modelaudit::wire::torch {

enum class MemberKind : std::uint8_t {
  other,
  object,               ///< <root>data.pkl: what torch.load unpickles
  pickle,               ///< constants.pkl, attributes.pkl, bytecode.pkl, *.debug_pkl and other *.pkl
  storage,              ///< <root>data/<key>, constants/<key>, .data/<n>.storage: raw tensor bytes
  torchscript_source,   ///< <root>code/**.py
  python_source,        ///< any other *.py: torch.package, or somebody's addition
  version, byteorder,
};

/// The layout that a set of names has. No roots: not a torch archive.
struct ArchiveLayout {
  std::vector<std::string> roots;  ///< with a trailing '/', or empty for members at the top; at most 64
  bool has_siblings = false;       ///< version, byteorder, data/ … stand beside a data.pkl: surely a torch archive
  bool has_code = false;           ///< a root has code/: TorchScript
  bool is_package = false;         ///< torch.package (.data/extern_modules)
  bool is_export = false;          ///< torch.export (archive_format)

  bool is_torch() const noexcept { return (!roots.empty() && has_siblings) || is_export; }
};

/// Learns the layout name by name.
class LayoutFinder {
 public:
  /// First pass: every name.
  void add_root(std::string_view name);
  /// Second pass: every name again, once the roots are known.
  void add_sibling(std::string_view name);
  const ArchiveLayout& layout() const noexcept { return layout_; }

 private:
  ArchiveLayout layout_;
};

MemberKind kind_of(const ArchiveLayout& layout, std::string_view name);

/// The storage's key: what follows <root>data/; empty for other kinds of storage.
std::string_view storage_key(const ArchiveLayout& layout, std::string_view name);

/// The tar layout of PyTorch 0.1: members sys_info, pickle, storages, tensors.
bool is_tar_layout(const std::vector<std::string>& names);

}  // namespace modelaudit::wire::torch
