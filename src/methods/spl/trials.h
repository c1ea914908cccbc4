/* One repetition of the experiments behind the claims: data drawn by a seed, a teacher, and the
 * same fine-tuning after each kind of pre-training. */
#ifndef CAIRN_SRC_SPL_TRIALS_H
#define CAIRN_SRC_SPL_TRIALS_H

#include "methods/experiment.h"
#include "methods/spl/run.h"

/* What is trained before fine-tuning. SHUFFLED is SPL with the teacher's classes exchanged among
 * the items of each weak label: the same matrix, without the link to the item. TRUTH is training on
 * what the items show. */
enum {
    CAIRN__SPL_NONE,
    CAIRN__SPL_WEAK_LABEL,
    CAIRN__SPL_TEACHER_LABEL,
    CAIRN__SPL_FILTER,
    CAIRN__SPL_PAIRS,
    CAIRN__SPL_HALVES,
    CAIRN__SPL_SHUFFLED,
    CAIRN__SPL_TRUTH,
    CAIRN__SPL_ARMS
};
extern const char *const cairn__spl_arms[CAIRN__SPL_ARMS];

/* Figures: test accuracy of each arm (NaN: not trained), and what the data are like: accuracy of
 * the teacher on weak items (NaN: not known) and on test items, share of weak labels that are
 * right, share of items where both agree, classes of SPL. */
enum {
    CAIRN__SPL_ON_WEAK = CAIRN__SPL_ARMS,
    CAIRN__SPL_ON_TEST,
    CAIRN__SPL_RIGHT,
    CAIRN__SPL_AGREED,
    CAIRN__SPL_SIZE,
    CAIRN__SPL_FIGURES
};

typedef enum cairn__spl_kind {
    CAIRN__SPL_CLIPS, /* items of a picture set as clips of searched videos, one frame each */
    CAIRN__SPL_FLIPS, /* the pictures themselves, labels flipped between classes that look alike */
    CAIRN__SPL_VIDEOS /* rendered videos, written to files and read back */
} cairn__spl_kind;

typedef struct cairn__spl_bench {
    cairn__spl_kind kind;
    double share;    /* of clips that show the query; of labels that are flipped */
    bool contextual; /* other clips show the query too, at half opacity */
    int64_t clean;   /* examples of each class, for the teacher and for fine-tuning */
    int64_t videos, clips;
    int64_t pretrain_steps, fine_steps, batch;
} cairn__spl_bench;

enum { CAIRN__SPL_SETTINGS = 4 };

typedef struct cairn__spl_trial {
    const cairn__spl_bench *bench;
    const cairn_dataset *data; /* pictures; not for videos */
    const char *directory;     /* for videos, which are removed again */
    int64_t seed;
    unsigned arms;                /* bits of those trained */
    int setting[CAIRN__SPL_ARMS]; /* of each */
    bool tunes;                   /* accuracy on held-out items instead of test items */
    const volatile int *stop;
} cairn__spl_trial;

/* Setting number s of an arm: rate, and share of it for what was pre-trained. */
void cairn__spl_setting(int arm, int s, double *rate, double *factor);

/* A cairn__measure_figures of a cairn__spl_trial. A training that breaks down has accuracy 0. */
bool cairn__spl_measure(const void *trial, double *figures, cairn_status *status);

#endif
