#include "agent/json_text.h"

static bool follows(struct bytes in, size_t index)
{
    return index < in.size && (in.at[index] & 0xC0) == 0x80;
}

// RFC 3629, section 4: the second byte carries what the first cannot say about overlong forms,
// surrogates and the end of Unicode.
size_t json_utf8_size(struct bytes in)
{
    if (in.size == 0) {
        return 0;
    }
    uint8_t first = in.at[0];
    if (first < 0x80) {
        return 1;
    }
    if (first < 0xC2 || first > 0xF4 || !follows(in, 1)) {
        return 0;
    }
    if (first < 0xE0) {
        return 2;
    }
    uint8_t second = in.at[1];
    if (!follows(in, 2) || (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) {
        return 0;
    }
    if (first < 0xF0) {
        return 3;
    }
    bool outside = (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
    return outside || !follows(in, 3) ? 0 : 4;
}

bool json_is_utf8(struct bytes text)
{
    size_t at = 0;
    while (text.size - at >= 8 && (get_u64(text.at + at) & UINT64_C(0x8080808080808080)) == 0) {
        at += 8;
    }
    while (at < text.size) {
        if (text.at[at] < 0x80) {
            at++;
            continue;
        }
        size_t size = json_utf8_size(bytes_from(text.at + at, text.size - at));
        if (size == 0) {
            return false;
        }
        at += size;
    }
    return true;
}

static bool is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

static void put_escape(struct buffer *out, uint8_t byte)
{
    static const char letters[] = "btn?fr"; // of 0x08 .. 0x0D
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', (char)byte};
    size_t size = 2;
    if (byte >= 0x08 && byte <= 0x0D && byte != 0x0B) {
        text[1] = letters[byte - 0x08];
    } else if (byte < 0x20) {
        memcpy(text, "\\u00", 4);
        text[4] = hex[byte >> 4];
        text[5] = hex[byte & 15];
        size = 6;
    }
    buffer_put(out, text, size);
}

void json_put_string(struct buffer *out, struct bytes text)
{
    buffer_put_byte(out, '"');
    size_t at = 0;
    while (at < text.size) {
        size_t start = at;
        while (at < text.size && is_plain(text.at[at])) {
            at++;
        }
        buffer_put(out, text.at + start, at - start);
        if (at == text.size) {
            break;
        }
        if (text.at[at] < 0x80) {
            put_escape(out, text.at[at++]);
            continue;
        }
        size_t size = json_utf8_size(bytes_from(text.at + at, text.size - at));
        if (size == 0) {
            buffer_put(out, "\xEF\xBF\xBD", 3);
            at++;
        } else {
            buffer_put(out, text.at + at, size);
            at += size;
        }
    }
    buffer_put_byte(out, '"');
}
