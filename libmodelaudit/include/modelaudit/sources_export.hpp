/// @file
/// Visibility of the library of remote sources.
#pragma once

#ifdef MODELAUDIT_SOURCES_STATIC_DEFINE
#define MODELAUDIT_SOURCES_EXPORT
#else
#define MODELAUDIT_SOURCES_EXPORT __attribute__((visibility("default")))
#endif
