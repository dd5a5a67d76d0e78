#include "ports/output/tls_account.h"

#include "agent/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool copy(const char **to, const char *text)
{
    *to = text == NULL ? NULL : strdup(text);
    return text == NULL || *to != NULL;
}

enum err tls_account_init(struct tls_account *account, const struct tls_settings *settings)
{
    memset(account, 0, sizeof *account);
    struct tls_files *files = &account->settings.files;
    account->settings = *settings;
    bool done = copy(&files->ca, settings->files.ca);
    done &= copy(&files->certificate, settings->files.certificate);
    done &= copy(&files->key, settings->files.key);
    if (!done) {
        tls_account_free(account);
        return ERR_FAILED;
    }
    return OK;
}

void tls_account_free(struct tls_account *account)
{
    tls_credentials_give(account->credentials);
    account->credentials = NULL;
    free((void *)(uintptr_t)account->settings.files.ca);
    free((void *)(uintptr_t)account->settings.files.certificate);
    free((void *)(uintptr_t)account->settings.files.key);
}

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool tls_account_is_for(const struct tls_account *account, const struct tls_settings *settings)
{
    const struct tls_settings *own = &account->settings;
    return same(own->files.ca, settings->files.ca) &&
           same(own->files.certificate, settings->files.certificate) &&
           same(own->files.key, settings->files.key) && own->keepalive_s == settings->keepalive_s &&
           own->user_timeout_ms == settings->user_timeout_ms &&
           own->pins.count == settings->pins.count &&
           memcmp(own->pins.sums, settings->pins.sums, (size_t)own->pins.count * TLS_PIN_SIZE) == 0;
}

// The files do not serve (now): tell it once, and go on with what there is.
static void tell(struct tls_account *account, const char *why)
{
    if (strcmp(account->told, why) != 0) {
        (void)snprintf(account->told, sizeof account->told, "%s", why);
        log_warn("tls.files", "reason=\"%s\" do=\"%s\"", why,
                 account->credentials == NULL ? "connect when they are right"
                                              : "go on with those read before");
    }
}

struct tls_credentials *tls_account_credentials(struct tls_account *account,
                                                char why[TLS_SENTENCE_SIZE])
{
    const struct tls_files *files = &account->settings.files;
    struct tls_credentials *old = account->credentials;
    if (old == NULL || tls_credentials_are_old(old, files)) {
        struct tls_credentials *fresh;
        if (tls_credentials_read(files, &fresh, why) == OK) {
            if (old != NULL) {
                log_info("tls.renewed", "ca=%s cert=%s", files->ca,
                         files->certificate == NULL ? "-" : files->certificate);
            }
            account->credentials = fresh;
            account->told[0] = 0;
            tls_credentials_give(old);
        } else {
            tell(account, why);
        }
    }
    if (account->credentials != NULL) {
        tls_credentials_take(account->credentials);
    }
    return account->credentials;
}

struct tls_count tls_account_count(const struct tls_account *account)
{
    return (struct tls_count){
        .sent_bytes = atomic_load_explicit(&account->sent_bytes, memory_order_relaxed),
        .received_bytes = atomic_load_explicit(&account->received_bytes, memory_order_relaxed),
        .connections = atomic_load_explicit(&account->connections, memory_order_relaxed),
        .failures = atomic_load_explicit(&account->failures, memory_order_relaxed),
    };
}
