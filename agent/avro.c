#include "agent/avro.h"

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

void avro_put_string(struct buffer *out, struct bytes text)
{
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
