#include "ports/discovery/registry_answer.h"

#include <cjson/cJSON.h>
#include <stdio.h>

// Other people's words on one line of ours: no control characters, and cut where they are long.
static void take_words(const char *text, char *out, size_t size)
{
    size_t used = strlen(out);
    for (; text != NULL && *text != '\0' && used + 1 < size; text++) {
        out[used++] = (unsigned char)*text < ' ' || *text == 0x7f ? ' ' : *text;
    }
    out[used] = '\0';
}

static bool take_count(const cJSON *object, const char *key, uint32_t *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    double number = cJSON_IsNumber(item) ? item->valuedouble : -1;
    if (!(number >= 0 && number <= INT32_MAX) || number != (double)(uint32_t)number) {
        return false;
    }
    *out = (uint32_t)number;
    return true;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

// 8-4-4-4-12 hex digits.
static bool take_guid(const char *text, uint8_t guid[SCHEMA_GUID_SIZE])
{
    if (text == NULL || strlen(text) != 36) {
        return false;
    }
    size_t digits = 0;
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        int digit = hex_digit(text[i]);
        if (dash ? text[i] != '-' : digit < 0) {
            return false;
        }
        if (!dash) {
            guid[digits / 2] = (uint8_t)(guid[digits / 2] << 4 | digit);
            digits++;
        }
    }
    return true;
}

enum err registry_answer_schema(struct bytes answer, struct registry_schema *schema)
{
    *schema = (struct registry_schema){0};
    cJSON *root = cJSON_ParseWithLength((const char *)answer.at, answer.size);
    bool good = take_count(root, "id", &schema->ids.id);
    if (good) {
        (void)take_count(root, "version", &schema->version);
        uint8_t guid[SCHEMA_GUID_SIZE];
        const cJSON *text = cJSON_GetObjectItemCaseSensitive(root, "guid");
        schema->ids.has_guid = take_guid(cJSON_GetStringValue(text), guid);
        if (schema->ids.has_guid) {
            memcpy(schema->ids.guid, guid, sizeof guid);
        }
    }
    cJSON_Delete(root);
    return good ? OK : ERR_CORRUPT;
}

enum err registry_answer_verdict(struct bytes answer, bool *fits, char words[REGISTRY_WORDS_SIZE])
{
    words[0] = '\0';
    cJSON *root = cJSON_ParseWithLength((const char *)answer.at, answer.size);
    const cJSON *verdict = cJSON_GetObjectItemCaseSensitive(root, "is_compatible");
    const cJSON *message;
    cJSON_ArrayForEach(message, cJSON_GetObjectItemCaseSensitive(root, "messages"))
    {
        take_words(words[0] != '\0' ? "; " : "", words, REGISTRY_WORDS_SIZE);
        take_words(cJSON_GetStringValue(message), words, REGISTRY_WORDS_SIZE);
    }
    if (words[0] == '\0') { // Apicurio's
        take_words(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "reason")), words,
                   REGISTRY_WORDS_SIZE);
    }
    bool good = cJSON_IsBool(verdict);
    *fits = cJSON_IsTrue(verdict);
    cJSON_Delete(root);
    return good ? OK : ERR_CORRUPT;
}

enum err registry_answer_rule(struct bytes answer, char rule[REGISTRY_RULE_SIZE])
{
    rule[0] = '\0';
    cJSON *root = cJSON_ParseWithLength((const char *)answer.at, answer.size);
    take_words(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "compatibilityLevel")),
               rule, REGISTRY_RULE_SIZE);
    cJSON_Delete(root);
    return rule[0] != '\0' ? OK : ERR_CORRUPT;
}

void registry_answer_error(struct bytes answer, int *code, char words[REGISTRY_WORDS_SIZE])
{
    uint32_t number = 0;
    words[0] = '\0';
    cJSON *root = cJSON_ParseWithLength((const char *)answer.at, answer.size);
    (void)take_count(root, "error_code", &number);
    take_words(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "message")), words,
               REGISTRY_WORDS_SIZE);
    cJSON_Delete(root);
    *code = (int)number;
}
