/* Options that several methods read the same way: sizes of layers, an optimiser and its options. */
#ifndef CAIRN_SRC_METHODS_LAYERS_H
#define CAIRN_SRC_METHODS_LAYERS_H

#include "cairn/optim.h"
#include "optim/rule.h"

/* At most `most` sizes from "1000,500,250,30"; how many, or 0 and an error for anything else. */
int cairn__sizes_parse(const char *text, int64_t *sizes, int most, cairn_status *status);

/* Room for the options struct of any optimiser. */
typedef union cairn__optimizer_values {
    char bytes[CAIRN__RULE_OPTIONS_SIZE];
    double alignment;
} cairn__optimizer_values;

/* The optimiser called `name` (any but locoprop), its options in `o`: the defaults, and then those
 * of "name=value,name=value". NULL with an error. */
const cairn_optimizer *cairn__optimizer_read(const char *name, const char *options,
                                             cairn__optimizer_values *o, cairn_status *status);

#endif
