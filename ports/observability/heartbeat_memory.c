// Bytes, little-endian: version 1, boot id (36 characters), boots u32, runs u32, unexpected u32,
// clean u8, digest of the settings (32), in force since i64, wall time i64.
#include "ports/observability/heartbeat_memory.h"

enum { MEMORY_VERSION = 1, BOOT_ID_LENGTH = 36, DIGEST_SIZE = 32 };

static void put_number(struct buffer *out, uint64_t value, size_t size)
{
    uint8_t bytes[8];
    put_u64(bytes, value);
    buffer_put(out, bytes, size);
}

void memory_put(const struct heartbeat_memory *memory, struct buffer *out)
{
    buffer_put_byte(out, MEMORY_VERSION);
    buffer_put(out, memory->boot_id, BOOT_ID_LENGTH);
    put_number(out, memory->boot_count, 4);
    put_number(out, memory->run_id, 4);
    put_number(out, memory->unexpected, 4);
    buffer_put_byte(out, memory->clean);
    buffer_put(out, memory->settings_digest, DIGEST_SIZE);
    put_number(out, (uint64_t)memory->settings_since_ms, 8);
    put_number(out, (uint64_t)memory->wall_ms, 8);
}

enum err memory_get(struct heartbeat_memory *memory, struct bytes in)
{
    *memory = (struct heartbeat_memory){.clean = true, .settings_since_ms = -1, .wall_ms = -1};
    if (in.size != HEARTBEAT_MEMORY_SIZE || in.at[0] != MEMORY_VERSION) {
        return ERR_CORRUPT;
    }
    const uint8_t *at = in.at + 1;
    memcpy(memory->boot_id, at, BOOT_ID_LENGTH);
    at += BOOT_ID_LENGTH;
    memory->boot_count = get_u32(at);
    memory->run_id = get_u32(at + 4);
    memory->unexpected = get_u32(at + 8);
    memory->clean = at[12] != 0;
    at += 13;
    memcpy(memory->settings_digest, at, DIGEST_SIZE);
    at += DIGEST_SIZE;
    memory->settings_since_ms = (int64_t)get_u64(at);
    memory->wall_ms = (int64_t)get_u64(at + 8);
    return OK;
}

void memory_begin(struct heartbeat_memory *memory, const char *boot_id,
                  const uint8_t settings_digest[32], int64_t wall_ms)
{
    if (strncmp(memory->boot_id, boot_id, BOOT_ID_LENGTH) == 0) {
        memory->run_id++;
    } else {
        (void)memset(memory->boot_id, 0, sizeof memory->boot_id);
        memcpy(memory->boot_id, boot_id, strnlen(boot_id, BOOT_ID_LENGTH));
        memory->boot_count++;
        memory->run_id = 0;
        memory->unexpected += memory->clean ? 0 : 1;
    }
    memory->clean = false;
    if (memcmp(memory->settings_digest, settings_digest, DIGEST_SIZE) != 0) {
        memcpy(memory->settings_digest, settings_digest, DIGEST_SIZE);
        memory->settings_since_ms = wall_ms;
    }
    if (wall_ms > memory->wall_ms) {
        memory->wall_ms = wall_ms;
    }
}
