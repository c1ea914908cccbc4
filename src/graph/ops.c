/* The op table as a list. */
#include <string.h>

#include "graph/graph.h"

const cairn_op *const cairn__ops[] = {
#define CAIRN_OP(name) &cairn__op_##name,
#include "graph/ops.def"
#undef CAIRN_OP
    NULL,
};

const cairn_op *cairn__op_find(const char *name)
{
    for (const cairn_op *const *op = cairn__ops; *op; op++)
        if (strcmp((*op)->name, name) == 0)
            return *op;
    return NULL;
}
