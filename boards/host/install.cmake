# What lies beside the program on this board.
install(FILES ${CMAKE_SOURCE_DIR}/boards/host/weir.service DESTINATION lib/systemd/system)
install(FILES ${CMAKE_SOURCE_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(EXISTS ${CMAKE_SOURCE_DIR}/config/weir.yaml)
    install(FILES ${CMAKE_SOURCE_DIR}/config/weir.yaml DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
    install(DIRECTORY ${CMAKE_SOURCE_DIR}/config/products
        DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples FILES_MATCHING PATTERN "*.odcs.yaml")
endif()
