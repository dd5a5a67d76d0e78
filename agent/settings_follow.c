// A contract that is not a file of ours but followed on the mesh: `contract: {id: .., track: 1.x}`.
#include "agent/port.h"
#include "agent/settings_reading.h"
#include "agent/settings_rows.h"

#include <stdlib.h>

static struct follow_settings *find(struct settings *settings, const char *id)
{
    for (uint32_t i = 0; i < settings->follow_count; i++) {
        if (strcmp(settings->follows[i].id, id) == 0) {
            return &settings->follows[i];
        }
    }
    return NULL;
}

static bool check_words(const struct settings_reading *reading, const struct yaml_node *place,
                        const struct option_set *options, struct track *track)
{
    unsigned before = reading->problems->error_count;
    const char *text = option_text(options, "contract.track");
    const char *id = option_text(options, "contract.id");
    if (id == NULL || *id == '\0' || strlen(id) > FOLLOW_ID_MAX || strchr(id, '/') != NULL) {
        yaml_wrong(place, "id", reading->problems,
                   "write the contract's id, 1 to %d characters without '/'", FOLLOW_ID_MAX);
    }
    if (text == NULL) {
        yaml_wrong(place, "track", reading->problems,
                   "is missing; write which versions to take, e.g. track: 1.x");
    } else if (!track_read(text, track)) {
        yaml_wrong(place, "track", reading->problems,
                   "\"%.40s\" is no track; write 1.x, 1.4.x or one version, 1.4.2", text);
    }
    if (option_text(&reading->settings->general, "trust") == NULL) {
        yaml_wrong(place, NULL, reading->problems,
                   "a contract is taken from the mesh only under a signature that we believe; name "
                   "the authorities: trust: CA.pem beside gateway:");
    }
    return reading->problems->error_count == before;
}

static struct follow_settings *add(const struct settings_reading *reading,
                                   const struct yaml_node *place, const struct option_set *options,
                                   const struct track *track)
{
    struct settings *settings = reading->settings;
    const char *domain = option_text(options, "contract.domain");
    struct follow_settings *follow = &settings->follows[settings->follow_count];
    *follow = (struct follow_settings){.track = *track, .product = -1};
    follow->id = settings_copy(option_text(options, "contract.id"));
    follow->track_text = settings_copy(option_text(options, "contract.track"));
    follow->domain = domain != NULL ? settings_copy(domain) : NULL;
    settings->follow_count++;
    if (followed_open(&follow->kept, settings->state_dir, follow->id) != OK) {
        yaml_wrong(place, NULL, reading->problems, "the path of the state directory is too long");
    }
    return follow;
}

// The same id twice is one that is followed, and must be said in the same words.
static struct follow_settings *find_or_add(const struct settings_reading *reading,
                                           const struct yaml_node *place,
                                           const struct option_set *options,
                                           const struct track *track)
{
    struct follow_settings *follow = find(reading->settings, option_text(options, "contract.id"));
    if (follow == NULL) {
        return add(reading, place, options, track);
    }
    if (strcmp(follow->track_text, option_text(options, "contract.track")) != 0) {
        yaml_wrong(place, "track", reading->problems,
                   "is %s, and %s elsewhere for the same contract; write the same",
                   option_text(options, "contract.track"), follow->track_text);
    }
    return follow;
}

const char *settings_contract(const struct settings_reading *reading, const struct yaml_node *node,
                              struct option_set *options, int product)
{
    if (!option_is_set(options, "contract.id") && !option_is_set(options, "contract.track")) {
        return option_text(options, "contract");
    }
    const struct yaml_node *place = settings_place(node, "contract");
    struct track track;
    if (!check_words(reading, place, options, &track)) {
        return NULL;
    }
    struct follow_settings *follow = find_or_add(reading, place, options, &track);
    follow->product = product >= 0 ? product : follow->product;
    if (reading->follows_only) {
        return NULL;
    }
    bool is_trial = follow->kept.tries > 0;
    follow->is_trial = is_trial;
    if (!is_trial && follow->kept.version[0] == '\0') {
        yaml_wrong(place, NULL, reading->problems,
                   "no version %s of \"%.120s\" is here yet; weir run takes it from the mesh as "
                   "soon as a broker answers",
                   follow->track_text, follow->id);
        return NULL;
    }
    option_default_text(options, "contract", is_trial ? follow->kept.next_path : follow->kept.path);
    return option_text(options, "contract");
}

bool settings_reads_product(const struct input_driver *driver)
{
    const struct option *row = driver->options;
    while (row->key != NULL && strcmp(row->key, "contract.id") != 0) {
        row++;
    }
    return row->key != NULL;
}

static void note_follow(const struct settings_reading *reading, const struct yaml_node *node,
                        const struct option *rows, const struct option *others, int product)
{
    struct problems ignored = {.count = 0}; // told when all is read
    struct option_set options;
    option_read(&options, rows, others, node, NULL, &ignored);
    (void)settings_contract(reading, node, &options, product);
    option_set_free(&options);
    problems_free(&ignored);
}

void settings_read_follow_lists(const struct settings_reading *reading)
{
    int index = 0;
    const struct yaml_node *node = settings_list(reading, "products", SETTINGS_PRODUCTS_MAX);
    for (; node != NULL; node = node->next) {
        note_follow(reading, node, settings_product_rows, NULL, index++);
    }
    node = settings_list(reading, "inputs", SETTINGS_INPUTS_MAX);
    for (; node != NULL; node = node->next) {
        const struct yaml_node *name = yaml_get(node, "driver");
        const struct input_driver *driver =
            name != NULL && name->kind == YAML_TEXT ? input_driver_find(name->text) : NULL;
        if (driver != NULL && settings_reads_product(driver)) {
            note_follow(reading, node, driver->options, settings_input_rows, -1);
        }
    }
}

const struct follow_settings *settings_follow_of(const struct settings *settings, uint32_t product)
{
    for (uint32_t i = 0; i < settings->follow_count; i++) {
        if (settings->follows[i].product == (int)product) {
            return &settings->follows[i];
        }
    }
    return NULL;
}

void settings_free_follows(struct settings *settings)
{
    for (uint32_t i = 0; i < settings->follow_count; i++) {
        free(settings->follows[i].id);
        free(settings->follows[i].track_text);
        free(settings->follows[i].domain);
    }
}
