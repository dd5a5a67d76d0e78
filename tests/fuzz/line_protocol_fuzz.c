// Any bytes as line protocol.
#include "tests/fuzz/text_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return text_fuzz(TEXT_LINE_PROTOCOL, bytes_from(data, size));
}
