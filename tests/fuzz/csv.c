/* Fuzz target: CSV from memory. The first byte chooses header and label column. */
#include <math.h>

#include "data/table.h"
#include "fuzz.h"

static void check_table(const cairn__table *table)
{
    const float *x = table->x.data;
    const int32_t *label = table->label.data;
    for (int64_t i = 0; i < cairn_field_elements(&table->x); i++)
        fuzz_check(isfinite(x[i]));
    fuzz_check(!label || table->label.shape[0] == table->x.shape[0]);
    for (int64_t i = 0; label && table->names && i < table->label.shape[0]; i++)
        fuzz_check(label[i] >= 0 && label[i] < table->classes && table->names[label[i]][0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char *const columns[] = {"", "last", "none", "1", "class", "labels", "2", "0"};
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_data_options options = cairn_data_defaults();
    cairn__arena arena = {NULL};
    cairn__table table;
    if (size == 0)
        return 0;
    options.header = bytes[0] % 3;
    const char *column = columns[bytes[0] / 3 % CAIRN__COUNT(columns)];
    cairn_options_set(cairn__data_table, &options, "label_column", column, &status);
    if (cairn__table_parse((const char *)bytes + 1, size - 1, "fuzz", &options, &arena, &table,
                           &status))
        check_table(&table);
    else
        fuzz_check(status.code != CAIRN_OK && !table.x.data && !table.label.data);
    cairn__free((void *)table.x.data);
    cairn__free((void *)table.label.data);
    cairn__arena_free(&arena);
    return 0;
}
