#pragma once

#include <string>
#include <string_view>

namespace modelaudit::sources {

/// RFC 4648 with padding, as HTTP's basic authentication wants it (RFC 7617).
std::string base64(std::string_view bytes);

}  // namespace modelaudit::sources
