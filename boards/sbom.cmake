# sbom.cdx.json in the build folder: CycloneDX 1.5, the program and the libraries that it was
# configured with. The same versions make the same bytes: no times, and a serial number that is the
# UUIDv5 of the content.
file(STRINGS /usr/include/mbedtls/version.h MBEDTLS_LINE
    REGEX "define MBEDTLS_VERSION_STRING +\"")
if(NOT MBEDTLS_LINE AND EXISTS /usr/include/mbedtls/build_info.h)
    file(STRINGS /usr/include/mbedtls/build_info.h MBEDTLS_LINE
        REGEX "define MBEDTLS_VERSION_STRING +\"")
endif()
string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" MBEDTLS_VERSION "${MBEDTLS_LINE}")

set(SBOM_COMPONENTS "")
function(sbom_library name version licence)
    if("${version}" STREQUAL "")
        set(version unknown)
    endif()
    set(entry "    {\"type\": \"library\", \"bom-ref\": \"${name}\", \"name\": \"${name}\", \"version\": \"${version}\", \"licenses\": [{\"license\": {\"id\": \"${licence}\"}}], \"purl\": \"pkg:generic/${name}@${version}\"}")
    if(SBOM_COMPONENTS)
        string(APPEND SBOM_COMPONENTS ",\n")
    endif()
    set(SBOM_COMPONENTS "${SBOM_COMPONENTS}${entry}" PARENT_SCOPE)
endfunction()
sbom_library(librdkafka "${RDKAFKA_VERSION}" BSD-2-Clause)
sbom_library(mbedtls "${MBEDTLS_VERSION}" Apache-2.0)
sbom_library(zlib "${ZLIB_VERSION_STRING}" Zlib)
sbom_library(libyaml "${YAML_VERSION}" MIT)
sbom_library(cjson "${CJSON_VERSION}" MIT)
sbom_library(pcre2 "${PCRE2_VERSION}" BSD-3-Clause)
if(PKCS11)
    sbom_library(p11-kit "${P11KIT_VERSION}" BSD-3-Clause)
    set(SBOM_TOKEN ", \"p11-kit\"")
endif()
set(SBOM_CURL "")
if(REGISTRY)
    sbom_library(libcurl "${CURL_VERSION}" curl)
    set(SBOM_CURL ", \"libcurl\"")
endif()

set(SBOM_BODY "  \"version\": 1,
  \"metadata\": {\"component\": {\"type\": \"application\", \"bom-ref\": \"weir\", \"name\": \"weir\", \"version\": \"${PROJECT_VERSION}\", \"properties\": [{\"name\": \"weir:board\", \"value\": \"${BOARD}\"}, {\"name\": \"weir:processor\", \"value\": \"${CMAKE_SYSTEM_PROCESSOR}\"}, {\"name\": \"weir:compiler\", \"value\": \"${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}\"}]}},
  \"components\": [
${SBOM_COMPONENTS}
  ],
  \"dependencies\": [{\"ref\": \"weir\", \"dependsOn\": [\"librdkafka\", \"mbedtls\", \"zlib\", \"libyaml\", \"cjson\", \"pcre2\"${SBOM_TOKEN}${SBOM_CURL}]}]
}
")
string(UUID SBOM_SERIAL NAMESPACE 6ba7b811-9dad-11d1-80b4-00c04fd430c8 NAME "${SBOM_BODY}" TYPE SHA1)
set(SBOM_FILE ${CMAKE_BINARY_DIR}/sbom.cdx.json)
file(WRITE ${SBOM_FILE} "{
  \"bomFormat\": \"CycloneDX\",
  \"specVersion\": \"1.5\",
  \"serialNumber\": \"urn:uuid:${SBOM_SERIAL}\",
${SBOM_BODY}")
file(SHA256 ${SBOM_FILE} SBOM_SHA256)
