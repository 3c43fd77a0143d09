if(MODELAUDIT_SANITIZE)
  add_compile_options(-fsanitize=${MODELAUDIT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${MODELAUDIT_SANITIZE})
endif()
