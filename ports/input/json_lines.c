// A cursor goes once over the line. Objects do not nest calls: `depth` counts them, and `path`
// holds the names on the way, "a.b." while inside {"a": {"b": {...
#include "ports/input/json_lines.h"

#include "agent/json_text.h"

struct cursor {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
    struct fields *fields;
    uint32_t depth; // objects we are in
    uint16_t path_size;
    uint16_t path_sizes[JSON_DEPTH_MAX]; // of the path outside each object
    uint8_t path[FIELDS_NAME_MAX + 1];
};

static bool blame(struct cursor *cursor, const char *wanted)
{
    char shown[64];
    size_t column = (size_t)(cursor->at - cursor->start) + 1;
    struct bytes rest = bytes_from(cursor->at, (size_t)(cursor->end - cursor->at));
    if (rest.size == 0) {
        fields_blame(cursor->fields, "the line ends at column %zu, where %s is wanted", column,
                     wanted);
    } else {
        fields_blame(cursor->fields, "column %zu has \"%s\", where %s is wanted", column,
                     fields_shown(rest, shown), wanted);
    }
    return false;
}

static void skip_spaces(struct cursor *cursor)
{
    const uint8_t *at = cursor->at;
    while (at < cursor->end && *at <= ' ' &&
           (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n')) {
        at++;
    }
    cursor->at = at;
}

// Most lines of machines have no space: that is found out here, without a call.
static inline void skip_space(struct cursor *cursor)
{
    if (cursor->at < cursor->end && *cursor->at <= ' ') {
        skip_spaces(cursor);
    }
}

static inline bool take(struct cursor *cursor, uint8_t byte)
{
    if (cursor->at < cursor->end && *cursor->at == byte) {
        cursor->at++;
        return true;
    }
    return false;
}

// ---- strings ----

// The four digits of \uXXXX at `at`; -1 where they are not there.
static int32_t hex4(const uint8_t *at, const uint8_t *end)
{
    if (end - at < 4) {
        return -1;
    }
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t byte = at[i];
        uint8_t letter = byte | 0x20;
        if (byte >= '0' && byte <= '9') {
            value = value << 4 | (byte - '0');
        } else if (letter >= 'a' && letter <= 'f') {
            value = value << 4 | (letter - 'a' + 10);
        } else {
            return -1;
        }
    }
    return value;
}

static void put_utf8(struct buffer *out, uint32_t code)
{
    if (code < 0x80) {
        buffer_put_byte(out, (uint8_t)code);
        return;
    }
    if (code < 0x800) {
        buffer_put_byte(out, (uint8_t)(0xC0 | code >> 6));
    } else {
        if (code < 0x10000) {
            buffer_put_byte(out, (uint8_t)(0xE0 | code >> 12));
        } else {
            buffer_put_byte(out, (uint8_t)(0xF0 | code >> 18));
            buffer_put_byte(out, (uint8_t)(0x80 | (code >> 12 & 0x3F)));
        }
        buffer_put_byte(out, (uint8_t)(0x80 | (code >> 6 & 0x3F)));
    }
    buffer_put_byte(out, (uint8_t)(0x80 | (code & 0x3F)));
}

// What follows "\u". A half of a surrogate pair alone is the replacement character: the text stays
// UTF-8 and the record is not lost for it.
static bool unescape_code(struct cursor *cursor, struct buffer *out)
{
    int32_t first = hex4(cursor->at, cursor->end);
    if (first < 0) {
        return blame(cursor, "four hexadecimal digits");
    }
    cursor->at += 4;
    uint32_t code = (uint32_t)first;
    if (code >= 0xD800 && code <= 0xDFFF) {
        bool pair = code < 0xDC00 && cursor->end - cursor->at >= 6 && cursor->at[0] == '\\' &&
                    cursor->at[1] == 'u';
        int32_t second = pair ? hex4(cursor->at + 2, cursor->end) : -1;
        if (second >= 0xDC00 && second <= 0xDFFF) {
            cursor->at += 6;
            code = 0x10000 + ((code - 0xD800) << 10) + ((uint32_t)second - 0xDC00);
        } else {
            code = 0xFFFD;
        }
    }
    put_utf8(out, code);
    return true;
}

static bool unescape(struct cursor *cursor, struct buffer *out)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    uint8_t byte = cursor->at < cursor->end ? *cursor->at : 0;
    const char *letter = byte == 0 ? NULL : strchr(letters, byte);
    if (letter != NULL) {
        cursor->at++;
        buffer_put_byte(out, (uint8_t)meanings[letter - letters]);
        return true;
    }
    if (!take(cursor, 'u')) {
        return blame(cursor, "one of \"\\/bfnrtu after a backslash");
    }
    return unescape_code(cursor, out);
}

static bool is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte != '"' && byte != '\\';
}

// The end of the plain bytes at `at`. Eight at a time: a byte is flagged by its high bit where it
// is below 0x20, a quotation mark or a backslash. A borrow may flag bytes above (that is, after) a
// true one by mistake, so only the lowest flag counts.
static const uint8_t *plain_end(const uint8_t *at, const uint8_t *end)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t highs = ones << 7;
    for (; end - at >= 8; at += 8) {
        uint64_t word = get_u64(at);
        uint64_t quotes = word ^ ones * '"';
        uint64_t slashes = word ^ ones * '\\';
        uint64_t flags = ((word - ones * 0x20) & ~word) | ((quotes - ones) & ~quotes) |
                         ((slashes - ones) & ~slashes);
        if ((flags & highs) != 0) {
            return at + __builtin_ctzll(flags & highs) / 8;
        }
    }
    while (at < end && is_plain(*at)) {
        at++;
    }
    return at;
}

// The rest of a string that has escapes, from its first one on; `start` is where its text starts.
static bool take_escaped(struct cursor *cursor, const uint8_t *start, struct bytes *text)
{
    // A text without its escapes is never longer than with them.
    const uint8_t *close = cursor->at;
    while (close < cursor->end && *close != '"') {
        close += *close == '\\' && cursor->end - close > 1 ? 2 : 1;
    }
    size_t limit = (size_t)(close - start);
    uint8_t *room = fields_scratch(cursor->fields, limit);
    if (room == NULL) {
        return blame(cursor, "less text with escapes");
    }
    struct buffer out = buffer_over(room, limit);
    buffer_put(&out, start, (size_t)(cursor->at - start));
    while (take(cursor, '\\')) {
        if (!unescape(cursor, &out)) {
            return false;
        }
        const uint8_t *plain = cursor->at;
        cursor->at = plain_end(plain, cursor->end);
        buffer_put(&out, plain, (size_t)(cursor->at - plain));
    }
    *text = buffer_bytes(&out);
    return take(cursor, '"') || blame(cursor, "the end of a string");
}

// A string, after its first quotation mark.
static bool take_string(struct cursor *cursor, struct bytes *text)
{
    const uint8_t *start = cursor->at;
    const uint8_t *at = plain_end(start, cursor->end);
    cursor->at = at;
    if (take(cursor, '"')) {
        *text = bytes_from(start, (size_t)(at - start));
        return true;
    }
    if (at < cursor->end && *at == '\\') {
        return take_escaped(cursor, start, text);
    }
    return blame(cursor, "the end of a string");
}

// ---- values ----

static bool take_word(struct cursor *cursor, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(cursor->end - cursor->at) < size || memcmp(cursor->at, word, size) != 0) {
        return false;
    }
    cursor->at += size;
    return true;
}

// Skip a whole array: brackets are counted, strings are stepped over, and what else stands in it
// is nobody's business.
static bool skip_array(struct cursor *cursor)
{
    uint32_t open = 0;
    struct bytes text;
    while (cursor->at < cursor->end) {
        uint8_t byte = *cursor->at++;
        if (byte == '"' && !take_string(cursor, &text)) {
            return false;
        }
        open += byte == '[' || byte == '{';
        if ((byte == ']' || byte == '}') && --open == 0) {
            return true;
        }
    }
    return blame(cursor, "the end of an array");
}

static bool take_number(struct cursor *cursor, int slot)
{
    struct number number;
    struct bytes rest = bytes_from(cursor->at, (size_t)(cursor->end - cursor->at));
    size_t size = number_take(rest, &number);
    if (number.kind == NUMBER_NONE || !number.json) {
        return blame(cursor, size > 0 ? "a number of JSON that a double holds" : "a value");
    }
    cursor->at += size;
    if (slot != FIELDS_NOTHING) {
        fields_put_number(cursor->fields, slot, &number, bytes_from(rest.at, size));
    }
    return true;
}

static bool take_literal(struct cursor *cursor, int slot)
{
    bool is_true = take_word(cursor, "true");
    if (is_true || take_word(cursor, "false")) {
        if (slot != FIELDS_NOTHING) {
            fields_put_boolean(cursor->fields, slot, is_true);
        }
        return true;
    }
    if (!take_word(cursor, "null")) {
        return blame(cursor, "a value");
    }
    if (slot != FIELDS_NOTHING) {
        fields_put_null(cursor->fields, slot);
    }
    return true;
}

// Any value but an object.
static bool take_value(struct cursor *cursor, int slot)
{
    uint8_t byte = cursor->at < cursor->end ? *cursor->at : 0;
    struct bytes text;
    if (byte == '"') {
        cursor->at++;
        if (!take_string(cursor, &text)) {
            return false;
        }
        if (slot != FIELDS_NOTHING) {
            fields_put_text(cursor->fields, slot, text);
        }
        return true;
    }
    if (byte == '[') {
        if (slot != FIELDS_NOTHING) {
            fields_put_other(cursor->fields, slot, "an array");
        }
        return skip_array(cursor);
    }
    if (byte == 't' || byte == 'f' || byte == 'n') {
        return take_literal(cursor, slot);
    }
    return take_number(cursor, slot);
}

// ---- objects ----

// Enter the object whose member name is `name`: "a." is put before the names inside. A path too
// long for a name fills the room and so names nothing.
static bool enter(struct cursor *cursor, struct bytes name)
{
    if (cursor->depth == JSON_DEPTH_MAX) {
        return blame(cursor, "no more than 16 objects inside each other");
    }
    cursor->path_sizes[cursor->depth++] = cursor->path_size;
    if (cursor->depth > 1) {
        size_t room = sizeof cursor->path - cursor->path_size;
        size_t size = name.size < room ? name.size : room;
        memcpy(cursor->path + cursor->path_size, name.at, size);
        cursor->path_size = (uint16_t)(cursor->path_size + size);
        if (cursor->path_size < sizeof cursor->path) {
            cursor->path[cursor->path_size++] = '.';
        }
    }
    return true;
}

// The name with the path before it, in `room`; empty where that is too long to stand for anything.
static struct bytes full_name(const struct cursor *cursor, struct bytes name, uint8_t *room)
{
    if (cursor->path_size == 0) {
        return name;
    }
    if (cursor->path_size + name.size > FIELDS_NAME_MAX) {
        return bytes_from(NULL, 0);
    }
    memcpy(room, cursor->path, cursor->path_size);
    memcpy(room + cursor->path_size, name.at, name.size);
    return bytes_from(room, cursor->path_size + name.size);
}

// After the brace of an object that is the member `name`. Where the contract wants a value of that
// name, an object is none; a null in its place would be a silent loss.
static bool take_inner(struct cursor *cursor, struct bytes name)
{
    uint8_t room[FIELDS_NAME_MAX];
    int slot = fields_known_slot(cursor->fields, full_name(cursor, name, room));
    if (slot != FIELDS_NOTHING) {
        fields_put_other(cursor->fields, slot, "an object");
    }
    return enter(cursor, name);
}

// The ordinary member has the name that stood in its place in the line before, and a colon at once.
static bool take_expected_name(struct cursor *cursor, int *slot)
{
    struct bytes rest = bytes_from(cursor->at, (size_t)(cursor->end - cursor->at));
    if (cursor->path_size != 0) {
        return false;
    }
    size_t size = fields_take_expected(cursor->fields, rest, slot);
    cursor->at += size;
    return size > 0;
}

// One member, or the start of an object that is one.
static bool take_member(struct cursor *cursor)
{
    struct bytes name;
    int slot;
    if (take_expected_name(cursor, &slot)) {
        skip_space(cursor);
        return take_value(cursor, slot);
    }
    if (!take(cursor, '"')) {
        return blame(cursor, "a member's name in quotation marks");
    }
    if (!take_string(cursor, &name)) {
        return false;
    }
    skip_space(cursor);
    if (!take(cursor, ':')) {
        return blame(cursor, "a colon");
    }
    skip_space(cursor);
    if (take(cursor, '{')) {
        return take_inner(cursor, name);
    }
    uint8_t room[FIELDS_NAME_MAX];
    return take_value(cursor, fields_slot(cursor->fields, full_name(cursor, name, room)));
}

// After a member: a comma, or the ends of as many objects as end here.
static bool take_separator(struct cursor *cursor)
{
    skip_space(cursor);
    while (take(cursor, '}')) {
        cursor->path_size = cursor->path_sizes[--cursor->depth];
        if (cursor->depth == 0) {
            return true;
        }
        skip_space(cursor);
    }
    return take(cursor, ',') || blame(cursor, "a comma or a closing brace");
}

static bool take_object(struct cursor *cursor)
{
    skip_space(cursor);
    if (!take(cursor, '{')) {
        return blame(cursor, "an object, {\"name\": value, ...},");
    }
    (void)enter(cursor, bytes_from(NULL, 0));
    bool fresh = true; // just entered: the object may have no member
    while (cursor->depth > 0) {
        skip_space(cursor);
        bool empty = fresh && cursor->at < cursor->end && *cursor->at == '}';
        uint32_t depth = cursor->depth;
        if (!empty && !take_member(cursor)) {
            return false;
        }
        fresh = cursor->depth > depth;
        if (!fresh && !take_separator(cursor)) {
            return false;
        }
    }
    skip_space(cursor);
    return cursor->at == cursor->end || blame(cursor, "the end of the line");
}

const struct record *json_line_read(struct fields *fields, struct bytes line)
{
    struct cursor cursor; // not cleared: the path is long, and most lines have none
    cursor.start = line.at;
    cursor.at = line.at;
    cursor.end = line.at + line.size;
    cursor.fields = fields;
    cursor.depth = 0;
    cursor.path_size = 0;
    fields_begin(fields);
    (void)take_object(&cursor);
    return fields_end(fields);
}
