# Warnings as a target, linked privately. Errors only in our own presets, not for packagers.
option(MODELAUDIT_WERROR "Treat warnings as errors" OFF)
add_library(modelaudit_warnings INTERFACE)
target_compile_options(modelaudit_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual
  # GCC 12 at -O3 sees overlapping copies in `"x" + std::string` (GCC bug 105651) and overflows in vector::insert (105329).
  "$<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict;-Wno-stringop-overflow>"
  $<$<BOOL:${MODELAUDIT_WERROR}>:-Werror>)
