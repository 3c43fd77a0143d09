cmake_minimum_required(VERSION 3.25)
# The installed program finds the library of remote sources beside its own; without it a reference is an error that says
# so, and files are scanned as ever.
set(alone ${PREFIX}-alone)
file(REMOVE_RECURSE ${alone})
file(GLOB core ${PREFIX}/${LIBDIR}/libmodelaudit.so*)
file(COPY ${core} DESTINATION ${alone}/${LIBDIR})
file(COPY ${PREFIX}/bin/modelaudit DESTINATION ${alone}/bin)

function(expect_message prefix message)
  execute_process(COMMAND ${prefix}/bin/modelaudit scan --no-cache https://user:secret@127.0.0.1/artifactory/m/x.pkl?token=secret
    OUTPUT_VARIABLE said ERROR_VARIABLE complained RESULT_VARIABLE status)
  if(NOT status EQUAL 2 OR NOT said MATCHES "${message}" OR "${said}${complained}" MATCHES "secret")
    message(SEND_ERROR "status ${status} in ${prefix}: ${said}${complained}")
  endif()
endfunction()
expect_message(${PREFIX} "credentials into the environment")
expect_message(${alone} "needs libmodelaudit_sources")

execute_process(COMMAND ${alone}/bin/modelaudit scan --no-cache --quiet ${CLEAN} RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(SEND_ERROR "status ${status} for a clean file")
endif()
