if(MODELAUDIT_SANITIZE)
  add_compile_options(-fsanitize=${MODELAUDIT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${MODELAUDIT_SANITIZE})
endif()
if(MODELAUDIT_FUZZ)
  # Coverage feedback from the library too; the targets themselves link the fuzzer's main.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
