/* CICW's record: what the method is to the rest of Cairn. */
#include "methods/cicw/run.h"

static void train_defaults(cairn_train_options *o)
{
    o->batch = 128;
    o->length = (cairn_span){40, CAIRN_EPOCHS};
}

const cairn__method cairn__method_cicw = {
    .name = "cicw",
    .purpose = "classifiers on labels that may be wrong: examples and classes are weighted by a "
               "small constrained problem in each batch",
    .paper = "Kumar, Amid 2021, Constrained instance and class reweighting for robust learning "
             "under label noise, arXiv:2111.05428",
    .sections = cairn__cicw_sections,
    .options_size = sizeof(cairn__cicw_run),
    .train_defaults = train_defaults,
    .check = cairn__cicw_run_check,
    .problem = cairn__cicw_run_problem,
    .items = 3000,
    .quick_items = 1000,
    .reproduce = cairn__cicw_reproduce,
};
