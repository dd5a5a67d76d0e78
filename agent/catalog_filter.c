// Does a product match what is sought?
#include "agent/catalog_inner.h"

#include <strings.h>

static bool is_same(const char *a, const char *b)
{
    return a != NULL && strcasecmp(a, b) == 0;
}

// plant7 finds plant7 and plant7.ovens.
static bool is_in_domain(const char *domain, const char *wanted)
{
    size_t size = strlen(wanted);
    return domain != NULL && strncasecmp(domain, wanted, size) == 0 &&
           (domain[size] == '\0' || domain[size] == '.');
}

static bool contains(const char *text, const char *word)
{
    return text != NULL && strcasestr(text, word) != NULL;
}

static bool has_tag(const cJSON *entry, const char *tag)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(entry, "tags"))
    {
        if (is_same(item->valuestring, tag)) {
            return true;
        }
    }
    return false;
}

// A field of a contract that is called `name` (NULL: any) and measured in `unit` (NULL: any).
static bool has_field(const cJSON *entry, const char *name, const char *unit)
{
    const cJSON *contract;
    const cJSON *field;
    cJSON_ArrayForEach(contract, cJSON_GetObjectItemCaseSensitive(entry, "contracts"))
    {
        cJSON_ArrayForEach(field, cJSON_GetObjectItemCaseSensitive(contract, "fields"))
        {
            const char *of = catalog_text(field, "unit");
            // Units differ by case: mS is not MS.
            if ((name == NULL || is_same(catalog_text(field, "name"), name)) &&
                (unit == NULL || (of != NULL && strcmp(of, unit) == 0))) {
                return true;
            }
        }
    }
    return false;
}

static bool has_word_in(const cJSON *list, const char *const *members, const char *word)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (cJSON_IsString(item) && contains(item->valuestring, word)) {
            return true;
        }
        for (size_t i = 0; members[i] != NULL; i++) {
            if (contains(catalog_text(item, members[i]), word)) {
                return true;
            }
        }
    }
    return false;
}

static bool has_word(const cJSON *entry, const char *word)
{
    static const char *const texts[] = {"id",    "name",        "domain", "tenant", "purpose",
                                        "usage", "limitations", "owner",  NULL};
    static const char *const of_ports[] = {"name", "topic", NULL};
    static const char *const of_fields[] = {"name", "description", "unit", NULL};
    static const char *const none[] = {NULL};
    for (size_t i = 0; texts[i] != NULL; i++) {
        if (contains(catalog_text(entry, texts[i]), word)) {
            return true;
        }
    }
    if (has_word_in(cJSON_GetObjectItemCaseSensitive(entry, "tags"), none, word) ||
        has_word_in(cJSON_GetObjectItemCaseSensitive(entry, "ports"), of_ports, word)) {
        return true;
    }
    const cJSON *contract;
    cJSON_ArrayForEach(contract, cJSON_GetObjectItemCaseSensitive(entry, "contracts"))
    {
        if (has_word_in(cJSON_GetObjectItemCaseSensitive(contract, "fields"), of_fields, word)) {
            return true;
        }
    }
    return false;
}

bool catalog_matches(const cJSON *entry, const struct catalog_filter *filter)
{
    for (uint32_t i = 0; i < filter->word_count; i++) {
        if (!has_word(entry, filter->words[i])) {
            return false;
        }
    }
    return (filter->domain == NULL ||
            is_in_domain(catalog_text(entry, "domain"), filter->domain)) &&
           (filter->tag == NULL || has_tag(entry, filter->tag)) &&
           ((filter->field == NULL && filter->unit == NULL) ||
            has_field(entry, filter->field, filter->unit));
}
