/* Options of the loop. */
#include "train/train.h"

static const char *const bad_loss[] = {"stop", "rewind", "ignore", NULL};

const cairn_option cairn_train_table[] = {
    CAIRN_OPT_COUNT(cairn_train_options, seed, 1, 0, 1e15,
                    "seed of initial values, orders and random operations", ""),
    CAIRN_OPT_COUNT(cairn_train_options, init_seed, -1, -1, 1e15,
                    "seed of initial values alone; -1: the seed above", ""),
    CAIRN_OPT_COUNT(cairn_train_options, order_seed, -1, -1, 1e15,
                    "seed of the order of the data alone; -1: the seed above", ""),
    CAIRN_OPT_COUNT(cairn_train_options, shuffle_window, 0, 0, 1e15,
                    "shuffle inside windows of so many consecutive examples; 0: the whole set", ""),
    CAIRN_OPT_COUNT(cairn_train_options, sum_seed, -1, -1, 1e15,
                    "seed of the order of examples inside each batch, and so of all sums over it; "
                    "-1: as they come",
                    ""),
    CAIRN_OPT_COUNT(cairn_train_options, batch, 128, 1, 1 << 24, "examples in a step", ""),
    CAIRN_OPT_COUNT(cairn_train_options, accumulate, 1, 1, 1 << 24,
                    "parts that each batch is taken in, their gradients added up: less memory", ""),
    CAIRN_OPT_BYTES(cairn_train_options, memory, 0,
                    "for variables and values of a step, which are computed again where they do "
                    "not fit; 0: no limit",
                    ""),
    CAIRN_OPT_SPAN(cairn_train_options, length, "10ep", "length of the run", ""),
    CAIRN_OPT_REAL(cairn_train_options, seconds, 0, 0, 1e9,
                   "end the run after so many seconds in steps; 0: no such limit", ""),
    CAIRN_OPT_SPAN(cairn_train_options, evaluate, "1ep",
                   "between two evaluations; 0: only at the end", ""),
    CAIRN_OPT_COUNT(cairn_train_options, evaluate_items, 0, 0, 1e15,
                    "evaluate at most so many items of each split; 0: all", ""),
    CAIRN_OPT_SPAN(cairn_train_options, checkpoint, "1ep",
                   "between two checkpoints; 0: only at the end", ""),
    CAIRN_OPT_COUNT(cairn_train_options, log_every, 10, 1, 1e15, "steps between two log lines", ""),
    CAIRN_OPT_CHOICE(cairn_train_options, bad_loss, CAIRN_BAD_LOSS_STOP, bad_loss,
                     "when a loss is not finite or spikes", ""),
    CAIRN_OPT_REAL(cairn_train_options, spike_factor, 0, 0, 1e9,
                   "a loss above this times the median of the last 100 is a spike; 0: none", ""),
    CAIRN_OPT_COUNT(cairn_train_options, threads, 0, 0, 4096,
                    "threads that run a step; 0: one for each core", ""),
    CAIRN_OPT_END,
};

cairn_train_options cairn_train_defaults(void)
{
    cairn_train_options options;
    cairn_options_defaults(cairn_train_table, &options);
    return options;
}
