// A data set for benchmarks: `ts_ms,series,value,quality` lines in order of arrival, plain or
// gzip'd. Each series is a key; each line a row of one field: "value" where the values of its
// series are numbers that doubles say, else "count" (integers of 64 bits), "flag" (true, false) or
// "text".
//
// Floor: edges.
#ifndef WEIR_TESTS_BENCH_DATASET_H
#define WEIR_TESTS_BENCH_DATASET_H

#include "agent/record.h"

enum { DATASET_SERIES_MAX = 65536, DATASET_FIELDS_MAX = 4 };

struct dataset_row {
    int64_t time_ms;
    uint32_t key_id;
    uint8_t quality;
    uint16_t field;
    struct value value;
};

struct dataset {
    char name[64];        // of the file, without folder and .csv.gz
    struct schema schema; // of the fields that occur
    uint32_t row_count;
    struct dataset_row *rows;
    uint32_t key_count;
    char **keys;
    char *text; // what the values borrow from
};

// Read the file at `path`. False: the sentence why not was printed.
bool dataset_open(struct dataset *dataset, const char *path);
void dataset_close(struct dataset *dataset);

// The row's values, one for each field of the schema: all null but one.
void dataset_values(const struct dataset *dataset, const struct dataset_row *row,
                    struct value values[DATASET_FIELDS_MAX]);

// Bit for bit the same?
bool dataset_same(const struct value *a, const struct value *b);

#endif
