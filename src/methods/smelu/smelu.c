/* SmeLU's record: what the method is to the rest of Cairn. */
#include "methods/smelu/run.h"

/* The recipe that the article names: shuffling of moderate strength, small batches. */
static void train_defaults(cairn_train_options *o)
{
    o->batch = 64;
    o->length = (cairn_span){8, CAIRN_EPOCHS};
}

const cairn__method cairn__method_smelu = {
    .name = "smelu",
    .purpose = "classifiers with smooth activations, whose predictions change less when they are "
               "trained again",
    .paper = "Shamir, Lin, Coviello 2020, Smooth activations and reproducibility in deep networks, "
             "arXiv:2010.09931",
    .sections = cairn__smelu_sections,
    .options_size = sizeof(cairn__smelu_run),
    .train_defaults = train_defaults,
    .check = cairn__smelu_run_check,
    .problem = cairn__smelu_run_problem,
    .items = 6000,
    .quick_items = 2000,
    .reproduce = cairn__smelu_reproduce,
};
