// Two lanes for one product: what goes where after an outage, and that through any course of
// outages, answers, rot and kills each record is delivered or declared, in order in its lane.
#include "agent/disk_memory.h"
#include "agent/verify.h"
#include "tests/unit/product_bench.h"

#define ALWAYS_OLD INT64_C(-1)
#define NEVER_OLD  INT64_MAX

enum { FLYING_MAX = 20000, TOLD_MAX = 1000, LANES = 2 };

// ---- a broker that remembers, and a link that breaks ----

struct flying {
    uint64_t seq;
    bool late;
    bool arrived;
    char key[16];
};

static struct {
    struct flying list[FLYING_MAX]; // in order of sending
    size_t count;
    bool silent;
    bool cursors_known; // exactly-once: they were told to this run
    uint64_t cursors[LANES];
    struct verify *verify;
    uint64_t arrived[LANES]; // records
    uint64_t promised;       // the highest seq that was promised late
    size_t promises;
    uint64_t told[TOLD_MAX]; // tokens on their way
    size_t told_count;
} link_;

static enum err link_send(struct output *output, const struct message *message)
{
    if (output->exactly_once && (link_.silent || !link_.cursors_known)) {
        return ERR_AGAIN;
    }
    assert_true(link_.count < FLYING_MAX);
    struct flying *flying = &link_.list[link_.count++];
    *flying = (struct flying){.seq = message->seq, .late = message->late};
    (void)snprintf(flying->key, sizeof flying->key, "%.*s", (int)message->key.size,
                   (const char *)message->key.at);
    assert_true(!message->late || message->seq <= link_.promised); // told before it comes
    return OK;
}

static void arrive(struct flying *flying)
{
    const struct verify_identity identity = {bytes_text("gw-1"), it.product.stat.epoch, flying->seq,
                                             flying->seq};
    assert_false(flying->arrived);
    flying->arrived = true;
    link_.arrived[flying->late]++;
    link_.cursors[flying->late] = flying->seq + 1;
    assert_int_equal(verify_record(link_.verify, &identity, bytes_text(flying->key), flying->late),
                     OK);
}

static enum err link_tell(struct output *output, const char *topic, struct bytes key,
                          struct bytes value, uint64_t token)
{
    (void)output;
    (void)key;
    struct verify_loss loss;
    assert_string_equal(topic, "site.bench.readings.v1.losses");
    assert_int_equal(verify_loss_read(value, &loss), OK);
    assert_int_equal(verify_declare(link_.verify, &loss), OK);
    if (loss.cause == CAUSE_LATE) {
        link_.promised = loss.to > link_.promised ? loss.to : link_.promised;
        link_.promises++;
    }
    assert_true(link_.told_count < TOLD_MAX);
    link_.told[link_.told_count++] = token;
    return OK;
}

static bool link_answers(const struct output *output)
{
    return !link_.silent && (!output->exactly_once || link_.cursors_known);
}

static void link_stat(struct output *output, struct output_stat *stat)
{
    (void)output;
    *stat = (struct output_stat){.link = link_.silent ? LINK_DOWN : LINK_UP};
}

static const struct output_driver link_driver = {.name = "link",
                                                 .send = link_send,
                                                 .tell = link_tell,
                                                 .stat = link_stat,
                                                 .answers = link_answers};

// ---- the gateway ----

static struct disk_memory *memory;

static void power_on(void)
{
    static const uint8_t boot_id[16] = {1};
    const struct spool_options options = {.size_bytes = 4 << 20, .segment_bytes = 256 * 1024};
    assert_int_equal(spool_open(&it.spool, disk_memory_disk(memory), &options), OK);
    memset(&it.product, 0, sizeof it.product);
    it.product.settings = &it.settings;
    it.product.gateway = "gw-1";
    it.product.spool = it.spool;
    it.product.codec = it.codec;
    it.product.store = (struct job_giver){.give = in_place};
    it.product.driver = &link_driver;
    it.product.output = &it.output;
    it.product.boot_id = boot_id;
    assert_int_equal(product_open(&it.product, "/nonexistent"), OK);
    link_.cursors_known = false;
}

// kill -9: what was on its way is not heard of again. With exactly-once the open transaction ends
// as a whole, one way or the other; else what was sent may have arrived, in order.
static void power_off(bool arrives)
{
    for (size_t i = 0; i < link_.count; i++) {
        if (arrives && !link_.list[i].arrived) {
            arrive(&link_.list[i]);
        }
    }
    link_.count = 0;
    link_.told_count = 0;
    product_close(&it.product);
    spool_close(it.spool);
}

static int lanes_set_up(void **context)
{
    (void)context;
    memset(&wire, 0, sizeof wire);
    memset(&it, 0, sizeof it);
    memset(&link_, 0, sizeof link_);
    link_.verify = verify_open();
    it.port.topic = (char *)(uintptr_t) "site.bench.readings.v1";
    it.port.late = LATE_TOPIC;
    it.port.late_after_ms = ALWAYS_OLD;
    make_schema(&it.port.schema, false);
    it.settings = (struct product_settings){
        .name = (char *)(uintptr_t) "bench", .port = &it.port, .commit_ms = 1000, .weight = 3};
    it.codec = block_codec_open(false);
    memory = disk_memory_open(6 << 20);
    power_on();
    return 0;
}

static int lanes_tear_down(void **context)
{
    (void)context;
    power_off(false);
    verify_close(link_.verify);
    block_codec_close(it.codec);
    disk_memory_close(memory);
    return 0;
}

static void turns(uint32_t budget)
{
    for (int i = 0; i < 6; i++) {
        (void)product_turn(&it.product, budget);
    }
}

static void commit(void)
{
    product_commit_now(&it.product);
    turns(10);
}

static void hear_cursors(void)
{
    if (it.output.exactly_once && !link_.silent && !link_.cursors_known) {
        for (int late = 0; late < LANES; late++) {
            if (link_.cursors[late] > 0) {
                product_known_delivered(&it.product, late == 1, link_.cursors[late]);
            }
        }
        link_.cursors_known = true;
    }
}

static void answer_told(void)
{
    for (size_t i = 0; i < link_.told_count && !link_.silent; i++) {
        product_told(&it.product, link_.told[i], DELIVERED_OK);
    }
    link_.told_count = link_.silent ? link_.told_count : 0;
}

static void take_out(size_t index)
{
    memmove(&link_.list[index], &link_.list[index + 1],
            (link_.count - index - 1) * sizeof link_.list[0]);
    link_.count--;
}

// All that is on its way arrives and is acknowledged.
static void answer_all(void)
{
    for (size_t i = 0; i < link_.count; i++) {
        if (!link_.list[i].arrived) {
            arrive(&link_.list[i]);
        }
    }
    while (link_.count > 0) {
        const struct flying first = link_.list[0];
        take_out(0);
        product_delivered(&it.product, first.seq, DELIVERED_OK);
    }
    answer_told();
}

static void drain(void)
{
    for (int i = 0; i < 20000 && !product_is_drained(&it.product); i++) {
        hear_cursors();
        commit();
        answer_all();
        it.product.tick_at_ms = 0;
    }
    assert_true(product_is_drained(&it.product));
    commit();
    answer_told();
}

static struct verify_verdict judged(void)
{
    struct verify_verdict verdict;
    assert_int_equal(verify_stream_count(link_.verify), 1);
    verify_judge(link_.verify, 0, &verdict);
    return verdict;
}

// ---- tests ----

static void after_an_outage_new_rows_go_first_and_the_backlog_beside_them(void **context)
{
    (void)context;
    it.product.lanes.after_ms = NEVER_OLD;
    take_and_turn(1, 100);
    drain();
    link_.silent = true;
    turns(10);
    take_and_turn(101, 400);
    commit();
    assert_int_equal(link_.count, 1); // one knocks

    it.product.lanes.after_ms = ALWAYS_OLD;
    link_.silent = false;
    commit();
    answer_all();
    turns(0); // decided; the promise is durable
    take_and_turn(401, 410);
    commit();

    assert_false(link_.list[0].late);
    assert_int_equal(link_.list[0].seq, 401);
    assert_int_equal(link_.promised, 400);
    drain();
    assert_int_equal(link_.arrived[0], 111); // the knocking one among them
    assert_int_equal(link_.arrived[1], 299);
    struct verify_verdict verdict = judged();
    assert_true(verify_verdict_is_well(&verdict));
    assert_int_equal(verdict.delivered, 410);
    assert_int_equal(verdict.late, 0);
    assert_int_equal(it.product.lanes.late_to, 0);
}

static void a_short_outage_opens_no_late_lane(void **context)
{
    (void)context;
    it.product.lanes.after_ms = NEVER_OLD;
    take_and_turn(1, 100);
    link_.silent = true;
    commit();
    take_and_turn(101, 400);
    commit();

    link_.silent = false;
    drain();

    assert_int_equal(link_.promises, 0);
    assert_int_equal(link_.arrived[0], 400);
}

static void a_second_outage_joins_its_gap_to_the_late_lane(void **context)
{
    (void)context;
    take_and_turn(1, 500); // never sent: older than the start
    commit();
    take_and_turn(501, 600);
    commit();
    answer_all(); // live 501..600, and some of the late ones
    commit();
    assert_int_equal(it.product.lanes.late_to, 500);
    link_.silent = true;
    take_and_turn(601, 900);
    commit();

    link_.silent = false;
    commit();
    answer_all();
    commit();

    assert_int_equal(it.product.lanes.late_to, 900);
    assert_int_equal(link_.promises, 2);
    drain();
    struct verify_verdict verdict = judged();
    assert_true(verify_verdict_is_well(&verdict));
    assert_int_equal(verdict.delivered, 900);
}

static void the_lanes_go_on_after_a_kill_in_the_middle(void **context)
{
    (void)context;
    take_and_turn(1, 3000);
    commit();
    take_and_turn(3001, 3100);
    commit();
    answer_all();
    commit();
    uint64_t late_to = it.product.lanes.late_to;
    assert_int_equal(late_to, 3000);

    it.port.late_after_ms = NEVER_OLD;
    power_off(false);
    power_on();

    assert_int_equal(it.product.lanes.late_to, late_to);
    take_and_turn(3101, 3200);
    drain();
    struct verify_verdict verdict = judged();
    assert_true(verify_verdict_is_well(&verdict));
    assert_int_equal(verdict.duplicated, 0); // all that was acknowledged was durable
    assert_int_equal(link_.arrived[0], 200);
    assert_int_equal(link_.arrived[1], 3000);
}

static void a_backlog_of_an_earlier_run_becomes_late_at_the_start(void **context)
{
    (void)context;
    it.product.lanes.after_ms = NEVER_OLD;
    link_.silent = true;
    take_and_turn(1, 50000);
    commit();

    power_off(false);
    power_on();
    link_.silent = false;
    turns(0);
    take_and_turn(50001, 50010);
    drain();

    assert_int_equal(link_.arrived[0], 10);
    assert_int_equal(link_.arrived[1], 50000);
    assert_int_equal(link_.promises, 1);
}

static void late_rows_that_are_lost_are_told_as_lost_and_not_as_late(void **context)
{
    (void)context;
    take_and_turn(1, 100);
    commit();
    take_and_turn(101, 110);
    commit();
    product_corrupt(&it.product, 50, 59);

    drain();

    struct verify_verdict verdict = judged();
    assert_int_equal(verdict.declared[CAUSE_CORRUPT] + verdict.delivered, 110);
    assert_int_equal(verdict.late, 0);
    assert_true(verify_verdict_is_well(&verdict));
}

static void a_contract_that_wants_one_lane_again_waits_for_the_late_one(void **context)
{
    (void)context;
    take_and_turn(1, 100);
    commit();
    take_and_turn(101, 110);
    commit();
    assert_int_equal(it.product.lanes.late_to, 100);
    product_close(&it.product);
    memset(&it.product.late, 0, sizeof it.product.late);
    struct product old = it.product;

    it.port.late = LATE_FIFO;
    memset(&it.product, 0, sizeof it.product);
    it.product.settings = old.settings;
    it.product.gateway = old.gateway;
    it.product.spool = old.spool;
    it.product.codec = old.codec;
    it.product.store = (struct job_giver){.give = in_place};
    it.product.driver = old.driver;
    it.product.output = old.output;
    it.product.boot_id = old.boot_id;
    enum err err = product_open(&it.product, "/nonexistent");

    assert_int_equal(err, ERR_FULL); // and a sentence says why
    product_close(&it.product);
    spool_close(it.spool);
    it.port.late = LATE_TOPIC;
    link_.count = 0;
    power_on();
}

// ---- any course of things ----

static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)((random_state >> 33) % limit);
}

static void acknowledge_some(void)
{
    if (link_.silent || link_.count == 0) {
        return;
    }
    // What arrives, arrives in order; the answers come in any.
    size_t until = it.output.exactly_once ? link_.count : 1 + random_below((uint32_t)link_.count);
    for (size_t i = 0; i < until; i++) {
        if (!link_.list[i].arrived) {
            arrive(&link_.list[i]);
        }
    }
    size_t answers = it.output.exactly_once ? until : random_below((uint32_t)until + 1);
    for (size_t i = 0; i < answers; i++) {
        size_t index = it.output.exactly_once ? 0 : random_below((uint32_t)until--);
        uint64_t seq = link_.list[index].seq;
        take_out(index);
        product_delivered(&it.product, seq, DELIVERED_OK);
    }
}

// The client dies: all is given back, in order; what it held may have arrived or not. With
// exactly-once Kafka's cursors are heard anew before anything goes on.
static void client_dies(void)
{
    bool arrives = random_below(2) == 0;
    for (size_t i = 0; i < link_.count && arrives; i++) {
        if (!link_.list[i].arrived) {
            arrive(&link_.list[i]);
        }
    }
    while (link_.count > 0) {
        uint64_t seq = link_.list[0].seq;
        take_out(0);
        product_delivered(&it.product, seq, DELIVERED_AGAIN);
    }
    link_.cursors_known = false;
}

static void one_step(uint64_t *next)
{
    switch (random_below(12)) {
    case 0:
    case 1:
    case 2:
        take_and_turn(*next, *next + random_below(40));
        *next = it.product.next_seq;
        break;
    case 3:
    case 4:
        product_commit_now(&it.product);
        break;
    case 5:
    case 6:
        acknowledge_some();
        break;
    case 7:
        answer_told();
        break;
    case 8:
        link_.silent = random_below(3) != 0;
        it.product.lanes.after_ms = random_below(3) != 0 ? ALWAYS_OLD : NEVER_OLD;
        break;
    case 9:
        if (random_below(4) == 0) {
            client_dies();
        }
        break;
    case 10:
        if (random_below(6) == 0) {
            uint64_t from = 1 + random_below((uint32_t)*next);
            if (from <= it.product.durable_seq) {
                product_corrupt(&it.product, from, from);
            }
        }
        break;
    default:
        if (random_below(6) == 0) {
            power_off(random_below(2) == 0);
            power_on();
            it.product.lanes.window = 16 + random_below(100);
            *next = it.product.next_seq;
        }
        break;
    }
    hear_cursors();
    it.product.tick_at_ms = 0;
    (void)product_turn(&it.product, random_below(30));
    assert_true(it.product.settled.count <= SETTLED_RANGES_MAX); // I4
}

static void course(uint64_t seed, bool exactly_once)
{
    random_state = seed;
    it.output.exactly_once = exactly_once;
    uint64_t next = it.product.next_seq;
    it.product.lanes.window = 16 + random_below(100);
    for (int i = 0; i < 1500; i++) {
        one_step(&next);
    }
    link_.silent = false;
    drain();
    struct verify_verdict verdict = judged();
    uint64_t total = it.product.next_seq - 1;
    bool complete = verify_verdict_is_well(&verdict) || !exactly_once;
    complete = complete && verdict.missing == 0 && verdict.out_of_order == 0 && verdict.late == 0 &&
               verdict.delivered + verdict.declared[CAUSE_CORRUPT] == total &&
               verdict.last == total;
    if (!complete) {
        print_error("seed %llu exactly_once %d: total=%llu delivered=%llu corrupt=%llu late=%llu "
                    "missing=%llu duplicated=%llu out_of_order=%llu\n",
                    (unsigned long long)seed, exactly_once, (unsigned long long)total,
                    (unsigned long long)verdict.delivered,
                    (unsigned long long)verdict.declared[CAUSE_CORRUPT],
                    (unsigned long long)verdict.late, (unsigned long long)verdict.missing,
                    (unsigned long long)verdict.duplicated,
                    (unsigned long long)verdict.out_of_order);
    }
    assert_true(complete);
}

static void through_any_course(bool exactly_once)
{
    const char *given = getenv("LANES_SEED");
    uint64_t first = given != NULL ? strtoull(given, NULL, 10) : 1;
    uint64_t last = given != NULL ? first : 60;
    uint64_t late = 0;
    for (uint64_t seed = first; seed <= last; seed++) {
        course(seed, exactly_once);
        late += link_.arrived[1];
        assert_int_equal(lanes_tear_down(NULL), 0);
        assert_int_equal(lanes_set_up(NULL), 0);
    }
    print_message("%llu courses, %llu records came late\n", (unsigned long long)(last - first + 1),
                  (unsigned long long)late);
    assert_true(late > 0);
}

static void at_least_once_loses_nothing_and_keeps_the_order_of_each_lane(void **context)
{
    (void)context;
    through_any_course(false);
}

static void exactly_once_also_doubles_nothing(void **context)
{
    (void)context;
    through_any_course(true);
}

#define LANES_TEST(name) cmocka_unit_test_setup_teardown(name, lanes_set_up, lanes_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LANES_TEST(after_an_outage_new_rows_go_first_and_the_backlog_beside_them),
        LANES_TEST(a_short_outage_opens_no_late_lane),
        LANES_TEST(a_second_outage_joins_its_gap_to_the_late_lane),
        LANES_TEST(the_lanes_go_on_after_a_kill_in_the_middle),
        LANES_TEST(a_backlog_of_an_earlier_run_becomes_late_at_the_start),
        LANES_TEST(late_rows_that_are_lost_are_told_as_lost_and_not_as_late),
        LANES_TEST(a_contract_that_wants_one_lane_again_waits_for_the_late_one),
        LANES_TEST(at_least_once_loses_nothing_and_keeps_the_order_of_each_lane),
        LANES_TEST(exactly_once_also_doubles_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
