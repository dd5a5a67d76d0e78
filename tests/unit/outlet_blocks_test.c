// Layout `blocks` in the flow of a product: how rows become messages, and what becomes of those.
#include "tests/unit/product_bench.h"

#include "agent/wire_blocks_read.h"

enum { BLOCKS_MAX = 200 };

static struct {
    uint64_t first;
    uint64_t last;
    bool answered;
} sent[BLOCKS_MAX];
static size_t sent_count;
static uint64_t poison;                     // a row that no broker takes
static size_t rows_max;                     // of a message that the output takes
static struct wire_loss losses[BLOCKS_MAX]; // that blocks told; causes are settled_how_name's
static size_t loss_count;
static char causes[BLOCKS_MAX][16];
static struct contract contract;
static struct wire_reader *reader;

// Each block is decoded, and each row compared with what was taken.
static enum err block_send(struct output *output, const struct message *message)
{
    (void)output;
    assert_int_equal(wire_read(reader, message->value, &it.port.schema, NULL), OK);
    const struct wire_info *info = wire_reader_info(reader);
    uint64_t last = info->first_seq + info->row_count - 1;
    char identity[128];
    (void)snprintf(identity, sizeof identity, "gw-1/%016llx/%llu-%llu",
                   (unsigned long long)it.product.stat.epoch, (unsigned long long)info->first_seq,
                   (unsigned long long)last);
    assert_true(bytes_equal(message->identity, bytes_text(identity)));
    assert_true(bytes_equal(message->key, bytes_text("gw-1")));
    assert_int_equal(message->seq, last);
    assert_int_equal(message->time_ms, 1700000000000 + (int64_t)last);
    for (uint32_t i = 0; i < info->row_count; i++) {
        struct record record;
        char key[16];
        wire_row(reader, i, &record);
        (void)snprintf(key, sizeof key, "s%u", (unsigned)(record.seq % 5));
        assert_int_equal(record.seq, info->first_seq + i);
        assert_int_equal(record.time_ms, 1700000000000 + (int64_t)record.seq);
        assert_true(record.values[0].number == value_of(record.seq));
        assert_true(bytes_equal(record.key, bytes_text(key)));
    }
    if (rows_max > 0 && info->row_count > rows_max) {
        return ERR_LIMIT;
    }
    for (uint32_t i = 0; i < info->loss_count; i++) {
        assert_true(loss_count < BLOCKS_MAX);
        losses[loss_count] = wire_loss_at(reader, i);
        (void)snprintf(causes[loss_count], sizeof causes[0], "%.*s",
                       (int)losses[loss_count].cause.size,
                       (const char *)losses[loss_count].cause.at);
        loss_count++;
    }
    assert_true(sent_count < BLOCKS_MAX);
    sent[sent_count].first = info->first_seq;
    sent[sent_count].last = last;
    sent[sent_count++].answered = false;
    return OK;
}

static const struct output_driver block_driver = {
    .name = "blocks", .send = block_send, .tell = wire_tell, .stat = wire_stat};

static void use_blocks(void)
{
    it.product.driver = &block_driver;
    it.product.outlet.driver = &block_driver;
    sent_count = 0;
}

static void restart_blocks(void)
{
    restart();
    use_blocks();
}

static int set_up_blocks(void **state)
{
    (void)set_up(state);
    reader = wire_reader_open();
    poison = 0;
    loss_count = 0;
    rows_max = 0;
    contract = (struct contract){.latency_ms = -1};
    it.settings.contract = &contract;
    it.port.layout = LAYOUT_BLOCKS;
    it.port.format = FORMAT_AVRO;
    restart_blocks();
    return 0;
}

static int tear_down_blocks(void **state)
{
    wire_reader_close(reader);
    return tear_down(state);
}

static void answer_block(size_t i)
{
    bool bad = poison >= sent[i].first && poison <= sent[i].last;
    sent[i].answered = true;
    product_delivered(&it.product, sent[i].last, bad ? DELIVERED_REFUSED : DELIVERED_OK);
}

// Commit, send and answer until all is settled.
static void drain(void)
{
    for (int turn = 0; turn < 400 && !product_is_drained(&it.product); turn++) {
        product_commit_now(&it.product);
        (void)product_turn(&it.product, 100);
        for (size_t i = 0; i < sent_count; i++) {
            if (!sent[i].answered) {
                answer_block(i);
            }
        }
    }
}

static void the_rows_of_a_commit_leave_as_one_block(void **state)
{
    (void)state;
    take_and_turn(1, 100);
    commit_and_send();
    take_and_turn(101, 103);
    commit_and_send();

    assert_int_equal(sent_count, 2);
    assert_int_equal(sent[0].first, 1);
    assert_int_equal(sent[0].last, 100);
    assert_int_equal(sent[1].last, 103);
    answer_block(0);
    answer_block(1);
    assert_true(product_is_drained(&it.product));
}

static void a_backlog_leaves_in_full_blocks_within_the_window(void **state)
{
    (void)state;
    take_and_turn(1, 30000);
    commit_and_send();
    for (size_t i = 0; i < sent_count; i++) {
        assert_true(sent[i].last <= OUTLET_WINDOW);
    }
    drain();

    assert_true(product_is_drained(&it.product));
    uint64_t next = 1;
    for (size_t i = 0; i < sent_count; i++) {
        assert_int_equal(sent[i].first, next);
        next = sent[i].last + 1;
    }
    assert_int_equal(next, 30001);
    assert_true(sent_count <= 30000 / 4096 + 3);
}

static void rows_wait_for_company_within_the_promise(void **state)
{
    (void)state;
    // given a promise of 20 s and a commit of 1 s: a row waits up to 9 s more
    contract.latency_ms = 20000;
    restart_blocks();
    take_and_turn(1, 100);
    commit_and_send();
    assert_int_equal(sent_count, 0);
    int64_t due_ms = product_due_in_ms(&it.product);
    assert_true(due_ms > 0 && due_ms <= 9000);

    // when more come, and the agent stops
    take_and_turn(101, 150);
    commit_and_send();
    assert_int_equal(sent_count, 0);
    product_hurry(&it.product);
    commit_and_send();

    assert_int_equal(sent_count, 1);
    assert_int_equal(sent[0].first, 1);
    assert_int_equal(sent[0].last, 150);
}

static void a_block_that_came_back_is_sent_again_and_after_a_kill_too(void **state)
{
    (void)state;
    take_and_turn(1, 50);
    commit_and_send();
    take_and_turn(51, 80);
    commit_and_send();
    sent[0].answered = true;
    product_delivered(&it.product, 50, DELIVERED_AGAIN);
    answer_block(1);
    commit_and_send();

    assert_int_equal(sent_count, 3);
    assert_int_equal(sent[2].first, 1);
    assert_int_equal(sent[2].last, 50);

    restart_blocks();
    drain();
    assert_true(product_is_drained(&it.product));
}

static void a_row_that_no_broker_takes_costs_itself(void **state)
{
    (void)state;
    poison = 777;
    take_and_turn(1, 3000);
    drain();

    assert_true(product_is_drained(&it.product));
    struct report_product report;
    product_report(&it.product, &report);
    assert_int_equal(report.quarantined_records, 1);
    assert_int_equal(report.out_records, 2999);
}

static void a_block_too_large_for_the_output_goes_in_parts(void **state)
{
    (void)state;
    rows_max = 1000;
    take_and_turn(1, 3000);
    drain();

    assert_true(product_is_drained(&it.product));
    struct report_product report;
    product_report(&it.product, &report);
    assert_int_equal(report.out_records, 3000);
}

// The only loss that blocks told since `from`.
static void expect_loss(size_t from, uint64_t first, uint64_t last, const char *cause)
{
    assert_int_equal(loss_count, from + 1);
    assert_int_equal(losses[from].from, first);
    assert_int_equal(losses[from].to, last);
    assert_int_equal(losses[from].count, last - first + 1);
    assert_string_equal(causes[from], cause);
}

static void a_loss_is_told_by_the_next_block_until_one_has_arrived(void **state)
{
    (void)state;
    // given ten rows that were lost before they were sent
    take_and_turn(1, 10);
    product_commit_now(&it.product);
    (void)product_turn(&it.product, 0);
    product_corrupt(&it.product, 1, 10);

    // when a block leaves once that is durable, it tells it, and the one behind it does not
    take_and_turn(11, 20);
    commit_and_send();
    take_and_turn(21, 30);
    commit_and_send();
    expect_loss(0, 1, 10, "corrupt");

    // when that block comes back, the one in its place tells it again
    sent[0].answered = true;
    answer_block(1);
    product_delivered(&it.product, sent[0].last, DELIVERED_AGAIN);
    commit_and_send();
    expect_loss(1, 1, 10, "corrupt");

    // when none has arrived before a kill, the first one after it does
    restart_blocks();
    commit_and_send();
    expect_loss(2, 1, 10, "corrupt");
    drain();

    // and when one has, none does any more
    take_and_turn(31, 40);
    drain();
    restart_blocks();
    take_and_turn(41, 50);
    drain();
    assert_true(product_is_drained(&it.product));
    assert_int_equal(loss_count, 3);
    assert_int_equal(it.product.losses.count, 1); // the losses topic is another matter
}

static void blocks_wait_until_the_mark_of_their_schema_is_known(void **state)
{
    (void)state;
    it.port.framed = true;
    it.port.schema_id = -1;
    contract.product = (char *)(uintptr_t) "bench";
    restart_blocks();
    take_and_turn(1, 100);
    commit_and_send();

    assert_int_equal(sent_count, 0);
    assert_non_null(schema_marks_unknown(&it.product.marks, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_rows_of_a_commit_leave_as_one_block, set_up_blocks,
                                        tear_down_blocks),
        cmocka_unit_test_setup_teardown(a_backlog_leaves_in_full_blocks_within_the_window,
                                        set_up_blocks, tear_down_blocks),
        cmocka_unit_test_setup_teardown(rows_wait_for_company_within_the_promise, set_up_blocks,
                                        tear_down_blocks),
        cmocka_unit_test_setup_teardown(a_block_that_came_back_is_sent_again_and_after_a_kill_too,
                                        set_up_blocks, tear_down_blocks),
        cmocka_unit_test_setup_teardown(a_row_that_no_broker_takes_costs_itself, set_up_blocks,
                                        tear_down_blocks),
        cmocka_unit_test_setup_teardown(a_block_too_large_for_the_output_goes_in_parts,
                                        set_up_blocks, tear_down_blocks),
        cmocka_unit_test_setup_teardown(a_loss_is_told_by_the_next_block_until_one_has_arrived,
                                        set_up_blocks, tear_down_blocks),
        cmocka_unit_test_setup_teardown(blocks_wait_until_the_mark_of_their_schema_is_known,
                                        set_up_blocks, tear_down_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
