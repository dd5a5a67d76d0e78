#include "ports/input/line_protocol.h"

// What ends a token, where no backslash stands before it.
enum { STOP_COMMA = 1, STOP_SPACE = 2, STOP_EQUALS = 4 };

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    struct fields *fields;
};

static bool blame(struct cursor *cursor, const char *wanted)
{
    char shown[64];
    struct bytes rest = bytes_from(cursor->at, (size_t)(cursor->end - cursor->at));
    if (rest.size == 0) {
        fields_blame(cursor->fields, "the line ends where %s is wanted", wanted);
    } else {
        fields_blame(cursor->fields, "\"%s\" stands where %s is wanted", fields_shown(rest, shown),
                     wanted);
    }
    return false;
}

static bool take(struct cursor *cursor, uint8_t byte)
{
    if (cursor->at < cursor->end && *cursor->at == byte) {
        cursor->at++;
        return true;
    }
    return false;
}

// ---- tokens ----

static bool stops(uint8_t byte, unsigned at)
{
    return (byte == ',' && (at & STOP_COMMA)) || (byte == ' ' && (at & STOP_SPACE)) ||
           (byte == '=' && (at & STOP_EQUALS));
}

// A copy of `token` without the backslashes before bytes of `special`; others stay.
static bool unescape(struct cursor *cursor, const char *special, struct bytes *token)
{
    uint8_t *room = fields_scratch(cursor->fields, token->size);
    if (room == NULL) {
        return blame(cursor, "less text with escapes");
    }
    struct buffer out = buffer_over(room, token->size);
    for (size_t i = 0; i < token->size; i++) {
        bool escape = token->at[i] == '\\' && i + 1 < token->size && token->at[i + 1] != 0 &&
                      strchr(special, token->at[i + 1]) != NULL;
        i += escape;
        buffer_put_byte(&out, token->at[i]);
    }
    *token = buffer_bytes(&out);
    return true;
}

// The bytes up to one that stops, or to the end; `what` they are, for the sentence if none are
// there.
static bool take_token(struct cursor *cursor, unsigned stop, const char *what, struct bytes *token)
{
    const uint8_t *start = cursor->at;
    const uint8_t *at = start;
    bool escaped = false;
    while (at < cursor->end && !stops(*at, stop)) {
        bool escape = *at == '\\' && cursor->end - at > 1;
        escaped = escaped || escape;
        at += escape ? 2 : 1;
    }
    *token = bytes_from(start, (size_t)(at - start));
    if (token->size == 0) {
        return blame(cursor, what);
    }
    cursor->at = at;
    return !escaped || unescape(cursor, ", =", token);
}

// A text in quotation marks, after the first one.
static bool take_quoted(struct cursor *cursor, struct bytes *text)
{
    const uint8_t *start = cursor->at;
    const uint8_t *at = start;
    bool escaped = false;
    while (at < cursor->end && *at != '"') {
        bool escape = *at == '\\' && cursor->end - at > 1;
        escaped = escaped || escape;
        at += escape ? 2 : 1;
    }
    cursor->at = at;
    *text = bytes_from(start, (size_t)(at - start));
    if (!take(cursor, '"')) {
        return blame(cursor, "the end of a text");
    }
    return !escaped || unescape(cursor, "\"\\", text);
}

// ---- values ----

static bool is_boolean(struct bytes token, bool *boolean)
{
    static const char *const words[] = {"f",    "t",     "F",    "T",     "false",
                                        "true", "False", "True", "FALSE", "TRUE"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (bytes_equal(token, bytes_text(words[i]))) {
            *boolean = i % 2 == 1;
            return true;
        }
    }
    return false;
}

// "21.5", "7i", "7u"; a suffix wants an integer before it.
static bool is_number(struct bytes token, struct number *number, struct bytes *text)
{
    size_t size = number_take(token, number);
    *text = bytes_from(token.at, size);
    if (number->kind == NUMBER_NONE || size == token.size) {
        return number->kind != NUMBER_NONE;
    }
    bool suffix = token.at[size] == 'i' || token.at[size] == 'u';
    bool whole = memchr(token.at, '.', size) == NULL && memchr(token.at, 'e', size) == NULL &&
                 memchr(token.at, 'E', size) == NULL;
    return suffix && whole && size + 1 == token.size;
}

static bool take_unquoted(struct cursor *cursor, int slot)
{
    struct bytes token;
    struct bytes text;
    struct number number;
    bool boolean = false;
    const uint8_t *start = cursor->at;
    if (!take_token(cursor, STOP_COMMA | STOP_SPACE, "a field's value", &token)) {
        return false;
    }
    if (is_number(token, &number, &text)) {
        if (slot != FIELDS_NOTHING) {
            fields_put_number(cursor->fields, slot, &number, text);
        }
        return true;
    }
    if (is_boolean(token, &boolean)) {
        if (slot != FIELDS_NOTHING) {
            fields_put_boolean(cursor->fields, slot, boolean);
        }
        return true;
    }
    cursor->at = start;
    return blame(cursor, "a field's value (21.5, 7i, 7u, t, f or \"text\")");
}

static bool take_field(struct cursor *cursor)
{
    struct bytes name;
    struct bytes text;
    if (!take_token(cursor, STOP_COMMA | STOP_SPACE | STOP_EQUALS, "a field's name", &name)) {
        return false;
    }
    if (!take(cursor, '=')) {
        return blame(cursor, "an equals sign after a field's name");
    }
    int slot = fields_slot(cursor->fields, name);
    if (!take(cursor, '"')) {
        return take_unquoted(cursor, slot);
    }
    if (!take_quoted(cursor, &text)) {
        return false;
    }
    if (slot != FIELDS_NOTHING) {
        fields_put_text(cursor->fields, slot, text);
    }
    return true;
}

static bool take_tag(struct cursor *cursor)
{
    struct bytes name;
    struct bytes value;
    if (!take_token(cursor, STOP_COMMA | STOP_SPACE | STOP_EQUALS, "a tag's name", &name)) {
        return false;
    }
    if (!take(cursor, '=')) {
        return blame(cursor, "an equals sign after a tag's name");
    }
    if (!take_token(cursor, STOP_COMMA | STOP_SPACE, "a tag's value", &value)) {
        return false;
    }
    int slot = fields_slot(cursor->fields, name);
    if (slot != FIELDS_NOTHING) {
        fields_put_cell(cursor->fields, slot, value);
    }
    return true;
}

// ---- the line ----

static bool take_series(struct cursor *cursor)
{
    struct bytes measurement;
    if (!take_token(cursor, STOP_COMMA | STOP_SPACE, "a measurement", &measurement)) {
        return false;
    }
    int slot = fields_slot(cursor->fields, bytes_text("measurement"));
    if (slot != FIELDS_NOTHING) {
        fields_put_text(cursor->fields, slot, measurement);
    }
    while (take(cursor, ',')) {
        if (!take_tag(cursor)) {
            return false;
        }
    }
    return take(cursor, ' ') || blame(cursor, "a space and the fields");
}

static bool take_stamp(struct cursor *cursor)
{
    struct number number;
    struct bytes rest = bytes_from(cursor->at, (size_t)(cursor->end - cursor->at));
    if (rest.size == 0) {
        return true;
    }
    if (number_parse(rest, &number) != NUMBER_INTEGER) {
        return blame(cursor, "an integer, the time stamp,");
    }
    fields_put_stamp(cursor->fields, &number, rest);
    return true;
}

static void skip_spaces(struct cursor *cursor)
{
    while (take(cursor, ' ')) {
    }
}

static bool take_line(struct cursor *cursor)
{
    if (!take_series(cursor)) {
        return false;
    }
    skip_spaces(cursor);
    do {
        if (!take_field(cursor)) {
            return false;
        }
    } while (take(cursor, ','));
    if (cursor->at < cursor->end && !take(cursor, ' ')) {
        return blame(cursor, "a comma, or a space and the time stamp");
    }
    skip_spaces(cursor);
    return take_stamp(cursor);
}

const struct record *line_protocol_read(struct fields *fields, struct bytes line)
{
    while (line.size > 0 && (line.at[line.size - 1] == '\n' || line.at[line.size - 1] == '\r' ||
                             line.at[line.size - 1] == ' ')) {
        line.size--;
    }
    struct cursor cursor = {line.at, line.at + line.size, fields};
    fields_begin(fields);
    (void)take_line(&cursor);
    return fields_end(fields);
}
