// Bytes that are looked at (`struct bytes`, never owns) and bytes that are written (`struct
// buffer`, bounded, never grows). All fixed-width integers on flash and in our own formats are
// little-endian.
//
// Floor: ground.
#ifndef WEIR_AGENT_BYTES_H
#define WEIR_AGENT_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *at;
    size_t size;
};

// A bounded writer. An append that does not fit writes nothing and sets `overflow`, which stays
// set: the caller may append many times and look once.
struct buffer {
    uint8_t *at;
    size_t size;  // bytes used
    size_t limit; // bytes there are
    bool overflow;
};

static inline struct bytes bytes_from(const void *at, size_t size)
{
    return (struct bytes){.at = at, .size = size};
}

static inline struct bytes bytes_text(const char *text)
{
    return (struct bytes){.at = (const uint8_t *)text, .size = strlen(text)};
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

static inline struct buffer buffer_over(void *at, size_t limit)
{
    return (struct buffer){.at = at, .size = 0, .limit = limit, .overflow = false};
}

static inline struct bytes buffer_bytes(const struct buffer *buffer)
{
    return (struct bytes){.at = buffer->at, .size = buffer->size};
}

// Append `size` bytes of room and return where they are; NULL (and `overflow`) where they do not
// fit.
static inline uint8_t *buffer_room(struct buffer *buffer, size_t size)
{
    if (buffer->overflow || buffer->limit - buffer->size < size) {
        buffer->overflow = true;
        return NULL;
    }
    uint8_t *at = buffer->at + buffer->size;
    buffer->size += size;
    return at;
}

static inline void buffer_put(struct buffer *buffer, const void *at, size_t size)
{
    uint8_t *room = buffer_room(buffer, size);
    if (room != NULL && size > 0) {
        memcpy(room, at, size);
    }
}

static inline void buffer_put_byte(struct buffer *buffer, uint8_t byte)
{
    uint8_t *room = buffer_room(buffer, 1);
    if (room != NULL) {
        *room = byte;
    }
}

static inline void buffer_put_text(struct buffer *buffer, const char *text)
{
    buffer_put(buffer, text, strlen(text));
}

static inline uint16_t get_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] | (uint16_t)(at[1] << 8));
}

static inline uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint64_t get_u64(const uint8_t *at)
{
    return (uint64_t)get_u32(at) | (uint64_t)get_u32(at + 4) << 32;
}

static inline void put_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static inline void put_u32(uint8_t *at, uint32_t value)
{
    put_u16(at, (uint16_t)value);
    put_u16(at + 2, (uint16_t)(value >> 16));
}

static inline void put_u64(uint8_t *at, uint64_t value)
{
    put_u32(at, (uint32_t)value);
    put_u32(at + 4, (uint32_t)(value >> 32));
}

// CRC-32C (Castagnoli, RFC 3720 B.4), continuing from `crc` (0 to begin).
uint32_t bytes_crc32c(uint32_t crc, struct bytes bytes);

// murmur2 as Kafka's Java client computes it (seed 0x9747b28c), not yet made positive.
uint32_t bytes_murmur2(struct bytes bytes);

#endif
