// The commands of the program, `weir NAME ...`. Each lives in a file agent/command_NAME.c (or
// beside the port it serves) and is listed in agent/main.c. A command reads its own arguments,
// prints results on stdout and sentences for people on stderr, and returns an exit code of
// sysexits(3).
//
// Floor: wiring.
#ifndef WEIR_AGENT_COMMAND_H
#define WEIR_AGENT_COMMAND_H

#include <sysexits.h>

// `argv[0]` is the command's name.
int command_run(int argc, char **argv);
int command_catalog(int argc, char **argv);
int command_check(int argc, char **argv);
int command_config(int argc, char **argv);
int command_status(int argc, char **argv);
int command_verify(int argc, char **argv);
int command_demo(int argc, char **argv);
int command_spool(int argc, char **argv);
int command_decode(int argc, char **argv);
int command_product(int argc, char **argv);
int command_describe(int argc, char **argv);

#endif
