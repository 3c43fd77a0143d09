/// @file
/// What an object pickle says about tensors, followed through the pickle machine: storages by key, and whether each
/// tensor lies inside its storage.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "modelaudit/scanner.hpp"
#include "wire/pickle/machine.hpp"

namespace modelaudit::formats::pytorch {

/// A storage, as the first persistent id that names it declares it.
struct Storage {
  std::string key;
  std::string class_name;               ///< "FloatStorage"
  std::string location;                 ///< "cpu", "cuda:0", "meta"
  std::int64_t elements = 0;
  std::optional<std::uint64_t> bytes;   ///< nothing for unknown classes and numbers that do not fit
  std::uint64_t offset = 0;             ///< of the opcode in the pickle
};

/// Watches one object pickle and reports what no writer of PyTorch would make.
class StorageAudit final : public wire::pickle::Observer {
 public:
  /// `base` is added to offsets: where the pickle begins in the input.
  StorageAudit(ScanContext& context, std::uint64_t base) : ctx_(context), base_(base) {}

  void on_global(const wire::pickle::Machine& machine, wire::pickle::Value value, std::uint64_t offset, std::uint8_t opcode) override;
  void on_persistent_id(const wire::pickle::Machine& machine, wire::pickle::Value id, std::uint64_t offset, std::uint8_t opcode) override;
  void on_call(const wire::pickle::Machine& machine, const wire::pickle::Call& call) override;
  void on_item_write(const wire::pickle::Machine& machine, const wire::pickle::ItemWrite& write) override;

  /// In the order of their first appearance.
  const std::vector<Storage>& storages() const noexcept { return storages_; }
  const Storage* find(const std::string& key) const;
  /// Globals of the stream that is being read are an attack: it should be plain data.
  void expect_no_globals(bool expect) noexcept { no_globals_ = expect; }
  /// "would_accept" or "would_reject": torch.load(weights_only=True), by its list of globals. Never lowers anything.
  const char* weights_only() const noexcept { return all_allowed_ ? "would_accept" : "would_reject"; }

 private:
  struct View {  // of a persistent id, with the arguments of a rebuild call
    const Storage* storage = nullptr;
    std::optional<std::int64_t> first, length;  // legacy view metadata, in elements
  };
  std::optional<View> storage_of(const wire::pickle::Machine& machine, wire::pickle::Value value) const;
  void check_tensor(const wire::pickle::Machine& machine, const wire::pickle::Call& call, const std::vector<wire::pickle::Value>& args,
                    std::optional<std::uint64_t> element_size);
  void report_bounds(const char* message, const Storage& storage, std::uint64_t offset);

  ScanContext& ctx_;
  std::uint64_t base_;
  std::vector<Storage> storages_;
  std::map<std::string, std::size_t, std::less<>> by_key_;
  bool no_globals_ = false;
  bool all_allowed_ = true;
};

}  // namespace modelaudit::formats::pytorch
