#include "agent/text_form.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

static const char *const names[FORM_COUNT] = {"email", "uuid", "uri", "hostname", "ipv4", "ipv6"};

enum text_form text_form_find(const char *name)
{
    int form = 0;
    while (form < FORM_COUNT && strcmp(names[form], name) != 0) {
        form++;
    }
    return (enum text_form)form;
}

const char *text_form_name(enum text_form form)
{
    assert(form < FORM_COUNT);
    return names[form];
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_letter(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static bool is_hex(uint8_t byte)
{
    return is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

static bool is_email(struct bytes text)
{
    const uint8_t *sign = text.size == 0 ? NULL : memchr(text.at, '@', text.size);
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] <= ' ' || text.at[i] == 0x7F) {
            return false;
        }
    }
    if (sign == NULL || sign == text.at) {
        return false;
    }
    size_t rest = text.size - (size_t)(sign - text.at) - 1;
    return rest > 0 && memchr(sign + 1, '@', rest) == NULL;
}

static bool is_uuid(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text.at[i] != '-' : !is_hex(text.at[i])) {
            return false;
        }
    }
    return text.size == 36;
}

// RFC 3986, section 2: what may stand in a URI, without looking at where.
static bool is_uri_byte(struct bytes text, size_t at)
{
    uint8_t byte = text.at[at];
    if (byte == '%') {
        return at + 2 < text.size && is_hex(text.at[at + 1]) && is_hex(text.at[at + 2]);
    }
    return is_letter(byte) || is_digit(byte) ||
           (byte != 0 && strchr("-._~:/?#[]@!$&'()*+,;=", byte) != NULL);
}

static bool is_uri(struct bytes text)
{
    size_t at = 0;
    while (at < text.size &&
           (is_letter(text.at[at]) || (at > 0 && (is_digit(text.at[at]) || text.at[at] == '+' ||
                                                  text.at[at] == '-' || text.at[at] == '.')))) {
        at++;
    }
    bool good = at > 0 && at < text.size && text.at[at] == ':';
    for (; good && at < text.size; at++) {
        good = is_uri_byte(text, at);
    }
    return good;
}

static bool is_hostname(struct bytes text)
{
    size_t label = 0; // bytes of it so far
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.at[i];
        bool edge = label == 0 || i + 1 == text.size || text.at[i + 1] == '.';
        if (byte == '.') {
            if (label == 0 || i + 1 == text.size) {
                return false;
            }
            label = 0;
            continue;
        }
        if (!is_letter(byte) && !is_digit(byte) && (byte != '-' || edge)) {
            return false;
        }
        if (++label > 63) {
            return false;
        }
    }
    return text.size > 0 && text.size <= 253;
}

static bool is_address(int family, struct bytes text)
{
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (text.size == 0 || text.size >= sizeof copy || memchr(text.at, 0, text.size) != NULL) {
        return false;
    }
    memcpy(copy, text.at, text.size);
    copy[text.size] = 0;
    return inet_pton(family, copy, &address) == 1;
}

bool text_has_form(enum text_form form, struct bytes text)
{
    switch (form) {
    case FORM_EMAIL:
        return is_email(text);
    case FORM_UUID:
        return is_uuid(text);
    case FORM_URI:
        return is_uri(text);
    case FORM_HOSTNAME:
        return is_hostname(text);
    case FORM_IPV4:
        return is_address(AF_INET, text);
    case FORM_IPV6:
        return is_address(AF_INET6, text);
    case FORM_COUNT:
        break;
    }
    return true;
}
