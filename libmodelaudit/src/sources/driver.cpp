#include "sources/driver.hpp"

namespace modelaudit::sources {

Driver::~Driver() = default;

}  // namespace modelaudit::sources
