// Any bytes as JSON lines.
#include "tests/fuzz/text_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return text_fuzz(TEXT_JSON, bytes_from(data, size));
}
