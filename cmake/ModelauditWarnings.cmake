# Warnings as a target, linked privately. Errors only in our own presets, not for packagers.
option(MODELAUDIT_WERROR "Treat warnings as errors" OFF)
add_library(modelaudit_warnings INTERFACE)
target_compile_options(modelaudit_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual
  $<$<BOOL:${MODELAUDIT_WERROR}>:-Werror>)
