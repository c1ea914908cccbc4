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

typedef struct cairn__method {
    const char *name, *purpose;
    const char *paper; /* authors, title, year, identifier */
    const cairn__method_section *sections; /* ended by a NULL name */
    size_t options_size;

    /* Defaults of the training options that differ from those of every run; may be NULL. */
    void (*train_defaults)(cairn_train_options *options);

    /* Checks what no single row can; false with an error. May be NULL. */
    bool (*check)(const void *options, const cairn_dataset *data, cairn_status *status);

    /* For a method that learns from tokens: how many a window predicts. NULL: it takes data sets,
     * and `data` below is one. */
    int64_t (*context)(const void *options);

    /* Fills the functions of the problem for options, which are borrowed. */
    void (*problem)(const void *options, cairn_problem *problem);

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
