// weir: a record enters through an input port, is packed with its neighbours into a block, and lies
// in the spool as a sealed frame until Kafka has acknowledged it. `weir run` is that sentence
// (agent/agent.c); the other commands check, watch and prove it.
#include "agent/command.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"run", command_run, "buffer and deliver, as the settings say, until stopped"},
    {"check", command_check, "read the settings and contracts and say what is wrong with them"},
    {"config", command_config, "print the settings in effect, or the options of a driver"},
    {"status", command_status, "ask the running agent how it is"},
    {"verify", command_verify, "prove from a topic what was delivered, lost or doubled"},
    {"catalog", command_catalog, "find data products by what lies on the mesh topics; make a site"},
    {"decode", command_decode, "print the rows of records of layout `blocks`"},
    {"product", command_product, "publish a data product: plan, apply, retire"},
    {"describe", command_describe, "a product as documents and as snippets that read it"},
    {"spool", command_spool, "look into a spool, live or on a card: ls stat cat export verify"},
    {"demo", command_demo, "see it work: a broker inside, this host's sensors, an outage"},
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void print_help(FILE *out)
{
    (void)fprintf(out, "weir %s: buffers sensor data on flash and delivers it to Kafka\n\n",
                  WEIR_VERSION);
    (void)fprintf(out, "usage: weir COMMAND [--help]\n\n");
    for (int i = 0; i < COMMAND_COUNT; i++) {
        (void)fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].help);
    }
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return EX_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return EX_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("weir %s\n", WEIR_VERSION);
        return EX_OK;
    }
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    (void)fprintf(stderr, "weir: there is no command '%s'; 'weir --help' lists them\n", argv[1]);
    return EX_USAGE;
}
