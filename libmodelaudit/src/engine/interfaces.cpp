// Key functions of the public interfaces, so that their tables and type information live in the library.
#include "modelaudit/cache.hpp"
#include "modelaudit/scanner.hpp"

namespace modelaudit {

Probe::~Probe() = default;
ForwardReader::~ForwardReader() = default;
ByteSource::~ByteSource() = default;
ScanContext::~ScanContext() = default;
Sibling::~Sibling() = default;
Scanner::~Scanner() = default;
CacheBackend::~CacheBackend() = default;

}  // namespace modelaudit
