#include "agent/settings_rows.h"

#include "agent/settings.h"

enum { SECOND = 1000, HOUR = 3600 * SECOND, DAY = 24 * HOUR };

const struct option settings_general_rows[] = {
    {.key = "gateway",
     .type = OPTION_TEXT,
     .help = "the name of this gateway, unique in the fleet: 1 to 64 letters, digits, `.`, `_`, "
             "`-`; default: the host name"},
    {.key = "tenant",
     .type = OPTION_TEXT,
     .help = "the organisation, for contracts that name none; part of a product's id"},
    {.key = "trust",
     .type = OPTION_PATH,
     .help = "the authorities (PEM) under which owners sign what is taken from the mesh"},
    {.key = "state",
     .type = OPTION_PATH,
     .help = "the directory of the spools and of all else that is kept; default: "
             "`$STATE_DIRECTORY`, else `/var/lib/weir`"},
    {.key = "control",
     .type = OPTION_PATH,
     .help = "the local control socket, at most 107 bytes; default: `control.sock` in `state`"},
    {.key = "log",
     .type = OPTION_CHOICE,
     .initial = "info",
     .choices = "error|warn|info|debug",
     .help = "the least important events that are logged"},
    {.key = NULL},
};

const struct option settings_part_rows[] = {
    {.key = "kafka"},    {.key = "heartbeat"}, {.key = "registry"},
    {.key = "products"}, {.key = "inputs"},    {.key = NULL},
};

const struct option settings_heartbeat_rows[] = {
    {.key = "topic",
     .type = OPTION_TEXT,
     .initial = "mesh.heartbeats",
     .help = "where the gateway tells its state"},
    {.key = "levels",
     .type = OPTION_TEXT,
     .initial = "mesh.slo",
     .help = "the topic where the measured service levels of the products are told"},
    {.key = "every",
     .type = OPTION_DURATION,
     .low = 1 * SECOND,
     .high = DAY,
     .help = "the promised cadence, of the service levels too; default by `link`: 60 s on "
             "ethernet, 300 s on cellular and "
             "satellite"},
    {.key = NULL},
};

const struct option settings_registry_rows[] = {
    {.key = "url",
     .type = OPTION_TEXT,
     .help = "where the schema registry (Confluent's API) answers, `https://HOST[:PORT][/PATH]`; "
             "needed for what is written in avro, unless the contract says `weir.schemaId`"},
    {.key = "tls.ca",
     .type = OPTION_PATH,
     .help = "certificates that may sign the registry's (PEM); default: those of the system"},
    {.key = "tls.cert", .type = OPTION_PATH, .help = "what is shown to the registry (PEM)"},
    {.key = "tls.key", .type = OPTION_PATH, .help = "the key of tls.cert (PEM)"},
    {.key = "username", .type = OPTION_TEXT, .help = "HTTP basic authentication: the user"},
    {.key = "password file",
     .type = OPTION_PATH,
     .help = "a file whose first line is the password of username"},
    {.key = NULL},
};

const struct option settings_product_rows[] = {
    {.key = "contract",
     .type = OPTION_PATH,
     .required = true,
     .help = "the domain team's ODCS file, relative to this file; or what to follow on the mesh: "
             "`{id: .., track: 1.x}`"},
    {.key = "contract.id",
     .type = OPTION_TEXT,
     .help = "the id of a contract that is taken from `mesh.contracts`, as its owner signed it; "
             "needs `trust`"},
    {.key = "contract.track",
     .type = OPTION_TEXT,
     .help = "which of its versions: `1.x`, `1.4.x`, or one, `1.4.2`"},
    {.key = "contract.domain",
     .type = OPTION_TEXT,
     .help = "whose it must be; default: the domain of the version that is taken first"},
    {.key = "port",
     .type = OPTION_TEXT,
     .help = "which of the contract's ports: PORT of its topic DOMAIN.PRODUCT.PORT.vMAJOR, or its "
             "name, id or topic; may be left out where there is one"},
    {.key = "name",
     .type = OPTION_TEXT,
     .help = "what the product is called here; default: `dataProduct` of the contract, else its "
             "file's name"},
    {.key = "publish",
     .type = OPTION_CHOICE,
     .initial = "owner",
     .choices = "owner|gateway",
     .help =
         "who makes the topics and writes contract and product to the mesh: the owner, by `weir "
         "product apply`, or this gateway, where it is the product's only one"},
    {.key = "delivery",
     .type = OPTION_CHOICE,
     .choices = "at-least-once|exactly-once",
     .help = "exactly-once: in transactions; needs the topic DOMAIN.weir-cursors, see "
             "ports/output/README.md; default by `link`: exactly-once on ethernet, at-least-once "
             "on cellular and satellite"},
    {.key = "priority",
     .type = OPTION_CHOICE,
     .initial = "normal",
     .choices = "high|normal|low",
     .help = "who goes first where the link is too slow for all: 6, 3 and 1 parts of it; what one "
             "does not need is free for the others"},
    {.key = "spool.size",
     .type = OPTION_SIZE,
     .initial = "64 MiB",
     .low = 4 << 20,
     .high = 0,
     .help = "the most that the product's records may take on disk"},
    {.key = "spool.commit",
     .type = OPTION_DURATION,
     .low = 10,
     .high = HOUR,
     .help = "how long a record may wait before it is made durable; only durable records are "
             "sent; default by `link`: 1 s on ethernet, 10 s on cellular, 60 s on satellite"},
    {.key = "spool.when full",
     .type = OPTION_CHOICE,
     .initial = "drop oldest",
     .choices = "drop oldest|refuse|thin",
     .help = "drop oldest: old records make room and are told as lost; refuse: inputs wait; thin: "
             "above 70 % new records are reduced, and at 100 % the oldest dropped"},
    {.key = "spool.keep",
     .type = OPTION_DURATION,
     .low = 1 * SECOND,
     .high = 3650LL * DAY,
     .help = "how long a record is worth sending; one that waits longer ends, and is told as "
             "lost with the cause `expired`; default: it waits as long as there is room"},
    {.key = "spool.key file",
     .type = OPTION_PATH,
     .help = "seals what lies on disk: a file with a key of 32 bytes, raw, as 64 hex digits or in "
             "base64"},
    {.key = "spool.key credential",
     .type = OPTION_TEXT,
     .help =
         "the same from a credential of systemd (`LoadCredential=`); default: `weir.key`, where "
         "it is given"},
    {.key = "spool.key keyring",
     .type = OPTION_TEXT,
     .help = "the same from the kernel's keyring: the description of a key of type `user`"},
    {.key = NULL},
};

const struct option settings_input_rows[] = {
    {.key = "driver",
     .type = OPTION_TEXT,
     .required = true,
     .help = "what reads; `weir config --help DRIVER` tells its keys"},
    {.key = "name",
     .type = OPTION_TEXT,
     .help = "what the input is called in status and log; default: its driver's name"},
    {.key = "product",
     .type = OPTION_TEXT,
     .help = "where its records go: the name of a product; may be left out where there is one"},
    {.key = NULL},
};

const struct settings_section settings_sections[] = {
    {"the file itself", settings_general_rows}, {"heartbeat", settings_heartbeat_rows},
    {"registry", settings_registry_rows},       {"products[]", settings_product_rows},
    {"inputs[]", settings_input_rows},          {NULL, NULL},
};
