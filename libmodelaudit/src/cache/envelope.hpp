#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "modelaudit/bytes.hpp"
#include "modelaudit/result.hpp"
#include "modelaudit/trace.hpp"

namespace modelaudit::cache {

// The layout of a record; integers are little-endian:
//
//   record   = magic version producer key length payload mac
//   magic    = "MAUDIT" %x1A %x0A          ; 8 bytes
//   version  = u32                         ; of this layout and of the payload's, 1
//   producer = u8 n, n bytes               ; "<library version>+<build id>"
//   key      = 32 bytes                    ; that the record was stored under
//   length   = u64                         ; of the payload, in bytes; exactly what is left before the mac
//   payload  = bytes                       ; result/binary.hpp
//   mac      = 32 bytes                    ; HMAC-SHA-256 under the secret of everything before
//
// The payload is handed on only after every other field was found right.

/// Longest record that is looked at or written, in bytes.
constexpr std::uint64_t k_max_record_size = (std::uint64_t{16} << 20) + 4096;

std::vector<std::byte> seal(const Digest& secret, const Digest& key, std::string_view producer, ByteView payload);

/// The payload of a record. A Failure `malformed` for anything that is not the layout, `refused` for a record that
/// another secret sealed or that was stored under another key, `unsupported` for one that another build made.
Result<ByteView> unseal(const Digest& secret, const Digest& key, std::string_view producer, ByteView record);

}  // namespace modelaudit::cache
