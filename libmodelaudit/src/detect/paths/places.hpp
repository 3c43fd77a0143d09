/// @file
/// Names that mean something to an operating system. Lists are data: one line an entry.
#pragma once

#include <string_view>

namespace modelaudit::detect {

/// CON, NUL, COM1 … with or without an extension (Windows naming conventions, "Naming Files, Paths, and Namespaces").
bool is_device_name(std::string_view component);
/// An extension (lower case, with its dot) that a system runs.
bool is_executable_extension(std::string_view extension);
/// A place that is run or trusted by itself once the name is extracted under a home folder or site-packages.
bool is_autorun_place(std::string_view normalised);
/// A system or credential file. Changes wording only, never a decision.
bool is_sensitive_place(std::string_view normalised);

}  // namespace modelaudit::detect
