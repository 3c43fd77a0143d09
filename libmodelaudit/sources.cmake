# modelaudit::sources: scanning models on servers. libcurl stays behind it; the core neither links nor loads it.
find_package(CURL 7.88 REQUIRED)
get_property(remote_sources GLOBAL PROPERTY MODELAUDIT_REMOTE_SOURCES)

add_library(modelaudit_sources_objects OBJECT ${remote_sources})
add_dependencies(modelaudit_sources_objects modelaudit_generated)
target_include_directories(modelaudit_sources_objects
  PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/include ${generated}/include PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src)
target_compile_definitions(modelaudit_sources_objects PRIVATE MODELAUDIT_VERSION="${PROJECT_VERSION}")
target_link_libraries(modelaudit_sources_objects PRIVATE modelaudit_warnings CURL::libcurl Threads::Threads)

add_library(modelaudit_sources $<TARGET_OBJECTS:modelaudit_sources_objects>)
add_library(modelaudit::sources ALIAS modelaudit_sources)
if(BUILD_SHARED_LIBS)
  # The core hides what is its own; the few parts that are needed here too are compiled in once more.
  target_sources(modelaudit_sources PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src/io/sha256.cpp
                                            ${CMAKE_CURRENT_SOURCE_DIR}/src/io/sha256_x86.cpp
                                            ${CMAKE_CURRENT_SOURCE_DIR}/src/wire/json/reader.cpp)
  target_include_directories(modelaudit_sources PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src)
  target_link_libraries(modelaudit_sources PRIVATE modelaudit_warnings)
  target_link_options(modelaudit_sources PRIVATE -Wl,--as-needed -Wl,-z,now -Wl,--exclude-libs,ALL)
else()
  target_compile_definitions(modelaudit_sources_objects PUBLIC MODELAUDIT_STATIC_DEFINE MODELAUDIT_SOURCES_STATIC_DEFINE)
  target_compile_definitions(modelaudit_sources PUBLIC MODELAUDIT_SOURCES_STATIC_DEFINE)
endif()
target_sources(modelaudit_sources PUBLIC FILE_SET HEADERS
  BASE_DIRS ${CMAKE_CURRENT_SOURCE_DIR}/include
  FILES ${CMAKE_CURRENT_SOURCE_DIR}/include/modelaudit/sources.hpp
        ${CMAKE_CURRENT_SOURCE_DIR}/include/modelaudit/sources_export.hpp)
set_target_properties(modelaudit_sources PROPERTIES
  EXPORT_NAME sources
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
  VERIFY_INTERFACE_HEADER_SETS ON INSTALL_RPATH "$ORIGIN")
target_link_libraries(modelaudit_sources
  PUBLIC modelaudit PRIVATE CURL::libcurl Threads::Threads)

# For tests and fuzzers, which look inside.
add_library(modelaudit_sources_inside STATIC $<TARGET_OBJECTS:modelaudit_sources_objects>)
target_compile_definitions(modelaudit_sources_inside INTERFACE MODELAUDIT_SOURCES_STATIC_DEFINE)
target_link_libraries(modelaudit_sources_inside PUBLIC modelaudit_internal CURL::libcurl Threads::Threads)

install(TARGETS modelaudit_sources EXPORT modelaudit-sources-targets
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT modelaudit-sources-targets NAMESPACE modelaudit::
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/modelaudit)
