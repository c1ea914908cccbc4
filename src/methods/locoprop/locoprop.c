/* LocoProp's record: what the method is to the rest of Cairn. */
#include "methods/locoprop/run.h"

static void train_defaults(cairn_train_options *o)
{
    o->batch = 1000;
    o->length = (cairn_span){100, CAIRN_EPOCHS};
}

const cairn__method cairn__method_locoprop = {
    .name = "locoprop",
    .purpose = "training by per-layer local losses; near second-order steps at first-order cost",
    .paper = "Amid, Anil, Warmuth 2022, LocoProp: enhancing backprop via local loss optimization, "
             "arXiv:2106.06199",
    .sections = cairn__locoprop_sections,
    .options_size = sizeof(cairn__locoprop_run),
    .train_defaults = train_defaults,
    .check = cairn__locoprop_run_check,
    .problem = cairn__locoprop_run_problem,
    .reproduce = cairn__locoprop_reproduce,
};
