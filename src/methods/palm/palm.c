/* PaLM's record: what the method is to the rest of Cairn. */
#include "methods/palm/run.h"

/* A bad loss is answered as in section 5.1: back to a checkpoint, and past the batches since. */
static void train_defaults(cairn_train_options *o)
{
    o->batch = 16;
    o->length = (cairn_span){1000, CAIRN_STEPS};
    o->evaluate = (cairn_span){200, CAIRN_STEPS};
    o->evaluate_items = 256;
    o->checkpoint = (cairn_span){100, CAIRN_STEPS};
    o->bad_loss = CAIRN_BAD_LOSS_REWIND;
}

static int64_t context(const void *options)
{
    return ((const cairn__palm_run *)options)->training.context;
}

const cairn__method cairn__method_palm = {
    .name = "palm",
    .purpose = "language models of parallel blocks, trained with an account of their efficiency",
    .paper = "Chowdhery et al. 2022, PaLM: scaling language modeling with Pathways, "
             "arXiv:2204.02311",
    .sections = cairn__palm_sections,
    .options_size = sizeof(cairn__palm_run),
    .train_defaults = train_defaults,
    .check = cairn__palm_run_check,
    .context = context,
    .problem = cairn__palm_run_problem,
    .items = 20000,
    .quick_items = 20000,
    .reproduce = cairn__palm_reproduce,
};
