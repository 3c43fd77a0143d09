#pragma once

#include "modelaudit/trace.hpp"

namespace modelaudit::cache {

/// What tells this host from the others that may share a cache, across boots: `/etc/machine-id` and the host's name
/// (containers of one image share the former). Path, device, inode and times name a file on one host only.
const Digest& host_id();

}  // namespace modelaudit::cache
