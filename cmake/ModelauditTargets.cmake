# Functions that let a folder describe itself. Lists are kept in global properties and collated by libmodelaudit/.

# modelaudit_add_sources(a.cpp ...): sources of the library.
function(modelaudit_add_sources)
  foreach(source IN LISTS ARGN)
    set_property(GLOBAL APPEND PROPERTY MODELAUDIT_SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/${source})
  endforeach()
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/rules.tsv)
    set_property(GLOBAL APPEND PROPERTY MODELAUDIT_RULES ${CMAKE_CURRENT_SOURCE_DIR}/rules.tsv)
  endif()
endfunction()

# modelaudit_add_format(NAME gguf SCANNERS gguf ggml SOURCES layout.cpp scanner.cpp): a folder with scanners. Each name in
# SCANNERS is a function `const Scanner& modelaudit::formats::NAME()`.
function(modelaudit_add_format)
  cmake_parse_arguments(arg "" "NAME" "SCANNERS;SOURCES" ${ARGN})
  modelaudit_add_sources(${arg_SOURCES})
  set_property(GLOBAL APPEND PROPERTY MODELAUDIT_SCANNERS ${arg_SCANNERS})
endfunction()

# modelaudit_add_test(NAME pickle SOURCES a_test.cpp): one Catch2 binary, each test case a ctest test.
function(modelaudit_add_test)
  cmake_parse_arguments(arg "" "NAME" "SOURCES;LIBRARIES" ${ARGN})
  set(target test_${arg_NAME})
  add_executable(${target} ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE modelaudit_internal modelaudit_test_support modelaudit_warnings ${arg_LIBRARIES})
  target_compile_definitions(${target} PRIVATE MODELAUDIT_TEST_DIR="${CMAKE_CURRENT_SOURCE_DIR}")
  add_test(NAME ${arg_NAME} COMMAND ${target})
endfunction()

# Adds every folder below the current one that has a CMakeLists.txt (one level), found again at each build.
function(modelaudit_add_subfolders)
  file(GLOB lists CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*/CMakeLists.txt)
  list(SORT lists)
  foreach(list_file IN LISTS lists)
    get_filename_component(folder ${list_file} DIRECTORY)
    add_subdirectory(${folder})
  endforeach()
endfunction()
