// weir check CONTRACT --records FILE: what the agent would do with each record, and why.
//
// Floor: edges.
#ifndef WEIR_AGENT_COMMAND_CHECK_RECORDS_H
#define WEIR_AGENT_COMMAND_CHECK_RECORDS_H

#include <stdbool.h>

// Judge the lines of `records` (JSON, one object a line; "-": standard input) by the contract. With
// `port` NULL the contract must declare one port. Prints a line for each that breaks it and a
// summary; with `json` an object for each line and one for the summary. The exit code: 0 all
// conform, 1 some do not, 64, 66 and 78 as of weir check.
int check_records(const char *contract, const char *port, const char *records, bool json);

#endif
