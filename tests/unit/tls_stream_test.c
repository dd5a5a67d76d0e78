// A long stream through a TLS end that is killed 20 times arrives in exact sequence.
// The argument is its size in MB; 24 by default, 300 for the long run.
#include "tests/unit/support/tls_bench.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>

#include <cmocka.h>

enum { KILLS = 20, PATIENCE_MS = 60000 };

static uint64_t total = 24000000;

struct sender {
    uint64_t sent;         // of the sequence, on this connection or before it
    uint64_t acknowledged; // the server has it, in sequence
    uint8_t word[8];       // the acknowledgement that is being read
    size_t word_size;
    bool begun; // the server has said where it stands
};

static bool send_some(struct sender *sender, int end)
{
    uint8_t text[5000];
    size_t size = sender->sent + sizeof text > total ? (size_t)(total - sender->sent) : sizeof text;
    for (size_t i = 0; i < size; i++) {
        text[i] = sequence_byte(sender->sent + i);
    }
    ssize_t sent = send(end, text, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    sender->sent += sent > 0 ? (uint64_t)sent : 0;
    return sent > 0 || errno == EAGAIN;
}

static bool receive_some(struct sender *sender, int end)
{
    ssize_t got = recv(end, sender->word + sender->word_size,
                       sizeof sender->word - sender->word_size, MSG_DONTWAIT);
    if (got <= 0) {
        return got < 0 && errno == EAGAIN;
    }
    sender->word_size += (size_t)got;
    if (sender->word_size == sizeof sender->word) {
        sender->word_size = 0;
        sender->acknowledged = get_u64(sender->word);
        sender->sent = sender->begun ? sender->sent : sender->acknowledged;
        sender->begun = true;
    }
    return true;
}

// Until the connection ends, or all has arrived.
static void use(struct sender *sender, int end)
{
    bool good = true;
    sender->begun = false;
    sender->word_size = 0;
    while (good && sender->acknowledged < total) {
        bool has_more = sender->begun && sender->sent < total;
        struct pollfd at = {.fd = end, .events = (short)(POLLIN | (has_more ? POLLOUT : 0))};
        assert_int_equal(poll(&at, 1, PATIENCE_MS), 1);
        if ((at.revents & POLLOUT) != 0 && has_more) {
            good = send_some(sender, end);
        }
        if ((at.revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
            good &= receive_some(sender, end);
        }
    }
}

static void a_stream_over_a_tls_end_killed_20_times_arrives_in_exact_sequence(void **state)
{
    (void)state;
    struct party ca;
    struct party broker;
    const struct wish ca_wish = {.subject = "CN=CA", .from_day = -1, .to_day = 9, .is_ca = true};
    const struct wish wish = {.subject = "CN=b", .dns = "b.test", .from_day = -1, .to_day = 9};
    char path[] = "/tmp/weir-tls-ca-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    party_make(&ca, &ca_wish, NULL);
    party_make(&broker, &wish, &ca);
    file_put(path, ca.certificate_pem);
    struct server server = {
        .own = &broker, .behaviour = SERVE_COUNT, .cut_after = total / (KILLS + 1)};
    struct tls_settings settings = {.files = {.ca = path}};
    struct sender sender = {.sent = 0};
    struct tls_pump *pump;
    server_start(&server);
    assert_int_equal(tls_pump_open(&pump), OK);
    struct tls_account *account = tls_pump_account(pump, &settings);

    for (int turns = 0; sender.acknowledged < total && turns < 10 * KILLS; turns++) {
        char name[TLS_NAME_SIZE];
        int end = dial_begin(pump, account, "b.test", server.port, name);
        assert_int_equal(dial_wait(end, PATIENCE_MS), 0);
        use(&sender, end);
        (void)close(end);
    }

    struct tls_count count = tls_account_count(account);
    (void)printf("%.1f MB in sequence over %llu connections, %d killed; %.1f MB on the wire\n",
                 (double)sender.acknowledged / 1e6, (unsigned long long)count.connections,
                 atomic_load(&server.cuts), (double)count.sent_bytes / 1e6);
    assert_int_equal(sender.acknowledged, total);
    assert_false(atomic_load(&server.broken));
    assert_true(atomic_load(&server.cuts) >= KILLS);
    assert_true(count.sent_bytes >= total);
    tls_pump_close(pump);
    server_stop(&server);
    party_free(&broker);
    party_free(&ca);
    (void)unlink(path);
}

int main(int count, char **words)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_over_a_tls_end_killed_20_times_arrives_in_exact_sequence),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    if (count > 1) {
        total = strtoull(words[1], NULL, 10) * 1000000;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
