// The catalog as a folder of files for a browser.
#include "agent/command_catalog.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

// Made by the build of ports/discovery/site.
extern const char site_index_html[], site_style_css[], site_app_js[];

static int failed(const char *path)
{
    (void)fprintf(stderr, "weir catalog: --html: %s cannot be written: %s\n", path,
                  strerror(errno));
    return EX_CANTCREAT;
}

// In a script no text may end it, or be taken for a line's end where JSON sees none.
static void put_for_script(const char *json, FILE *file)
{
    for (; *json != '\0'; json++) {
        if (*json == '<' || *json == '>' || *json == '&') {
            (void)fprintf(file, "\\u%04x", (unsigned)*json);
        } else if (strncmp(json, "\xE2\x80\xA8", 3) == 0 || strncmp(json, "\xE2\x80\xA9", 3) == 0) {
            (void)fprintf(file, "\\u202%c", json[2] == '\xA8' ? '8' : '9');
            json += 2;
        } else {
            (void)fputc(*json, file);
        }
    }
}

static int write_file(const char *directory, const char *name, const char *before, const char *text,
                      const char *after)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%.3900s/%s", directory, name);
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        return failed(path);
    }
    (void)fputs(before, file);
    if (*before != '\0') {
        put_for_script(text, file);
    } else {
        (void)fputs(text, file);
    }
    (void)fputs(after, file);
    bool good = ferror(file) == 0;
    return fclose(file) == 0 && good ? EX_OK : failed(path);
}

int catalog_write_site(const char *directory, const cJSON *root)
{
    if (mkdir(directory, 0755) != 0 && errno != EEXIST) {
        return failed(directory);
    }
    char *json = cJSON_PrintUnformatted(root);
    if (json == NULL) {
        return EX_OSERR;
    }
    int code = write_file(directory, "catalog.js", "window.CATALOG = ", json, ";\n");
    code = code == EX_OK ? write_file(directory, "catalog.json", "", json, "\n") : code;
    code = code == EX_OK ? write_file(directory, "style.css", "", site_style_css, "") : code;
    code = code == EX_OK ? write_file(directory, "app.js", "", site_app_js, "") : code;
    code = code == EX_OK ? write_file(directory, "index.html", "", site_index_html, "") : code;
    cJSON_free(json);
    return code;
}
