#include "agent/avro.h"

#include "agent/json_text.h"

void avro_put_long(struct buffer *out, int64_t value)
{
    uint64_t bits = ((uint64_t)value << 1) ^ (uint64_t) - (int64_t)((uint64_t)value >> 63);
    uint8_t bytes[10];
    size_t size = 0;
    for (; bits >= 0x80; bits >>= 7) {
        bytes[size++] = (uint8_t)(bits | 0x80);
    }
    bytes[size++] = (uint8_t)bits;
    buffer_put(out, bytes, size);
}

void avro_put_double(struct buffer *out, double value)
{
    uint64_t bits;
    uint8_t bytes[8];
    memcpy(&bits, &value, sizeof bits);
    put_u64(bytes, bits);
    buffer_put(out, bytes, sizeof bytes);
}

void avro_put_boolean(struct buffer *out, bool value)
{
    buffer_put_byte(out, value ? 1 : 0);
}

// Bytes of `text` from its front that are UTF-8.
static size_t sound_size(struct bytes text)
{
    size_t at = 0;
    while (at < text.size) {
        size_t size =
            text.at[at] < 0x80 ? 1 : json_utf8_size(bytes_from(text.at + at, text.size - at));
        if (size == 0) {
            break;
        }
        at += size;
    }
    return at;
}

// As JSON says it: U+FFFD, of three bytes, for each byte that cannot go on.
static void put_mended(struct buffer *out, struct bytes text)
{
    size_t wrong_count = 0;
    for (size_t at = sound_size(text); at < text.size;) {
        wrong_count++;
        at++;
        at += sound_size(bytes_from(text.at + at, text.size - at));
    }
    avro_put_long(out, (int64_t)(text.size + 2 * wrong_count));
    for (size_t at = 0; at < text.size;) {
        size_t size = sound_size(bytes_from(text.at + at, text.size - at));
        buffer_put(out, text.at + at, size);
        at += size;
        if (at < text.size) {
            buffer_put(out, "\xEF\xBF\xBD", 3);
            at++;
        }
    }
}

void avro_put_string(struct buffer *out, struct bytes text)
{
    if (sound_size(text) < text.size) {
        put_mended(out, text);
        return;
    }
    avro_put_long(out, (int64_t)text.size);
    buffer_put(out, text.at, text.size);
}

void avro_array_begin(struct buffer *out, size_t count)
{
    if (count > 0) {
        avro_put_long(out, (int64_t)count);
    }
}

// Arrays come in chunks, and one of no items ends them.
void avro_array_end(struct buffer *out)
{
    avro_put_long(out, 0);
}
