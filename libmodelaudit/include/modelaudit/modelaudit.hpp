/// @file
/// The whole public API.
#pragma once

#include "modelaudit/auditor.hpp"
#include "modelaudit/budget.hpp"
#include "modelaudit/bytes.hpp"
#include "modelaudit/cache.hpp"
#include "modelaudit/downloads.hpp"
#include "modelaudit/error.hpp"
#include "modelaudit/finding.hpp"
#include "modelaudit/policy.hpp"
#include "modelaudit/report.hpp"
#include "modelaudit/result.hpp"
#include "modelaudit/rule.hpp"
#include "modelaudit/scan_result.hpp"
#include "modelaudit/scanner.hpp"
#include "modelaudit/trace.hpp"
