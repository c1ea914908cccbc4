/* Noisy Student's and SSD's record: what the method is to the rest of Cairn. */
#include "methods/ssd/run.h"

static void train_defaults(cairn_train_options *o)
{
    o->batch = 32;
    o->length = (cairn_span){2000, CAIRN_STEPS};
    o->evaluate = o->checkpoint = (cairn_span){20, CAIRN_PERCENT}; /* epochs are short */
}

const cairn__method cairn__method_ssd = {
    .name = "ssd",
    .purpose = "accuracy from data without labels: a teacher labels them for a noisy student "
               "(Noisy Student), or for a small one by way of a larger (SSD)",
    .paper = "Xie, Luong, Hovy, Le 2020, Self-training with Noisy Student improves ImageNet "
             "classification, arXiv:1911.04252; semi-supervised distillation, 2021",
    .sections = cairn__ssd_sections,
    .options_size = sizeof(cairn__ssd_run),
    .train_defaults = train_defaults,
    .check = cairn__ssd_run_check,
    .problem = cairn__ssd_run_problem,
    .open_stages = cairn__ssd_open,
    .close_stages = cairn__ssd_close,
    .items = 6000,
    .quick_items = 3000,
    .reproduce = cairn__ssd_reproduce,
};
