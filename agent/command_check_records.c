#include "agent/command_check_records.h"

#include "agent/bytes.h"
#include "agent/contract.h"
#include "agent/json_text.h"
#include "ports/input/json_lines.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

enum { SOME_DO_NOT_CONFORM = 1 };

struct judge {
    bool json;
    struct quality_rules *rules;
    struct fields *fields;
    uint64_t lines, conforming, refused;
    uint64_t by_action[ACTION_QUARANTINE + 1]; // of those that break a rule
};

// ---- a line ----

static void print_text(const char *name, const char *text)
{
    uint8_t room[1024]; // a sentence with every byte escaped and the rest of it cut
    struct buffer out = buffer_over(room, sizeof room);
    json_put_string(&out, bytes_text(text));
    (void)printf(",\"%s\":%.*s", name, (int)out.size, (const char *)room);
}

static void print_verdict(const struct judge *judge, const char *action, const char *column,
                          const char *rule, const char *sentence)
{
    if (!judge->json && sentence == NULL) {
        return;
    }
    if (!judge->json) {
        (void)printf("line %" PRIu64 ": %s: %s\n", judge->lines, action, sentence);
        return;
    }
    (void)printf("{\"line\":%" PRIu64 ",\"conforms\":%s,\"action\":\"%s\"", judge->lines,
                 sentence == NULL ? "true" : "false", action);
    if (column != NULL) {
        print_text("column", column);
    }
    if (rule != NULL) {
        print_text("rule", rule);
    }
    if (sentence != NULL) {
        print_text("reason", sentence);
    }
    (void)printf("}\n");
}

static void judge_line(struct judge *judge, struct bytes line)
{
    struct quality_verdict verdict;
    char sentence[QUALITY_SENTENCE_SIZE];
    judge->lines++;
    const struct record *record = json_line_read(judge->fields, line);
    if (record == NULL) {
        judge->refused++;
        print_verdict(judge, "refuse", NULL, NULL, fields_sentence(judge->fields));
        return;
    }
    quality_judge(judge->rules, record, &verdict);
    if (verdict.conforms) {
        judge->conforming++;
        print_verdict(judge, "pass", NULL, NULL, NULL);
        return;
    }
    judge->by_action[verdict.action]++;
    quality_explain(judge->rules, verdict.rule, record, sentence);
    print_verdict(judge, quality_action_name(verdict.action),
                  verdict.rule->column != NULL ? verdict.rule->column->name : NULL,
                  quality_kind_name(verdict.rule->kind), sentence);
}

// ---- the summary ----

static void print_rule(const struct quality_rule *rule, bool json, bool first)
{
    const char *column = rule->column != NULL ? rule->column->name : "";
    bool holds = quality_rule_holds(rule, rule->rows, rule->breaches);
    if (json) {
        (void)printf("%s{\"rule\":\"%s\",\"column\":\"%s\",\"line\":%d,\"rows\":%" PRIu64
                     ",\"breaches\":%" PRIu64 ",\"holds\":%s}",
                     first ? "" : ",", quality_kind_name(rule->kind), column, rule->line,
                     rule->rows, rule->breaches, holds ? "true" : "false");
    } else if (rule->breaches > 0 || !holds) {
        (void)printf("  %s %s: %" PRIu64 " of %" PRIu64 "%s\n", column,
                     quality_kind_name(rule->kind), rule->breaches, rule->rows,
                     holds ? ", which it allows" : "");
    }
}

static bool print_summary(const struct judge *judge)
{
    bool all_hold = judge->conforming == judge->lines;
    uint32_t count = quality_rule_count(judge->rules);
    if (judge->json) {
        (void)printf("{\"records\":%" PRIu64 ",\"conforming\":%" PRIu64 ",\"annotate\":%" PRIu64
                     ",\"quarantine\":%" PRIu64 ",\"drop\":%" PRIu64 ",\"count\":%" PRIu64
                     ",\"refuse\":%" PRIu64 ",\"rules\":[",
                     judge->lines, judge->conforming, judge->by_action[ACTION_ANNOTATE],
                     judge->by_action[ACTION_QUARANTINE], judge->by_action[ACTION_DROP],
                     judge->by_action[ACTION_COUNT], judge->refused);
    } else {
        (void)printf("%" PRIu64 " records: %" PRIu64 " conform, %" PRIu64 " annotated, %" PRIu64
                     " quarantined, %" PRIu64 " dropped, %" PRIu64 " only counted, %" PRIu64
                     " refused\n",
                     judge->lines, judge->conforming, judge->by_action[ACTION_ANNOTATE],
                     judge->by_action[ACTION_QUARANTINE], judge->by_action[ACTION_DROP],
                     judge->by_action[ACTION_COUNT], judge->refused);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct quality_rule *rule = quality_rule(judge->rules, i);
        all_hold = all_hold && quality_rule_holds(rule, rule->rows, rule->breaches);
        print_rule(rule, judge->json, i == 0);
    }
    if (judge->json) {
        (void)printf("],\"holds\":%s}\n", all_hold ? "true" : "false");
    }
    return all_hold;
}

// ---- the file ----

static int judge_file(struct judge *judge, FILE *file)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    while ((size = getline(&line, &room, file)) >= 0) {
        struct bytes text = bytes_from(line, (size_t)size);
        if (strspn(line, " \t\r\n") < text.size) {
            judge_line(judge, text);
        }
    }
    free(line);
    return print_summary(judge) ? EX_OK : SOME_DO_NOT_CONFORM;
}

static int judge_records(const struct contract_port *port, const char *path, bool json)
{
    struct fields_names names = {.unit = UNIT_MS, .strict = true};
    for (uint16_t i = 0; i < port->schema.column_count; i++) {
        const struct column *column = &port->schema.columns[i];
        names.time = column->role == ROLE_TIME && column->required ? column->name : names.time;
    }
    struct judge judge = {.json = json, .rules = port->quality};
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (file == NULL) {
        (void)fprintf(stderr, "weir check: %s: %s\n", path, strerror(errno));
        return EX_NOINPUT;
    }
    judge.fields = fields_open("records", &port->schema, &names);
    int code = judge.fields != NULL ? judge_file(&judge, file) : EX_OSERR;
    fields_close(judge.fields);
    if (file != stdin) {
        (void)fclose(file);
    }
    return code;
}

static const struct contract_port *find_port(const struct contract *contract, const char *name)
{
    const struct contract_port *port = name != NULL                ? contract_port(contract, name)
                                       : contract->port_count == 1 ? &contract->ports[0]
                                                                   : NULL;
    if (port != NULL) {
        return port;
    }
    (void)fprintf(stderr, "weir check: %s: %s; give one of its ports with --port:", contract->file,
                  name != NULL ? "there is no such port" : "it declares several");
    for (uint32_t i = 0; i < contract->port_count; i++) {
        (void)fprintf(stderr, " %s", contract->ports[i].name);
    }
    (void)fprintf(stderr, "\n");
    return NULL;
}

int check_records(const char *path, const char *port_name, const char *records, bool json)
{
    struct problems problems = {.count = 0};
    struct contract *contract = contract_read(path, &problems);
    problems_print(&problems, stderr);
    int code = problems_exit_code(&problems);
    if (contract != NULL) {
        const struct contract_port *port = find_port(contract, port_name);
        code = port != NULL ? judge_records(port, records, json) : EX_USAGE;
    }
    contract_free(contract);
    problems_free(&problems);
    return code;
}
