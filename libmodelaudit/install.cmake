include(CMakePackageConfigHelpers)
install(TARGETS modelaudit EXPORT modelaudit-targets
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT modelaudit-targets NAMESPACE modelaudit:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/modelaudit)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/modelaudit-config.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/modelaudit-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/modelaudit)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/modelaudit-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/modelaudit-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/modelaudit-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/modelaudit)
set(MODELAUDIT_PC_LIBS_PRIVATE "-lboost_filesystem -lboost_iostreams -lfmt -lz -lbz2 -llzma -lzstd -llz4 -lsimdjson -lpthread")
if(BUILD_SHARED_LIBS)
  set(MODELAUDIT_PC_CFLAGS "")
else()
  set(MODELAUDIT_PC_CFLAGS "-DMODELAUDIT_STATIC_DEFINE")
endif()
# Relocatable as long as the folders are relative to the prefix; as given where a packager made them absolute.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}" OR IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(MODELAUDIT_PC_PREFIX "${CMAKE_INSTALL_PREFIX}")
  set(MODELAUDIT_PC_LIBDIR "${CMAKE_INSTALL_FULL_LIBDIR}")
  set(MODELAUDIT_PC_INCLUDEDIR "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
else()
  string(REGEX REPLACE "[^/]+" ".." up "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
  set(MODELAUDIT_PC_PREFIX "\${pcfiledir}/${up}")
  set(MODELAUDIT_PC_LIBDIR "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
  set(MODELAUDIT_PC_INCLUDEDIR "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/modelaudit.pc.in ${CMAKE_CURRENT_BINARY_DIR}/modelaudit.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/modelaudit.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
if(MODELAUDIT_SOURCES)
  if(NOT BUILD_SHARED_LIBS)
    set(MODELAUDIT_PC_SOURCES_CFLAGS "-DMODELAUDIT_SOURCES_STATIC_DEFINE")
  endif()
  configure_file(${PROJECT_SOURCE_DIR}/cmake/modelaudit-sources.pc.in ${CMAKE_CURRENT_BINARY_DIR}/modelaudit-sources.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/modelaudit-sources.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
