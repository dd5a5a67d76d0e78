// Runs a fuzzer's corpus as an ordinary test: each file of the folders (or files) named on the
// command line, and each of its truncations up to 512, goes once through LLVMFuzzerTestOneInput.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    static uint8_t bytes[1 << 20];
    size_t size = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    for (size_t cut = 0; cut < size && cut < 512; cut++) {
        // A copy of exact size, so that a sanitizer sees a read past its end.
        uint8_t *copy = malloc(cut + 1);
        if (copy == NULL) {
            exit(1);
        }
        for (size_t i = 0; i < cut; i++) {
            copy[i] = bytes[i];
        }
        (void)LLVMFuzzerTestOneInput(copy, cut);
        free(copy);
    }
    (void)LLVMFuzzerTestOneInput(bytes, size);
    return 1;
}

static size_t replay(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        perror(path);
        exit(1);
    }
    if (!S_ISDIR(status.st_mode)) {
        return replay_file(path);
    }
    DIR *folder = opendir(path);
    if (folder == NULL) {
        perror(path);
        exit(1);
    }
    size_t count = 0;
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        char name[4096];
        (void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        count += replay_file(name);
    }
    (void)closedir(folder);
    return count;
}

int main(int argc, char **argv)
{
    size_t count = 0;
    for (int i = 1; i < argc; i++) {
        count += replay(argv[i]);
    }
    printf("%zu inputs\n", count);
    return count == 0; // an empty corpus tests nothing
}
