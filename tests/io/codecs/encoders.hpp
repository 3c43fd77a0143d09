#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "io/codecs.hpp"

namespace modelaudit::test {

/// Every codec that encode() can write.
std::vector<io::Codec> written_codecs();

/// One member of the codec, written by its own library.
std::vector<std::byte> encode(io::Codec codec, std::span<const std::byte> plain);

}  // namespace modelaudit::test
