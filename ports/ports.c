// The drivers this build has, in plain sight.
#include "agent/port.h"
#include "agent/service.h"
#include "ports/output/kafka.h"

#include <string.h>

extern const struct input_driver file_driver;
extern const struct input_driver kafka_driver;
extern const struct input_driver line_driver;
extern const struct input_driver linux_driver;
extern const struct service service_control;
extern const struct service service_follow;
extern const struct service service_heartbeat;
extern const struct service service_node;
extern const struct service service_schemas;
extern const struct service service_slo;

const struct input_driver *const input_drivers[] = {
    &file_driver, &kafka_driver, &line_driver, &linux_driver, NULL,
};

const struct output_driver *const output_drivers[] = {
    &kafka_output,
    NULL,
};

const struct service *const services[] = {
    &service_heartbeat, &service_node, &service_follow, &service_schemas, &service_slo,
    &service_control,   NULL,
};

const struct input_driver *input_driver_find(const char *name)
{
    for (size_t i = 0; input_drivers[i] != NULL; i++) {
        if (strcmp(input_drivers[i]->name, name) == 0) {
            return input_drivers[i];
        }
    }
    return NULL;
}
