#include "agent/contract_document.h"

#include "agent/clock.h"
#include "agent/track.h"

#include <stdio.h>
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

static bool is_canary(const cJSON *custom)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(custom, "property"));
    return name != NULL && strcmp(name, "weir.canary") == 0;
}

// Without the mark, and without an empty list that only it had made.
static void remove_canary(cJSON *root)
{
    cJSON *customs = cJSON_GetObjectItemCaseSensitive(root, "customProperties");
    cJSON *next = NULL;
    for (cJSON *custom = customs != NULL ? customs->child : NULL; custom != NULL; custom = next) {
        next = custom->next;
        if (is_canary(custom)) {
            cJSON_Delete(cJSON_DetachItemViaPointer(customs, custom));
        }
    }
    if (cJSON_IsArray(customs) && customs->child == NULL) {
        cJSON_DeleteItemFromObjectCaseSensitive(root, "customProperties");
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
    remove_canary(root);
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

char *contract_document_canary(struct bytes document, const char *share)
{
    cJSON *root = object_of(document);
    if (root == NULL) {
        return NULL;
    }
    remove_canary(root);
    cJSON *customs = cJSON_GetObjectItemCaseSensitive(root, "customProperties");
    if (share != NULL && !cJSON_IsArray(customs)) {
        customs = cJSON_AddArrayToObject(root, "customProperties");
    }
    if (share != NULL) {
        cJSON *mark = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(mark, "property", "weir.canary");
        (void)cJSON_AddStringToObject(mark, "value", share);
        (void)cJSON_AddItemToArray(customs, mark);
    }
    char *text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    return text;
}

unsigned contract_document_share(const cJSON *document)
{
    const cJSON *custom;
    cJSON_ArrayForEach(custom, cJSON_GetObjectItemCaseSensitive(document, "customProperties"))
    {
        if (is_canary(custom)) {
            unsigned share = 0;
            const char *text =
                cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(custom, "value"));
            return text != NULL && canary_read(text, &share) ? share : 0;
        }
    }
    return CANARY_ALL;
}

void contract_document_end(struct bytes document, char out[64])
{
    cJSON *root = cJSON_ParseWithLength((const char *)document.at, document.size);
    const cJSON *promise;
    out[0] = '\0';
    cJSON_ArrayForEach(promise, cJSON_GetObjectItemCaseSensitive(root, "slaProperties"))
    {
        const char *name =
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(promise, "property"));
        const char *value =
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(promise, "value"));
        if (name != NULL && value != NULL && strcasecmp(name, "endOfSupport") == 0) {
            (void)snprintf(out, 64, "%s", value);
        }
    }
    cJSON_Delete(root);
}

bool contract_end_ms(const char *text, int64_t *time_ms)
{
    char moment[40];
    if (clock_parse(text, strlen(text), time_ms) == 0) {
        return true;
    }
    (void)snprintf(moment, sizeof moment, "%.10sT00:00:00Z", text);
    return strlen(text) == 10 && clock_parse(moment, strlen(moment), time_ms) == 0;
}
