#include "ports/input/text_format.h"

#include "ports/input/json_lines.h"
#include "ports/input/line_protocol.h"

size_t text_line_size(const struct text_format *format, struct bytes in)
{
    if (format->kind == TEXT_CSV) {
        return csv_line_size(&format->csv, in);
    }
    const uint8_t *end = in.size == 0 ? NULL : memchr(in.at, '\n', in.size);
    return end == NULL ? 0 : (size_t)(end - in.at) + 1;
}

bool text_line_is_empty(const struct text_format *format, struct bytes line)
{
    size_t at = 0;
    while (at < line.size && (line.at[at] == ' ' || line.at[at] == '\t' || line.at[at] == '\r' ||
                              line.at[at] == '\n')) {
        at++;
    }
    return at == line.size || (format->kind == TEXT_LINE_PROTOCOL && line.at[at] == '#');
}

const struct record *text_line_read(struct text_format *format, struct bytes line)
{
    switch (format->kind) {
    case TEXT_JSON:
        return json_line_read(format->fields, line);
    case TEXT_CSV:
        return csv_line_read(&format->csv, format->fields, line);
    case TEXT_LINE_PROTOCOL:
        break;
    }
    return line_protocol_read(format->fields, line);
}
