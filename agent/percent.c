#include "agent/percent.h"

void percent_put(struct buffer *out, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (; *text != '\0'; text++) {
        uint8_t byte = (uint8_t)*text;
        bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                     (byte >= '0' && byte <= '9') || strchr("-._~", byte) != NULL;
        if (plain) {
            buffer_put_byte(out, byte);
        } else {
            buffer_put_byte(out, '%');
            buffer_put_byte(out, (uint8_t)hex[byte >> 4]);
            buffer_put_byte(out, (uint8_t)hex[byte & 15]);
        }
    }
}
