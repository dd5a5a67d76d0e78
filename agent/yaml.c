#include "agent/yaml.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <yaml.h>

struct node {
    struct yaml_node public; // first, so that a yaml_node is a node
    struct node *last;       // child
    struct node *made_before;
};

struct yaml {
    const char *file;
    struct node *root;
    struct node *made_last; // all nodes, for freeing
    uint32_t node_count;
};

// What is open while events come in.
struct builder {
    struct yaml *yaml;
    struct problems *problems;
    struct node *open[YAML_DEPTH_MAX];
    unsigned depth;
    char *key; // read, and its value not yet
    int key_line;
    bool document_seen;
    bool done;
};

static int line_of(const yaml_mark_t *mark)
{
    return mark->line < 1000000 ? (int)mark->line + 1 : 1000000;
}

static bool fail(const struct builder *builder, int line, const char *key, const char *sentence)
{
    problem_add(builder->problems, builder->yaml->file, line, key, "%s", sentence);
    return false;
}

static bool key_is_taken(const struct node *mapping, const char *key)
{
    const struct yaml_node *child = mapping->public.first;
    while (child != NULL && strcmp(child->key, key) != 0) {
        child = child->next;
    }
    return child != NULL;
}

// Hang `node` under what is open, with the key that was read for it.
static bool hang(struct builder *builder, struct node *node)
{
    if (builder->depth == 0) {
        builder->yaml->root = node;
        return true;
    }
    struct node *parent = builder->open[builder->depth - 1];
    if (parent->public.kind == YAML_MAPPING) {
        assert(builder->key != NULL);
        node->public.key = builder->key;
        node->public.line = builder->key_line;
        builder->key = NULL;
    }
    node->public.parent = &parent->public;
    node->public.place = parent->public.count++;
    if (parent->last == NULL) {
        parent->public.first = &node->public;
    } else {
        parent->last->public.next = &node->public;
    }
    parent->last = node;
    return true;
}

static struct node *make(struct builder *builder, enum yaml_kind kind, int line)
{
    struct yaml *yaml = builder->yaml;
    if (yaml->node_count == YAML_NODES_MAX) {
        (void)fail(builder, line, NULL, "the file has too many values for one file; split it");
        return NULL;
    }
    struct node *node = calloc(1, sizeof *node);
    if (node == NULL) {
        (void)fail(builder, line, NULL, "no memory left to read the file");
        return NULL;
    }
    node->public.kind = kind;
    node->public.line = line;
    node->public.yaml = yaml;
    node->made_before = yaml->made_last;
    yaml->made_last = node;
    yaml->node_count++;
    return node;
}

static bool is_awaiting_key(const struct builder *builder)
{
    return builder->depth > 0 && builder->key == NULL &&
           builder->open[builder->depth - 1]->public.kind == YAML_MAPPING;
}

static bool take_key(struct builder *builder, char *key, int line)
{
    const struct node *mapping = builder->open[builder->depth - 1];
    if (key_is_taken(mapping, key)) {
        problem_add(builder->problems, builder->yaml->file, line, key,
                    "stands twice in this mapping; keep one");
        free(key);
        return false;
    }
    if (mapping->public.count == YAML_KEYS_MAX) {
        free(key);
        return fail(builder, line, NULL, "too many keys in one mapping");
    }
    builder->key = key;
    builder->key_line = line;
    return true;
}

static bool on_text(struct builder *builder, const yaml_event_t *event)
{
    const char *value = (const char *)event->data.scalar.value;
    size_t size = event->data.scalar.length;
    int line = line_of(&event->start_mark);
    if (event->data.scalar.tag != NULL) {
        return fail(builder, line, NULL, "a tag (!...) is not read here; write the plain value");
    }
    if (memchr(value, '\0', size) != NULL) {
        return fail(builder, line, NULL, "a text has a NUL character in it; take it out");
    }
    char *text = strndup(value, size);
    if (text == NULL) {
        return fail(builder, line, NULL, "no memory left to read the file");
    }
    if (is_awaiting_key(builder)) {
        return take_key(builder, text, line);
    }
    struct node *node = make(builder, YAML_TEXT, line);
    if (node == NULL) {
        free(text);
        return false;
    }
    node->public.text = text;
    node->public.quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return hang(builder, node);
}

static bool on_begin(struct builder *builder, enum yaml_kind kind, const yaml_event_t *event,
                     const yaml_char_t *tag)
{
    int line = line_of(&event->start_mark);
    if (tag != NULL) {
        return fail(builder, line, NULL, "a tag (!...) is not read here; write the plain value");
    }
    if (is_awaiting_key(builder)) {
        return fail(builder, line, NULL, "a list or mapping stands where a key is expected");
    }
    if (builder->depth == YAML_DEPTH_MAX) {
        return fail(builder, line, NULL, "lists and mappings are nested too deep");
    }
    struct node *node = make(builder, kind, line);
    if (node == NULL || !hang(builder, node)) {
        return false;
    }
    builder->open[builder->depth++] = node;
    return true;
}

static bool on_end(struct builder *builder)
{
    assert(builder->depth > 0 && builder->key == NULL);
    builder->depth--;
    return true;
}

static bool on_document(struct builder *builder, const yaml_event_t *event)
{
    if (builder->document_seen) {
        return fail(builder, line_of(&event->start_mark), NULL,
                    "a second document (---) begins here; one file holds one document");
    }
    builder->document_seen = true;
    return true;
}

static bool on_event(struct builder *builder, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return on_text(builder, event);
    case YAML_SEQUENCE_START_EVENT:
        return on_begin(builder, YAML_LIST, event, event->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return on_begin(builder, YAML_MAPPING, event, event->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_end(builder);
    case YAML_ALIAS_EVENT:
        return fail(builder, line_of(&event->start_mark), NULL,
                    "an alias (*...) is not read here; write the value out");
    case YAML_DOCUMENT_START_EVENT:
        return on_document(builder, event);
    case YAML_STREAM_END_EVENT:
        builder->done = true;
        return true;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    return true;
}

static bool tell_parser(const struct builder *builder, const yaml_parser_t *parser)
{
    const char *what = parser->problem != NULL ? parser->problem : "not readable";
    // What libyaml says of a tab helps nobody.
    bool is_tab = strstr(what, "cannot start any token") != NULL;
    problem_add(builder->problems, builder->yaml->file, line_of(&parser->problem_mark), NULL,
                "not YAML: %s%s%s%s", parser->context != NULL ? parser->context : "",
                parser->context != NULL ? ", " : "", what,
                is_tab ? " (a tab? indent with spaces)" : "");
    return false;
}

static bool build(struct builder *builder, yaml_parser_t *parser)
{
    while (!builder->done) {
        yaml_event_t event;
        if (yaml_parser_parse(parser, &event) == 0) {
            return tell_parser(builder, parser);
        }
        bool good = on_event(builder, &event);
        yaml_event_delete(&event);
        if (!good) {
            return false;
        }
    }
    if (builder->yaml->root == NULL) {
        return fail(builder, 1, NULL, "the file is empty");
    }
    return true;
}

struct yaml *yaml_parse(const char *file, struct bytes text, struct problems *problems)
{
    struct yaml *yaml = calloc(1, sizeof *yaml);
    yaml_parser_t parser;
    if (yaml == NULL || yaml_parser_initialize(&parser) == 0) {
        problem_add(problems, file, 0, NULL, "no memory left to read the file");
        free(yaml);
        return NULL;
    }
    yaml->file = file;
    struct builder builder = {.yaml = yaml, .problems = problems};
    bool good = false;
    if (text.size > YAML_SIZE_MAX) {
        (void)fail(&builder, 0, NULL, "the file is larger than 1 MiB; split it");
    } else {
        yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
        // libyaml steps over a byte order mark only where it has to guess the encoding.
        size_t mark = text.size >= 3 && memcmp(text.at, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
        yaml_parser_set_input_string(&parser, text.at + mark, text.size - mark);
        good = build(&builder, &parser);
    }
    free(builder.key);
    yaml_parser_delete(&parser);
    if (!good) {
        yaml_tree_free(yaml);
        return NULL;
    }
    return yaml;
}

// The texts are ours although the tree shows them as const.
static void free_text(const char *text)
{
    union {
        const char *shown;
        char *owned;
    } cast = {.shown = text};
    free(cast.owned);
}

void yaml_tree_free(struct yaml *yaml)
{
    if (yaml == NULL) {
        return;
    }
    struct node *node = yaml->made_last;
    while (node != NULL) {
        struct node *before = node->made_before;
        free_text(node->public.key);
        free_text(node->public.text);
        free(node);
        node = before;
    }
    free(yaml);
}

const struct yaml_node *yaml_root(const struct yaml *yaml)
{
    return &yaml->root->public;
}

const char *yaml_file(const struct yaml *yaml)
{
    return yaml->file;
}

const struct yaml_node *yaml_get(const struct yaml_node *mapping, const char *key)
{
    if (mapping == NULL || mapping->kind != YAML_MAPPING) {
        return NULL;
    }
    const struct yaml_node *child = mapping->first;
    while (child != NULL && strcmp(child->key, key) != 0) {
        child = child->next;
    }
    return child;
}

bool yaml_is_null(const struct yaml_node *node)
{
    return node->kind == YAML_TEXT && !node->quoted &&
           (*node->text == '\0' || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0);
}

const char *yaml_kind_name(const struct yaml_node *node)
{
    if (yaml_is_null(node)) {
        return "nothing";
    }
    switch (node->kind) {
    case YAML_TEXT:
        return "a text";
    case YAML_LIST:
        return "a list";
    case YAML_MAPPING:
        return "a mapping";
    }
    return "nothing";
}

void yaml_path(const struct yaml_node *node, const char *below, char out[YAML_PATH_SIZE])
{
    // From the root down: collect the way up first.
    const struct yaml_node *way[YAML_DEPTH_MAX + 1];
    unsigned count = 0;
    for (; node != NULL && node->parent != NULL; node = node->parent) {
        assert(count <= YAML_DEPTH_MAX);
        way[count++] = node;
    }
    size_t size = 0;
    out[0] = '\0';
    while (count > 0 && size < YAML_PATH_SIZE) {
        const struct yaml_node *step = way[--count];
        int more = step->key != NULL
                       ? snprintf(out + size, YAML_PATH_SIZE - size, "%s%s", size > 0 ? "." : "",
                                  step->key)
                       : snprintf(out + size, YAML_PATH_SIZE - size, "[%u]", (unsigned)step->place);
        size += more > 0 ? (size_t)more : 0;
    }
    if (below != NULL && size < YAML_PATH_SIZE) {
        (void)snprintf(out + size, YAML_PATH_SIZE - size, "%s%s", size > 0 ? "." : "", below);
    }
}

void yaml_wrong(const struct yaml_node *node, const char *below, struct problems *problems,
                const char *format, ...)
{
    char path[YAML_PATH_SIZE];
    yaml_path(node, below, path);
    va_list arguments;
    va_start(arguments, format);
    problem_add_list(problems, false, node->yaml->file, node->line, path, format, arguments);
    va_end(arguments);
}

void yaml_doubt(const struct yaml_node *node, const char *below, struct problems *problems,
                const char *format, ...)
{
    char path[YAML_PATH_SIZE];
    yaml_path(node, below, path);
    va_list arguments;
    va_start(arguments, format);
    problem_add_list(problems, true, node->yaml->file, node->line, path, format, arguments);
    va_end(arguments);
}
