/* What a method is to the rest of Cairn: one record, listed in methods.def. */
#ifndef CAIRN_SRC_METHOD_H
#define CAIRN_SRC_METHOD_H

#include "base/base.h"
#include "cairn/report.h"
#include "cairn/train.h"

/* How much of an experiment to run, and where its record goes. */
typedef struct cairn__reproduction {
    const cairn_dataset *data;      /* borrowed; NULL for methods that learn from tokens: .. */
    const cairn_token_data *tokens; /* .. those */
    bool quick;                /* minutes instead of hours */
    int64_t seeds;             /* at least 3 for verdicts */
    const char *directory;     /* partial results are kept here, so that it can be resumed */
    cairn_report *report;      /* sections are added */
    cairn__text *summary;      /* the same tables in Markdown are added */
    void (*progress)(void *user, double done, const char *what); /* done: 0 .. 1 */
    void *user;
    const volatile int *stop; /* set by Ctrl-C */
} cairn__reproduction;

/* A part of a method's options struct that has a table of its own. */
typedef struct cairn__method_section {
    const char *name; /* in configuration files: [name] */
    const cairn_option *table;
    size_t offset; /* of the part in the struct */
} cairn__method_section;

/* What is trained before the first step of a run, in run directories inside its own. */
typedef struct cairn__preparation_setup {
    const void *options;                    /* of the method */
    const cairn_dataset *data;              /* of the run */
    const cairn_data_options *data_options; /* that it was opened with */
    const cairn_train_options *train;
    const char *directory; /* of the run */
    void (*progress)(void *user, double done, const char *what); /* done: 0 .. 1 */
    void *user;
    const volatile int *stop; /* set by Ctrl-C */
    bool whole;               /* to the end, even where the options say to stop earlier */
} cairn__preparation_setup;

typedef struct cairn__preparation {
    /* Reads and checks all that the stages need; writes nothing. NULL with an error. `setup` is
     * borrowed until `free`. */
    void *(*open)(const cairn__preparation_setup *setup, cairn_status *status);

    /* Trains them, or goes on where they were interrupted, and puts what they give into the
     * variables of the run, which has made no step. *enough: the user asked for no more than this;
     * a sentence in `what` says what was made. */
    bool (*run)(void *stages, cairn_trainer *trainer, bool *enough, char what[CAIRN_TEXT_SIZE],
                cairn_status *status);
    void (*free)(void *stages);
} cairn__preparation;

typedef struct cairn__method {
    const char *name, *purpose;
    const char *paper; /* authors, title, year, identifier */
    const cairn__method_section *sections; /* ended by a NULL name */
    size_t options_size;

    /* Defaults of the training options that differ from those of every run; may be NULL. */
    void (*train_defaults)(cairn_train_options *options);

    /* Opens the data where they need not be what cairn_dataset_open() reads; NULL: that. */
    cairn_dataset *(*open)(const void *options, const cairn_data_options *data,
                           cairn_status *status);

    /* NULL: a run starts from nothing. */
    const cairn__preparation *preparation;

    /* Checks what no single row can; false with an error. May be NULL. */
    bool (*check)(const void *options, const cairn_dataset *data, cairn_status *status);

    /* For a method that learns from tokens: how many a window predicts. NULL: it takes data sets,
     * and `data` below is one. */
    int64_t (*context)(const void *options);

    /* Fills the functions of the problem for options, which are borrowed. */
    void (*problem)(const void *options, cairn_problem *problem);

    /* For a method of several trainings: its stages for options, data and training options, which
     * are borrowed until close_stages(), also called after an error. NULL: one training. */
    bool (*open_stages)(const void *options, const cairn_dataset *data,
                        const cairn_train_options *train, cairn_stages *stages,
                        cairn_status *status);
    void (*close_stages)(cairn_stages *stages);

    /* Training items of an experiment, and of a quick one, where --limit does not say; 0: 4000 and
     * 1000. */
    int64_t items, quick_items;

    /* Measures the claims: at most `most` are written. Returns how many there are, or -1 with an
     * error. Texts in claims are static or live in the report. */
    int (*reproduce)(const cairn__reproduction *r, cairn_report_claim *claims, int most,
                     cairn_status *status);
} cairn__method;

#define CAIRN_METHOD(name) extern const cairn__method cairn__method_##name;
#include "methods/methods.def"
#undef CAIRN_METHOD

/* All of them, NULL-terminated; and one by name, or NULL with an error that offers the nearest. */
extern const cairn__method *const cairn__methods[];
const cairn__method *cairn__method_find(const char *name, cairn_status *status);

#endif
