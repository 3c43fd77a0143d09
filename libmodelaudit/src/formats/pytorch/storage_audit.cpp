#include "formats/pytorch/storage_audit.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "formats/pytorch/element_sizes.hpp"
#include "rules/catalogue.hpp"

namespace modelaudit::formats::pytorch {

using wire::pickle::Call;
using wire::pickle::Global;
using wire::pickle::ItemWrite;
using wire::pickle::Kind;
using wire::pickle::Machine;
using wire::pickle::Value;

namespace {

constexpr std::size_t k_most_storages = std::size_t{1} << 20;

/// torch/_weights_only_unpickler.py, _get_allowed_globals, as far as state dicts have them; torch.* names are asked by kind.
bool is_weights_only(const Global& global) {
  static constexpr std::array<std::string_view, 6> k_plain = {"collections.OrderedDict", "collections.Counter", "_codecs.encode",
                                                              "builtins.bytearray", "builtins.complex", "builtins.set"};
  static constexpr std::array<std::string_view, 14> k_torch = {
      "_tensor._rebuild_from_type_v2", "_utils._rebuild_device_tensor_from_cpu_tensor", "_utils._rebuild_device_tensor_from_numpy",
      "_utils._rebuild_meta_tensor_no_storage", "_utils._rebuild_parameter", "_utils._rebuild_parameter_with_state",
      "_utils._rebuild_qtensor", "_utils._rebuild_sparse_tensor", "_utils._rebuild_tensor", "_utils._rebuild_tensor_v2",
      "_utils._rebuild_tensor_v3", "_utils._rebuild_wrapper_subclass", "nn.parameter.Parameter", "serialization._get_layout"};
  const std::string full = global.module + "." + global.name;
  const auto has = [](const auto& list, std::string_view name) { return std::find(list.begin(), list.end(), name) != list.end(); };
  if (has(k_plain, full)) return true;
  if (!full.starts_with("torch.")) return full == "__builtin__.set" || full == "__builtin__.bytearray" || full == "__builtin__.complex";
  const std::string_view rest = std::string_view(full).substr(6);
  const bool is_plain_name = rest.find('.') == std::string_view::npos;
  return has(k_torch, rest) || rest.ends_with("Storage") || rest == "Size" || rest == "device" || rest == "Tensor" ||
         (is_plain_name && (dtype_size(rest) || rest.starts_with("per_") || rest.starts_with("q"))) ||
         rest.ends_with("Tensor");
}

/// Is the value a tensor, storage or type of PyTorch: something that takes no items while it is loaded?
bool is_torch_object(const Machine& machine, Value value) {
  switch (machine.kind(value)) {
    case Kind::persistent: return true;
    case Kind::object: {
      const Global* made_by = machine.global(machine.parts(value).callable);
      return made_by != nullptr && made_by->module == "torch._utils" && made_by->name.starts_with("_rebuild_");
    }
    default: return false;
  }
}

bool is_path(std::string_view key) {
  return key.find_first_of("/\\:") != std::string_view::npos || key == ".." || key.find('\0') != std::string_view::npos;
}

}  // namespace

void StorageAudit::on_global(const Machine& machine, Value value, std::uint64_t offset, std::uint8_t) {
  const Global* global = machine.global(value);
  if (global == nullptr) return;
  all_allowed_ = all_allowed_ && is_weights_only(*global);
  if (!no_globals_) return;
  ctx_.report(Finding(rules::pytorch_legacy_global, "A header stream of the checkpoint imports " + global->module + "." + global->name,
                      ctx_.at(base_ + offset), {{"global", global->module + "." + global->name}}));
}

void StorageAudit::on_persistent_id(const Machine& machine, Value id, std::uint64_t offset, std::uint8_t) {
  // ('storage', class, key, location, elements) and, in legacy files, view metadata.
  const std::vector<Value> items = machine.items(id, 8);
  if (machine.kind(id) != Kind::tuple || items.size() < 5 || machine.text(items[0]) != "storage") return;
  const Global* type = machine.global(items[1]);
  const auto key = machine.text(items[2]);
  const auto elements = machine.integer(items[4]);
  if (!key || storages_.size() >= k_most_storages || by_key_.contains(*key)) return;
  Storage storage;
  storage.key = std::string(*key);
  storage.class_name = type != nullptr ? type->name : "";
  storage.location = std::string(machine.text(items[3]).value_or(""));
  storage.elements = elements.value_or(0);
  storage.offset = base_ + offset;
  const Location where = ctx_.at(storage.offset);
  if (is_path(storage.key)) {
    ctx_.report(Finding(rules::pytorch_storage_key, "A storage is named by a path", where, {{"key", storage.key}}));
  }
  if (storage.elements < 0) {
    ctx_.report(Finding(rules::pytorch_tensor_bounds, "A storage has a negative number of elements", where,
                        {{"key", storage.key}, {"elements", std::to_string(storage.elements)}}));
  } else if (const auto size = storage_element_size(storage.class_name); size && elements) {
    storage.bytes = checked_mul(static_cast<std::uint64_t>(storage.elements), *size);
    if (!storage.bytes) {
      ctx_.report(Finding(rules::pytorch_tensor_bounds, "A storage's size does not fit 64 bits", where,
                          {{"key", storage.key}, {"elements", std::to_string(storage.elements)}}));
    }
  }
  by_key_.emplace(storage.key, storages_.size());
  storages_.push_back(std::move(storage));
}

const Storage* StorageAudit::find(const std::string& key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : &storages_[found->second];
}

std::optional<StorageAudit::View> StorageAudit::storage_of(const Machine& machine, Value value) const {
  if (machine.kind(value) != Kind::persistent) return std::nullopt;
  const std::vector<Value> items = machine.items(machine.parts(value).args, 8);
  if (items.size() < 5) return std::nullopt;
  const auto key = machine.text(items[2]);
  if (!key) return std::nullopt;
  View view;
  view.storage = find(std::string(*key));
  if (view.storage == nullptr) return std::nullopt;
  if (items.size() > 5 && machine.kind(items[5]) == Kind::tuple) {
    const std::vector<Value> metadata = machine.items(items[5], 4);  // (view key, first element, elements)
    if (metadata.size() == 3) {
      view.first = machine.integer(metadata[1]);
      view.length = machine.integer(metadata[2]);
    }
  }
  return view;
}

void StorageAudit::on_call(const Machine& machine, const Call& call) {
  const Global* callable = machine.global(call.callable);
  if (callable == nullptr || callable->module != "torch._utils" || !callable->name.starts_with("_rebuild_")) return;
  const std::vector<Value> args = machine.items(call.args, 16);
  if (args.size() < 4) return;
  if (callable->name == "_rebuild_tensor_v3") {
    const Global* dtype = args.size() > 6 ? machine.global(args[6]) : nullptr;
    check_tensor(machine, call, args, dtype != nullptr ? dtype_size(dtype->name) : std::nullopt);
  } else if (callable->name == "_rebuild_tensor" || callable->name == "_rebuild_tensor_v2") {
    check_tensor(machine, call, args, std::nullopt);
  }
}

/// (storage, offset, size, stride, ...): every element's place is in [0, elements).
void StorageAudit::check_tensor(const Machine& machine, const Call& call, const std::vector<Value>& args,
                                std::optional<std::uint64_t> element_size) {
  const auto view = storage_of(machine, args[0]);
  const auto first = machine.integer(args[1]);
  if (!view || !first || machine.kind(args[2]) != Kind::tuple || machine.kind(args[3]) != Kind::tuple) return;
  const Storage& storage = *view->storage;
  if (storage.elements < 0) return;  // said already
  const std::uint64_t at = base_ + call.offset;
  const std::vector<Value> sizes = machine.items(args[2], 64);
  const std::vector<Value> strides = machine.items(args[3], 64);
  if (sizes.size() != strides.size()) return report_bounds("A tensor has another number of sizes than of strides", storage, at);
  if (*first < 0) return report_bounds("A tensor begins before its storage", storage, at);
  std::optional<std::uint64_t> last = static_cast<std::uint64_t>(*first);
  bool is_empty = false;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto size = machine.integer(sizes[i]);
    const auto stride = machine.integer(strides[i]);
    if (!size || !stride) return;  // not a literal: computed sizes are not followed
    if (*size < 0 || *stride < 0) return report_bounds("A tensor has a negative size or stride", storage, at);
    is_empty = is_empty || *size == 0;
    if (*size == 0 || !last) continue;
    const auto reach = checked_mul(static_cast<std::uint64_t>(*size) - 1, static_cast<std::uint64_t>(*stride));
    last = reach ? checked_add(*last, *reach) : std::nullopt;
  }
  if (is_empty) return;
  auto available = static_cast<std::uint64_t>(storage.elements);
  if (view->length && *view->length >= 0) available = std::min(available, static_cast<std::uint64_t>(*view->length));
  if (storage.class_name == "UntypedStorage") {
    if (!element_size) return;  // counted in bytes, of a dtype that is not known
    available /= *element_size;
  }
  if (!last || *last >= available) report_bounds("A tensor reaches beyond its storage", storage, at);
}

void StorageAudit::report_bounds(const char* message, const Storage& storage, std::uint64_t offset) {
  ctx_.report(Finding(rules::pytorch_tensor_bounds, message, ctx_.at(offset),
                      {{"key", storage.key}, {"elements", std::to_string(storage.elements)}}));
}

void StorageAudit::on_item_write(const Machine& machine, const ItemWrite& write) {
  if (write.module_table || !is_torch_object(machine, write.target)) return;
  ctx_.report(Finding(rules::pytorch_item_write, "The pickle writes items into a tensor or storage", ctx_.at(base_ + write.offset),
                      {{"target", machine.describe(write.target)}}));
}

}  // namespace modelaudit::formats::pytorch
