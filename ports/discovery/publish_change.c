// A changed contract against the other versions of it that are published, and those beside it in
// the request. Versions that the domain did not sign bind nobody.
#include "ports/discovery/publish_inner.h"

#include "agent/contract_change.h"
#include "agent/contract_document.h"

#include <stdlib.h>

struct judging {
    const struct making *making;
    struct publish_step *step;
    const struct contract *contract;
};

// ".v1" at a topic's end becomes ".v2"; false: it has no such end.
static bool next_major(const char *topic, char *out, size_t size)
{
    const char *end = strrchr(topic, '.');
    if (end == NULL || end[1] != 'v' || end[2] < '0' || end[2] > '9') {
        return false;
    }
    unsigned long major = strtoul(end + 2, NULL, 10);
    (void)snprintf(out, size, "%.*s.v%lu", (int)(end - topic), topic, major + 1);
    return true;
}

static void refuse(const struct judging *judging, const struct contract *other, const char *topic,
                   const char *why)
{
    char next[300];
    TELL(judging->step, PUBLISH_REFUSE,
         "breaks who reads version %.30s on %.100s (%s); give it a topic of its own, %.100s, and "
         "run both until the endOfSupport of the old one",
         other->version, topic, why,
         next_major(topic, next, sizeof next) ? next : "of the next major");
}

// False: it is refused.
static bool judge_port(const struct judging *judging, const struct contract *other,
                       const struct contract_port *port)
{
    char why[AVRO_COMPAT_WHY_SIZE];
    const struct contract_port *theirs = contract_port(other, port->topic);
    bool follows = true;
    if (theirs == NULL || strcmp(theirs->topic, port->topic) != 0) {
        return true;
    }
    struct contract_face here = {judging->contract, port}, there = {other, theirs};
    bool is_newer = version_compare(judging->contract->version, other->version) > 0;
    enum err err =
        contract_change_judge(is_newer ? there : here, is_newer ? here : there, &follows, why);
    if (err == OK && !follows) {
        refuse(judging, other, port->topic, why);
    }
    return err != OK || follows;
}

static bool shares_topic(const struct contract *a, const struct contract *b)
{
    for (uint32_t i = 0; i < a->port_count; i++) {
        for (uint32_t k = 0; k < b->port_count; k++) {
            if (strcmp(a->ports[i].topic, b->ports[k].topic) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool judge_against(const struct judging *judging, const struct contract *other)
{
    for (uint32_t i = 0; i < judging->contract->port_count; i++) {
        if (!judge_port(judging, other, &judging->contract->ports[i])) {
            return false;
        }
    }
    if (judging->step->action == PUBLISH_CREATE && judging->step->detail[0] == '\0' &&
        !shares_topic(judging->contract, other) &&
        version_compare(judging->contract->version, other->version) > 0) {
        TELL(judging->step, PUBLISH_CREATE,
             "beside version %.30s on %.100s, which runs until its endOfSupport (weir product "
             "retire sets one)",
             other->version, other->port_count > 0 ? other->ports[0].topic : "no topic");
    }
    return true;
}

static bool is_other_version(const struct contract *a, const struct contract *b)
{
    return strcmp(a->id, b->id) == 0 && strcmp(a->version, b->version) != 0;
}

// One that is published. What cannot be read, or was not signed by the domain, binds nobody.
static bool judge_entry(const struct judging *judging, const struct mesh_entry *entry)
{
    const struct contract *contract = judging->contract;
    struct dsse_verdict verdict;
    struct problems problems = {.count = 0};
    size_t id_size = strlen(contract->id);
    if (entry->key.size <= id_size || memcmp(entry->key.at, contract->id, id_size) != 0 ||
        entry->key.at[id_size] != '/') {
        return true;
    }
    dsse_check(judging->making->request->trust, entry->signature, CONTRACT_TYPE, entry->value,
               contract->domain, &verdict);
    if (!publish_is_ours(judging->making, verdict.state)) {
        return true;
    }
    struct contract *other = contract_parse("mesh.contracts", entry->value, &problems);
    problems_free(&problems);
    bool good =
        other == NULL || !is_other_version(contract, other) || judge_against(judging, other);
    contract_free(other);
    return good;
}

void publish_judge_change(const struct making *making, struct publish_step *step,
                          const struct contract *contract)
{
    const struct judging judging = {making, step, contract};
    bool good = true;
    for (uint32_t i = 0; i < mesh_table_count(making->contracts) && good; i++) {
        good = judge_entry(&judging, mesh_table_at(making->contracts, i));
    }
    for (uint32_t i = 0; i < making->request->count && good; i++) {
        const struct contract *other = making->request->contracts[i];
        good = !is_other_version(contract, other) || judge_against(&judging, other);
    }
}
