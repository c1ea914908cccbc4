/* SPL's record: what the method is to the rest of Cairn. */
#include "methods/spl/run.h"

static void train_defaults(cairn_train_options *o)
{
    o->batch = 50;
    o->length = (cairn_span){20, CAIRN_EPOCHS};
}

const cairn__method cairn__method_spl = {
    .name = "spl",
    .purpose = "classifiers from few clean examples and many weakly labelled pictures or videos: "
               "pre-trained on pairs of weak label and teacher's class",
    .paper = "Li et al. 2021, Learning from weakly-labeled web videos via exploring sub-concepts, "
             "arXiv:2101.03713",
    .sections = cairn__spl_sections,
    .options_size = sizeof(cairn__spl_run),
    .train_defaults = train_defaults,
    .open = cairn__spl_open,
    .preparation = &cairn__spl_preparation,
    .check = cairn__spl_run_check,
    .problem = cairn__spl_run_problem,
    .items = 60000,
    .quick_items = 20000,
    .reproduce = cairn__spl_reproduce,
};
