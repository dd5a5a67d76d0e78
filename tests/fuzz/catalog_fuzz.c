// Any bytes as records of the mesh topics: the first byte of a line says of which, a tab ends its
// key. What is found is searched and printed.
#include "agent/catalog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take_line(struct catalog *catalog, struct bytes line)
{
    if (line.size < 2) {
        return;
    }
    const uint8_t *tab = memchr(line.at + 1, '\t', line.size - 1);
    size_t key = tab == NULL ? line.size - 1 : (size_t)(tab - line.at) - 1;
    size_t begins = tab == NULL ? line.size : key + 2;
    (void)catalog_take(catalog, line.at[0] % 4, bytes_from(line.at + 1, key),
                       bytes_from(line.at + begins, line.size - begins), NULL, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct catalog *catalog = catalog_open();
    while (size > 0) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t line = end == NULL ? size : (size_t)(end - data) + 1;
        take_line(catalog, bytes_from(data, end == NULL ? line : line - 1));
        data += line;
        size -= line;
    }
    const char *word = "a";
    const struct catalog_filter all = {.words = NULL};
    const struct catalog_filter some = {
        .words = &word, .word_count = 1, .domain = "a", .tag = "b", .field = "c", .unit = "d"};
    cJSON_Delete(catalog_find(catalog, &some));
    cJSON *found = catalog_find(catalog, &all);
    cJSON_free(cJSON_PrintUnformatted(found));
    cJSON_Delete(found);
    catalog_close(catalog);
    return 0;
}
