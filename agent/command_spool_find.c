// weir spool: which spools are meant, their key, and the sentences where one cannot be opened.
#include "agent/command_spool.h"
#include "agent/key.h"
#include "agent/settings.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

// --- folders

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool join(char out[PATH_MAX], const char *folder, const char *name)
{
    size_t size = strlen(folder);
    const char *between = size > 0 && folder[size - 1] == '/' ? "" : "/";
    int length = snprintf(out, PATH_MAX, "%s%s%s", folder, between, name);
    return length > 0 && length < PATH_MAX;
}

static bool is_spool(const char *folder)
{
    char part[PATH_MAX];
    return (join(part, folder, "ring") && is_folder(part)) ||
           (join(part, folder, "nursery") && is_folder(part));
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

// The spools right under `folder`, by name.
static void find_under(const char *folder, struct spool_folders *folders)
{
    DIR *open = opendir(folder);
    struct dirent *entry;
    while (open != NULL && (entry = readdir(open)) != NULL && folders->count < SPOOL_FOLDERS_MAX) {
        char *place = folders->list[folders->count];
        size_t size = strlen(entry->d_name);
        bool half = size > 6 && strcmp(entry->d_name + size - 6, ".rekey") == 0;
        bool good = entry->d_name[0] != '.' && !half && join(place, folder, entry->d_name);
        folders->count += good && is_spool(place) ? 1 : 0;
    }
    if (open != NULL) {
        (void)closedir(open);
    }
    qsort(folders->list, folders->count, sizeof folders->list[0], by_name);
}

static int find_at(const struct spool_request *request, const char *path,
                   struct spool_folders *folders)
{
    folders->count = 0;
    if (is_spool(path)) {
        folders->count = 1;
        (void)snprintf(folders->list[0], PATH_MAX, "%s", path);
        return EX_OK;
    }
    find_under(path, folders);
    if (folders->count > 0) {
        return EX_OK;
    }
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        (void)fprintf(stderr, "weir spool %s: %s: there is no such folder\n", request->verb, path);
    } else if (!is_folder(path)) {
        (void)fprintf(stderr,
                      "weir spool %s: %s is not a folder; a spool is one with 'ring' and 'nursery' "
                      "in it\n",
                      request->verb, path);
    } else if (access(path, R_OK | X_OK) != 0) {
        return spool_explain(request, path, err_from_errno(errno));
    } else {
        (void)fprintf(stderr,
                      "weir spool %s: %s is not a spool: there is no 'ring' and no 'nursery' in "
                      "it, nor right below it\n",
                      request->verb, path);
    }
    return EX_NOINPUT;
}

// The state directory of the settings; without a file of settings, the usual one.
static int state_directory(const struct spool_request *request, char out[PATH_MAX])
{
    const char *file = request->config != NULL ? request->config : settings_default_path();
    if (request->config == NULL && access(file, R_OK) != 0) {
        const char *state = getenv("STATE_DIRECTORY");
        (void)snprintf(out, PATH_MAX, "%s", state != NULL ? state : "/var/lib/weir");
        return EX_OK;
    }
    struct problems problems = {.count = 0};
    struct settings *settings = settings_read(file, &problems);
    int code = problems_exit_code(&problems);
    if (settings == NULL) {
        problems_print(&problems, stderr);
        (void)fprintf(stderr, "weir spool %s: name the spool's folder instead\n", request->verb);
    } else {
        (void)snprintf(out, PATH_MAX, "%s", settings->state_dir);
        settings_free(settings);
        code = EX_OK;
    }
    problems_free(&problems);
    return code;
}

int spool_folders_find(const struct spool_request *request, struct spool_folders *folders)
{
    const char *path = request->path;
    if (path != NULL && request->config == NULL && (strchr(path, '/') != NULL || is_folder(path))) {
        return find_at(request, path, folders);
    }
    char state[PATH_MAX];
    char product[PATH_MAX];
    int code = state_directory(request, state);
    if (code != EX_OK) {
        return code;
    }
    if (path != NULL && !join(product, state, path)) {
        (void)fprintf(stderr, "weir spool %s: %s: the path is too long\n", request->verb, path);
        return EX_USAGE;
    }
    return find_at(request, path != NULL ? product : state, folders);
}

const char *spool_product_name(const char *folder)
{
    const char *slash = strrchr(folder, '/');
    return slash != NULL && slash[1] != 0 ? slash + 1 : folder;
}

// --- the key

// EX_OK: `*key` is `into`, or NULL where none of the three names is given.
static int read_key(const struct spool_request *request, const struct spool_key_names *names,
                    uint8_t into[SEAL_KEY_SIZE], const uint8_t **key)
{
    const struct {
        enum key_source source;
        const char *name;
    } given[] = {{KEY_FILE, names->file},
                 {KEY_KEYRING, names->keyring},
                 {KEY_CREDENTIAL, names->credential}};
    char sentence[KEY_SENTENCE_SIZE];
    *key = NULL;
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
        if (given[i].name == NULL) {
            continue;
        }
        if (*key != NULL) {
            (void)fprintf(stderr, "weir spool %s: two keys are given; give one\n", request->verb);
            return EX_USAGE;
        }
        enum err err = key_read(given[i].source, given[i].name, into, sentence);
        if (err != OK) {
            (void)fprintf(stderr, "weir spool %s: %s\n", request->verb, sentence);
            return err == ERR_INVALID ? EX_DATAERR : EX_NOINPUT;
        }
        *key = into;
    }
    return EX_OK;
}

int spool_keys_read(struct spool_request *request, struct spool_keys *keys)
{
    int code = read_key(request, &request->key_names, keys->key, &request->key);
    return code != EX_OK
               ? code
               : read_key(request, &request->new_key_names, keys->new_key, &request->new_key);
}

// --- opening

int spool_explain(const struct spool_request *request, const char *folder, enum err err)
{
    static const struct {
        enum err err;
        int code;
        const char *sentence;
    } table[] = {
        {ERR_NOT_FOUND, EX_NOINPUT,
         "is not a whole spool: 'ring' or 'nursery' holds no .seg file; copy the folder again"},
        {ERR_DENIED, EX_NOPERM, "you have no right to read it; use sudo, or join its group"},
        {ERR_CORRUPT, EX_DATAERR, "its files have sizes that no spool has; copy the folder again"},
        {ERR_INVALID, EX_DATAERR, "its files have sizes that no spool has; copy the folder again"},
        {ERR_KEY, EX_NOPERM, "the key that was given is not this spool's"},
        {ERR_VERSION, EX_SOFTWARE, "was written by a newer weir; read it with that version"},
        {ERR_IO, EX_IOERR,
         "the device cannot be read (dmesg tells more); copy the card with ddrescue first, and "
         "read "
         "the copy"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].err == err) {
            (void)fprintf(stderr, "weir spool %s: %s: %s\n", request->verb, folder,
                          table[i].sentence);
            return table[i].code;
        }
    }
    (void)fprintf(stderr, "weir spool %s: %s cannot be opened: %s\n", request->verb, folder,
                  err_name(err));
    return EX_OSERR;
}

static int refuse_part(const struct spool_request *request, const char *folder,
                       struct spool_view *view)
{
    static const char *const names[2] = {"ring", "nursery"};
    struct spool_shape shape;
    struct spool *spool = spool_view_spool(view);
    spool_look_shape(spool, &shape);
    for (int ring = 0; ring < 2; ring++) {
        uint32_t count;
        uint32_t size;
        if (spool_look_is_part(spool, (enum disk_ring)ring, &count, &size)) {
            (void)fprintf(stderr,
                          "weir spool %s: %s is not whole: '%s' has %u files of at most %u bytes, "
                          "and was made of %u of %u; copy the folder again\n",
                          request->verb, folder, names[ring], shape.slot_count[ring],
                          shape.slot_size[ring], count, size);
            return EX_DATAERR;
        }
    }
    return EX_OK;
}

int spool_request_open(const struct spool_request *request, const char *folder,
                       struct spool_view **view)
{
    enum err err = spool_view_open(view, folder, request->key);
    if (err != OK) {
        return spool_explain(request, folder, err);
    }
    int code = refuse_part(request, folder, *view);
    struct spool_shape shape;
    spool_look_shape(spool_view_spool(*view), &shape);
    bool headers_do = strcmp(request->verb, "ls") == 0 || strcmp(request->verb, "stat") == 0;
    if (code == EX_OK && shape.is_sealed && request->key == NULL && !headers_do) {
        (void)fprintf(stderr, "weir spool %s: %s is sealed; give its key with --key-file FILE\n",
                      request->verb, folder);
        code = EX_NOPERM;
    }
    if (code != EX_OK) {
        spool_view_close(*view);
    }
    return code;
}
