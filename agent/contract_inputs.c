#include "agent/contract_inputs.h"

#include "agent/odcs.h"

static const char blanks[] = " ,";

bool contract_input_next(const char **text, struct bytes *id, struct bytes *version)
{
    const char *at = *text + strspn(*text, blanks);
    size_t size = strcspn(at, blanks);
    size_t slash = size;
    while (slash > 0 && at[slash - 1] != '/') {
        slash--;
    }
    if (slash < 2 || slash == size) {
        return false;
    }
    *id = bytes_from(at, slash - 1);
    *version = bytes_from(at + slash, size - slash);
    *text = at + size;
    return true;
}

const char *contract_inputs_read(const struct yaml_node *root, struct problems *problems)
{
    const struct yaml_node *node = odcs_custom(root, "weir.inputContracts");
    if (node == NULL) {
        return NULL;
    }
    const char *rest = node->text;
    struct bytes id, version;
    while (contract_input_next(&rest, &id, &version)) {
        // they are only counted as good
    }
    if (rest[strspn(rest, blanks)] != '\0' || rest == node->text) {
        yaml_wrong(
            node, NULL, problems,
            "weir.inputContracts: \"%.80s\" names no version of a contract; write ID/VERSION, "
            "several after a comma",
            rest);
    }
    return node->text;
}

bool contract_inputs_have(const char *text, const char *id)
{
    struct bytes found, version;
    while (text != NULL && contract_input_next(&text, &found, &version)) {
        if (bytes_equal(found, bytes_text(id))) {
            return true;
        }
    }
    return false;
}
