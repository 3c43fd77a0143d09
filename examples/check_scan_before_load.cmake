# The clean model is loaded, the malicious one refused.
execute_process(COMMAND ${PROGRAM} ${CLEAN} RESULT_VARIABLE clean OUTPUT_VARIABLE clean_text)
execute_process(COMMAND ${PROGRAM} ${EVIL} RESULT_VARIABLE evil OUTPUT_VARIABLE evil_text)
if(NOT clean EQUAL 0 OR NOT clean_text MATCHES "loading")
  message(FATAL_ERROR "the clean model was not loaded (${clean}): ${clean_text}")
endif()
if(NOT evil EQUAL 1 OR NOT evil_text MATCHES "refused")
  message(FATAL_ERROR "the malicious model was not refused (${evil}): ${evil_text}")
endif()
