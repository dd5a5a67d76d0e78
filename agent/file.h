// Small files, read whole.
//
// Floor: ground.
#ifndef WEIR_AGENT_FILE_H
#define WEIR_AGENT_FILE_H

#include "agent/err.h"

#include <stddef.h>

// Read the regular file `path` into memory that the caller frees; a NUL stands after the last byte.
// ERR_LIMIT: it has more than `limit` bytes. ERR_INVALID: it is no regular file. Else what errno
// says (and errno is left as it was).
enum err file_read(const char *path, size_t limit, char **text, size_t *size);

// Why file_read failed, as the end of a sentence: "cannot be read: No such file or directory".
// Call it at once: errno counts.
void file_explain(enum err err, size_t limit, char *out, size_t out_size);

#endif
