// `weir catalog`: what its files share.
//
// Floor: edges.
#ifndef WEIR_AGENT_COMMAND_CATALOG_H
#define WEIR_AGENT_COMMAND_CATALOG_H

#include "agent/catalog.h"

// The list that a search finds, as a table.
void catalog_print_list(const cJSON *entries);
// All of one product, for people.
void catalog_print_details(const cJSON *entry);

// Write the site into the folder `directory`, made where it is missing: index.html, style.css and
// app.js as they are built in, and catalog.js and catalog.json with `root`. EX_OK, or an exit code
// after a sentence on stderr.
int catalog_write_site(const char *directory, const cJSON *root);

#endif
