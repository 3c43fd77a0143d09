#pragma once

#include <cstddef>
#include <cstdint>

namespace modelaudit::io {

/// Survives SIGBUS on a mapped file that another process truncates.
///
/// The first guard of the process installs a handler, the last one puts the host's back. A fault inside a guarded
/// range lays a zero page over the address (so the faulting read goes on) and marks the guard; a foreign fault goes
/// to the handler the host had. No jump over C++ frames.
///
/// @par Threads  any number of guards on any threads; the table is lock-free for the handler.
class MappingGuard {
 public:
  /// Guards [data, data + size). A guard that finds no free slot is not armed: armed() is false and the caller reads
  /// the file by position instead.
  MappingGuard(const void* data, std::size_t size);
  ~MappingGuard();
  MappingGuard(const MappingGuard&) = delete;
  MappingGuard& operator=(const MappingGuard&) = delete;

  bool armed() const noexcept { return slot_ >= 0; }
  /// True once a page of the mapping was missing: what was read since is zeros, not the file.
  bool faulted() const noexcept;

 private:
  int slot_ = -1;
};

}  // namespace modelaudit::io
