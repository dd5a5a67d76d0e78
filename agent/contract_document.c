#include "agent/contract_document.h"

#include <cjson/cJSON.h>
#include <strings.h>

enum { ROOT_KEYS_MAX = 512 }; // as many as YAML_KEYS_MAX

static bool is_end(const cJSON *promise)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(promise, "property"));
    return name != NULL &&
           (strcasecmp(name, "endOfSupport") == 0 || strcasecmp(name, "endOfLife") == 0);
}

static void remove_ends(cJSON *promises)
{
    cJSON *next = NULL;
    for (cJSON *promise = promises != NULL ? promises->child : NULL; promise != NULL;
         promise = next) {
        next = promise->next;
        if (is_end(promise)) {
            cJSON_Delete(cJSON_DetachItemViaPointer(promises, promise));
        }
    }
}

// Readers differ in which of two they take.
static bool has_twins(const cJSON *root)
{
    int count = 0;
    for (const cJSON *item = root->child; item != NULL; item = item->next) {
        if (++count > ROOT_KEYS_MAX) {
            return true;
        }
        for (const cJSON *other = item->next; other != NULL; other = other->next) {
            if (strcmp(item->string, other->string) == 0) {
                return true;
            }
        }
    }
    return false;
}

static cJSON *object_of(struct bytes document)
{
    cJSON *root = cJSON_ParseWithLength((const char *)document.at, document.size);
    if (!cJSON_IsObject(root) || has_twins(root)) {
        cJSON_Delete(root);
        return NULL;
    }
    return root;
}

enum err contract_content_digest(struct bytes document, uint8_t out[DIGEST_SIZE])
{
    cJSON *root = object_of(document);
    if (root == NULL) {
        return ERR_INVALID;
    }
    cJSON *promises = cJSON_GetObjectItemCaseSensitive(root, "slaProperties");
    cJSON_DeleteItemFromObjectCaseSensitive(root, "status");
    remove_ends(promises);
    if (cJSON_IsArray(promises) && promises->child == NULL) {
        cJSON_DeleteItemFromObjectCaseSensitive(root, "slaProperties"); // none is as good as empty
    }
    char *text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    if (text == NULL) {
        return ERR_INVALID;
    }
    digest_sha256(bytes_text(text), out);
    cJSON_free(text);
    return OK;
}

static void put_end(cJSON *root, const char *when)
{
    cJSON *promises = cJSON_GetObjectItemCaseSensitive(root, "slaProperties");
    if (!cJSON_IsArray(promises)) {
        cJSON_DeleteItemFromObjectCaseSensitive(root, "slaProperties");
        promises = cJSON_AddArrayToObject(root, "slaProperties");
    }
    remove_ends(promises);
    cJSON *promise = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(promise, "property", "endOfSupport");
    (void)cJSON_AddStringToObject(promise, "value", when);
    (void)cJSON_AddItemToArray(promises, promise);
}

char *contract_document_ended(struct bytes document, const char *status, const char *end_of_support)
{
    cJSON *root = object_of(document);
    if (root == NULL) {
        return NULL;
    }
    cJSON *word = cJSON_CreateString(status);
    if (!cJSON_ReplaceItemInObjectCaseSensitive(root, "status", word)) {
        (void)cJSON_AddItemToObject(root, "status", word);
    }
    if (end_of_support != NULL) {
        put_end(root, end_of_support);
    }
    char *text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    return text;
}
