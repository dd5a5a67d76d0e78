// Any bytes as weir.yaml: settings (which can be printed) or sentences. A good
// contract lies at descriptor 100, so "contract: 100" beside the file's name below finds it.
#include "agent/settings.h"
#include "tests/unit/settings_drivers.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CONTRACT_FD = 100 };

static const char contract[] =
    "{apiVersion: v3.1.0, kind: DataContract, id: a, version: 1.0.0, status: active, domain: d,\n"
    " schema: [{name: r, physicalName: d.p.r.v1, properties: [\n"
    "   {name: k, logicalType: string, primaryKey: true}, {name: v, logicalType: number}]},\n"
    "  {name: b, physicalName: d.p.b.v1, customProperties: [{property: weir.layout, value: "
    "blocks}],"
    "\n   properties: [{name: k, logicalType: string}]}]}\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void lay_contract(void)
{
    static bool done;
    if (done) {
        return;
    }
    int fd = memfd_create("contract", 0);
    if (fd < 0 || write(fd, contract, sizeof contract - 1) != (ssize_t)sizeof contract - 1 ||
        dup2(fd, CONTRACT_FD) != CONTRACT_FD) {
        abort();
    }
    done = true;
}

static void print_both(const struct settings *settings)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        abort();
    }
    settings_print(settings, true, out);
    settings_print(settings, false, out);
    (void)fclose(out);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lay_contract();
    struct problems problems = {.count = 0};
    struct settings *settings =
        settings_parse("/proc/self/fd/weir.yaml", bytes_from(data, size), &problems);
    if ((settings == NULL) != (problems.error_count > 0)) {
        abort();
    }
    if (settings != NULL) {
        print_both(settings);
    }
    settings_free(settings);
    problems_free(&problems);
    return 0;
}
