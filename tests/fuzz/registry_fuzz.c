// Any bytes as the answer of a schema registry. The first byte says to which question; texts stay
// within their bounds and on one line.
#include "ports/discovery/registry_answer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const char *words, size_t size)
{
    size_t length = strnlen(words, size);
    if (length == size) {
        abort();
    }
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)words[i] < ' ') {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct registry_schema schema;
    char words[REGISTRY_WORDS_SIZE], rule[REGISTRY_RULE_SIZE];
    bool fits;
    int code;
    if (size == 0) {
        return 0;
    }
    struct bytes answer = bytes_from(data + 1, size - 1);
    switch (data[0] % 4) {
    case 0:
        if (registry_answer_schema(answer, &schema) == OK && schema.ids.id > INT32_MAX) {
            abort();
        }
        break;
    case 1:
        (void)registry_answer_verdict(answer, &fits, words);
        check_line(words, sizeof words);
        break;
    case 2:
        (void)registry_answer_rule(answer, rule);
        check_line(rule, sizeof rule);
        break;
    default:
        registry_answer_error(answer, &code, words);
        check_line(words, sizeof words);
        break;
    }
    return 0;
}
