#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/cloud_event.h"

static struct contract contract = {.id = (char *)(uintptr_t) "urn:x y",
                                   .version = (char *)(uintptr_t) "1.0.0",
                                   .product_id = "00000000-0000-5000-8000-000000000000"};
static struct contract_port port = {.topic = (char *)(uintptr_t) "plant7.oven.readings.v1"};
static struct cloud_event event;

static void expect(const struct message_header *headers, uint32_t count, const char *name,
                   const char *value)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(headers[i].name, name) == 0) {
            assert_true(value != NULL && bytes_equal(headers[i].value, bytes_text(value)));
            return;
        }
    }
    assert_null(value);
}

static void a_record_has_the_attributes_of_an_event(void **state)
{
    (void)state;
    uint32_t count;
    cloud_event_open(&event, &contract, &port, "gw-1", "00000000000000aa");
    const struct message_header *headers =
        cloud_event_put(&event, bytes_text("42"), bytes_text("s\xC3\xA4"), 1700000000001, &count);

    assert_int_equal(count, 8);
    expect(headers, count, "ce_specversion", "1.0");
    expect(headers, count, "ce_id", "00000000-0000-5000-8000-000000000000/00000000000000aa/42");
    expect(headers, count, "ce_source", "urn:weir::gw-1");
    expect(headers, count, "ce_type", "plant7.oven.readings.v1");
    expect(headers, count, "ce_time", "2023-11-14T22:13:20.001Z");
    expect(headers, count, "ce_subject", "s\xC3\xA4");
    expect(headers, count, "ce_dataschema", "urn:weir:contract:urn%3Ax%20y:1.0.0");
    expect(headers, count, "content-type", "application/json");
}

static void what_cannot_be_said_is_left_out(void **state)
{
    (void)state;
    static char long_id[2000];
    memset(long_id, 'i', sizeof long_id - 1);
    struct contract other = contract;
    other.id = long_id;
    other.tenant = (char *)(uintptr_t) "a:b";
    port.format = FORMAT_AVRO;
    uint32_t count;
    cloud_event_open(&event, &other, &port, "gw-1", "00000000000000aa");
    (void)cloud_event_put(&event, bytes_text("18446744073709551615-18446744073709551615"),
                          bytes_text("s"), 0, &count);
    const struct message_header *headers =
        cloud_event_put(&event, bytes_text("7"), bytes_text("\xff"), 0, &count);

    expect(headers, count, "ce_id", "00000000-0000-5000-8000-000000000000/00000000000000aa/7");
    expect(headers, count, "ce_source", "urn:weir:a%3Ab:gw-1");
    expect(headers, count, "ce_subject", NULL);
    expect(headers, count, "ce_dataschema", NULL);
    expect(headers, count, "content-type", "application/vnd.apache.avro");
    port.format = FORMAT_JSON;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_has_the_attributes_of_an_event),
        cmocka_unit_test(what_cannot_be_said_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
