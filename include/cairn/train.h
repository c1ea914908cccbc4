/* Cairn, train: the loop, and what it leaves on disk.
 *
 * There is one loop. What differs between tasks is a `cairn_problem`: a few functions that build
 * graphs. A trainer joins a problem, a data set and a run directory:
 *
 *     cairn_trainer *t = cairn_trainer_new(&setup, &status);
 *     while (cairn_trainer_advance(t, 1.0, &status)) {}     a second at a time, or until it is done
 *     cairn_trainer_free(t);
 *
 * A run directory:
 *
 *     config.toml                 every option, resolved, with its help as a comment
 *     log.jsonl                   one object a line: steps, evaluations, events
 *     events.out.tfevents...      the same for TensorBoard
 *     checkpoint/state.safetensors  all variables and the place in the data: replaced whole, synced
 *     model.safetensors           the trained parameters, written at the end
 *     run.json                    state ("running", "done", "interrupted", "failed"), last figures
 *     report.html                 written at the end and at each checkpoint
 *
 * A run that is killed at any moment loses the steps since its last checkpoint and nothing else;
 * resumed, it ends with the same bits as one that was never interrupted. */
#ifndef CAIRN_TRAIN_H
#define CAIRN_TRAIN_H

#include "cairn/compile.h"
#include "cairn/data.h"
#include "cairn/tokens.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- problems -----------------------------------------------------------------------------------
 */

struct cairn_trainer;
struct cairn_report;
struct cairn_figure;

/* Shards as what a run learns from: windows of T tokens, each with the one that follows it. The
 * test split is the last windows, not drawn ones, so that it holds no text beside a training
 * window. */
typedef struct cairn_token_data {
    const cairn_tokens *const *shards; /* n of them, borrowed */
    int64_t n;
    int64_t length;       /* T */
    double test_fraction; /* of the windows */
    int64_t limit;        /* train on the first so many; 0: all */
} cairn_token_data;

/* What a problem is built for. */
typedef struct cairn_build {
    const cairn_dataset *data; /* borrowed; NULL where the run reads tokens */
    int64_t batch;             /* examples in a run of the program: a part of a step's batch */
    int64_t steps_per_epoch;
    int64_t total_steps; /* of the whole run, for schedules */
    const cairn_token_data *tokens; /* borrowed; NULL where it reads a data set */
    double peak; /* FLOPs a second of a large product on this machine, where `speed` asks for it */
} cairn_build;

/* Graph inputs named "x" (f32 [batch, features]) and "label" (i32 [batch]), or of shards "tokens"
 * (i32 [batch, T + 1]), are fed from the data; any other input is an error unless the problem
 * feeds it. Functions report through the graph's sticky error. */
typedef struct cairn_problem {
    const void *user;

    /* Model, loss and update. Every scalar output is logged; one must be called "loss". */
    void (*build)(const void *user, cairn_graph *g, const cairn_build *b);

    /* The model again (a graph that shares the variables), with outputs f32 [batch]: one value an
     * example, averaged over a split. One must be called "loss". NULL: nothing is evaluated. */
    void (*build_evaluation)(const void *user, cairn_graph *g, const cairn_build *b);

    /* The model again, with one output "probability" f32 [batch, classes]: what models are compared
     * by. NULL: it is no classifier. */
    void (*build_prediction)(const void *user, cairn_graph *g, const cairn_build *b);

    /* Updates of the set "refresh" run as a program of their own before step 1 and every
     * `refresh_interval`-th step (second-order methods); 0: none. */
    int64_t refresh_interval;

    /* Inputs of `build` beside x and label, NULL-terminated, and the function that fills them
     * before each step; it may feed x again (augmentation). What it feeds may depend on the
     * batch's epoch, index and items only, so that a resume goes on with the same bits. Both NULL:
     * there are none. */
    const char *const *inputs;
    bool (*feed)(const void *user, const cairn_batch *batch, cairn_program *program,
                 cairn_status *status);

    /* Adds sections to the last report (a cairn_report *) from the trained model: pictures, tables.
     * May be NULL. */
    bool (*report)(const void *user, struct cairn_trainer *trainer, struct cairn_report *report,
                   cairn_status *status);

    /* Figures that follow from the speed of training, logged beside the outputs: fills at most
     * CAIRN_SPEED_FIGURES and returns how many. May be NULL. */
    int (*speed)(const void *user, const cairn_build *b, double examples_per_second,
                 struct cairn_figure *figures);
} cairn_problem;

enum { CAIRN_SPEED_FIGURES = 4 };

/* ---- options
 * --------------------------------------------------------------------------------------- */

/* Rewinding needs a run directory. It goes back to the last checkpoint that was due (not one that
 * cairn_trainer_interrupt() wrote, so that an interruption changes nothing), and ends as STOP does
 * when CAIRN_MOST_REWINDS in a row lead to no further checkpoint. */
typedef enum cairn_bad_loss {
    CAIRN_BAD_LOSS_STOP,   /* end the run as failed */
    CAIRN_BAD_LOSS_REWIND, /* back to the last checkpoint, and past the batches since */
    CAIRN_BAD_LOSS_IGNORE
} cairn_bad_loss;

enum { CAIRN_MOST_REWINDS = 10 };

/* What makes two trainings of one recipe differ can be switched singly: init_seed, order_seed with
 * shuffle_window, and sum_seed. The last emulates what threads without a fixed order of additions
 * do: each step has the same examples, and adds them in another order. The engine's own sums have
 * one order on any number of threads. */
typedef struct cairn_train_options {
    int64_t seed;           /* of initial values, orders and random operations */
    int64_t init_seed;      /* of initial values alone; -1: seed */
    int64_t order_seed;     /* of the order of the data alone; -1: seed */
    int64_t shuffle_window; /* shuffled inside windows of so many examples; 0: the whole set */
    int64_t sum_seed;       /* of the order inside each batch; -1: as they come */
    int64_t batch;          /* examples in a step */
    int64_t memory;         /* the most bytes of a program (cairn_graph_memory()); 0: no limit */
    int64_t accumulate;     /* parts of a batch (cairn_graph_accumulate()), a divisor of it */
    cairn_span length;      /* of the run */
    double seconds;         /* ends the run after so much time in steps; 0: no such limit */
    cairn_span evaluate;    /* between evaluations */
    int64_t evaluate_items; /* of each split at most; 0: all */
    cairn_span checkpoint;  /* between checkpoints; 0: only at the end */
    int64_t log_every;      /* steps */
    int bad_loss;           /* cairn_bad_loss: a loss that is not finite, or a spike */
    double spike_factor;    /* a spike is above this times the median of 100 losses; 0: none */
    int64_t threads;        /* 0: one for each core */
} cairn_train_options;

CAIRN_API extern const cairn_option cairn_train_table[];
CAIRN_API cairn_train_options cairn_train_defaults(void);

/* ---- trainers
 * ----------------------------------------------------------------------------------------- */

typedef struct cairn_trainer cairn_trainer;

/* One logged or measured figure. */
typedef struct cairn_figure {
    const char *name; /* "loss", "test/loss" */
    double value;
} cairn_figure;

/* Options to be kept with the run: "[name]" in config.toml, a table in the report. */
typedef struct cairn_config_section {
    const char *name; /* NULL ends a list */
    const cairn_option *table;
    const void *options;
} cairn_config_section;

typedef struct cairn_train_setup {
    const cairn_problem *problem;         /* copied; its user pointer is borrowed */
    const cairn_dataset *data;            /* borrowed */
    const cairn_token_data *tokens;       /* instead of data: copied, its shards borrowed */
    const cairn_train_options *options;   /* copied */
    const char *directory;                /* of the run, made if missing; NULL: nothing on disk */
    bool resume;                          /* continue the run in the directory */
    const cairn_config_section *sections; /* beside [train]; borrowed until the trainer is freed */
    const char *title;                    /* of the report, and in the index; copied */
} cairn_train_setup;

/* Builds and compiles, and reads the checkpoint when resuming (a run that was killed before its
 * first one starts again). The caller owns the trainer. Errors: those of building and compiling;
 * CAIRN_ERR_FILE with the path and the reason; CAIRN_ERR_STATE when the directory holds a run and
 * `resume` is false, or none and it is true, or another process trains there; CAIRN_ERR_VALUE when
 * seed, batch or order are not those of the run; CAIRN_ERR_FORMAT, CAIRN_ERR_SHAPE and
 * CAIRN_ERR_NAME for a checkpoint that does not fit. Nothing is left half made. */
CAIRN_API cairn_trainer *cairn_trainer_new(const cairn_train_setup *setup, cairn_status *status);
CAIRN_API void cairn_trainer_free(cairn_trainer *t);

/* Trains for about `seconds` (0: one step). True while there is more to do; false at the end or
 * with an error. At the end the final evaluation, checkpoint, model and report have been written.
 * An error ends the run as failed and is given again by every later call. Errors: CAIRN_ERR_NUMERIC
 * for a bad loss, CAIRN_ERR_FILE, CAIRN_ERR_MEMORY. */
CAIRN_API bool cairn_trainer_advance(cairn_trainer *t, double seconds, cairn_status *status);

/* Writes a checkpoint now and marks the run as interrupted: what the program does on Ctrl-C,
 * between two calls of cairn_trainer_advance(). A later call of that goes on. The library sets no
 * handlers. */
CAIRN_API bool cairn_trainer_interrupt(cairn_trainer *t, cairn_status *status);

/* Writes the run's report.html now, with the problem's own sections. Nothing without directory. */
CAIRN_API bool cairn_trainer_report(cairn_trainer *t, cairn_status *status);

/* Where it stands. seconds: spent in steps, without evaluation. remaining: estimate from the median
 * step. */
typedef struct cairn_progress {
    int64_t step, total_steps, epoch, examples;
    double seconds, remaining, examples_per_second;
    double loss; /* of the last step */
} cairn_progress;
CAIRN_API cairn_progress cairn_trainer_progress(const cairn_trainer *t);

/* The latest figures: outputs of the last logged step, and "train/NAME" and "test/NAME" of the last
 * evaluation. Borrowed until the next call on the trainer. Returns how many. */
CAIRN_API int cairn_trainer_figures(const cairn_trainer *t, const cairn_figure **figures);
CAIRN_API double cairn_trainer_figure(const cairn_trainer *t, const char *name); /* or NaN */

/* The history of one figure for curves: n points of step, examples, seconds and value. Borrowed. */
typedef struct cairn_history {
    int64_t n;
    const int64_t *step, *examples;
    const double *seconds, *value;
} cairn_history;
CAIRN_API cairn_history cairn_trainer_history(const cairn_trainer *t, const char *figure);

/* The graph that is trained: for its variables. Borrowed. */
CAIRN_API cairn_graph *cairn_trainer_graph(cairn_trainer *t);
/* NULL where it reads tokens. */
CAIRN_API const cairn_dataset *cairn_trainer_data(const cairn_trainer *t);

/* Items of the training split: an epoch. */
CAIRN_API int64_t cairn_trainer_items(const cairn_trainer *t);

/* ---- stages
 * --------------------------------------------------------------------------------------------
 *
 * A run of several trainings, one after the other, each made from the models of those before it. A
 * run directory with one inside for each stage:
 *
 *     config.toml          every option
 *     run.json             state, and the stage that it is at
 *     log.jsonl            what was begun and ended; its lock says that a process works here
 *     1-NAME/, 2-NAME/ ..  the stages, each the run directory of a trainer
 *     model.safetensors    the model of the last stage, written at the end
 *     report.html          written at the end
 *
 * A stage counts as done when its own run.json says so. What lies between two stages (labelling,
 * say) is done again by a resume, and must give the same: so a run that is killed at any moment
 * goes on to the same bits. */

typedef struct cairn_stage {
    char name[32];
    cairn_problem problem;
    const cairn_dataset *data; /* borrowed until the next stage is prepared */
    cairn_train_options options;
} cairn_stage;

typedef struct cairn_stages {
    void *user;
    int count; /* 1 to CAIRN_MOST_STAGES */

    /* The name of a stage, for its directory; known before anything was trained. */
    void (*name)(void *user, int index, char name[32]);

    /* Fills in what stage `index` trains. models: paths of the models of the stages before it.
     * directory: of the whole run, or NULL while it is not made yet (of the first stage only). */
    bool (*prepare)(void *user, int index, const char *const *models, const char *directory,
                    cairn_stage *stage, cairn_status *status);

    /* Adds sections to the report (a cairn_report *) at the end. May be NULL. */
    bool (*report)(void *user, const char *const *models, struct cairn_report *report,
                   cairn_status *status);
} cairn_stages;

enum { CAIRN_MOST_STAGES = 16 };

typedef struct cairn_staged cairn_staged;

/* As cairn_trainer_new(), for stages (copied; user is borrowed), and with its errors. Nothing is
 * left half made. The caller owns the result. */
CAIRN_API cairn_staged *cairn_staged_new(const cairn_stages *stages, const char *directory,
                                         bool resume, const cairn_config_section *sections,
                                         const char *title, cairn_status *status);
CAIRN_API void cairn_staged_free(cairn_staged *s);

/* As cairn_trainer_advance() and cairn_trainer_interrupt(). A call ends with a stage at the
 * latest. */
CAIRN_API bool cairn_staged_advance(cairn_staged *s, double seconds, cairn_status *status);
CAIRN_API bool cairn_staged_interrupt(cairn_staged *s, cairn_status *status);

/* The stage that it is at, from 0, and its trainer: borrowed until the next call; NULL before a
 * stage was begun by this process, and behind the last. */
CAIRN_API int cairn_staged_index(const cairn_staged *s);
CAIRN_API cairn_trainer *cairn_staged_trainer(cairn_staged *s);

/* ---- predictions
 * -------------------------------------------------------------------------------------- */

/* The class probabilities of items first .. first + n of a split, in their order, by the problem's
 * build_prediction.
 *
 * trained  a graph whose variables are used (cairn_trainer_graph()), or NULL with
 * model    the path of a model.safetensors
 * out      [n, classes], double
 *
 * Errors: CAIRN_ERR_VALUE when the problem is no classifier or the split has not so many items;
 * those of building, compiling and cairn_graph_load(). */
CAIRN_API bool cairn_predict(const cairn_problem *problem, const cairn_graph *trained,
                             const char *model, const cairn_dataset *data, cairn_split split,
                             int64_t first, int64_t n, double *out, cairn_status *status);

/* ---- checkpoints
 * -------------------------------------------------------------------------------------- */

/* Writes all variables of a graph, or the trainable ones only, to a safetensors file, whole or not
 * at all. metadata: name and text in turn, NULL-terminated, or NULL. Errors: CAIRN_ERR_FILE,
 * CAIRN_ERR_MEMORY. */
CAIRN_API bool cairn_graph_save(const cairn_graph *graph, const char *path, bool trainable_only,
                                const char *const *metadata, cairn_status *status);

/* Reads the variables of a graph from such a file. Those that are not trainable keep their values
 * where the file lacks them; what else is in the file is ignored. The graph may be compiled or not.
 * Errors: CAIRN_ERR_FILE, CAIRN_ERR_FORMAT, CAIRN_ERR_SHAPE, CAIRN_ERR_TYPE, and CAIRN_ERR_NAME for
 * a trainable variable that the file lacks: then no variable was changed. */
CAIRN_API bool cairn_graph_load(cairn_graph *graph, const char *path, cairn_status *status);

/* ---- the index of runs
 * -------------------------------------------------------------------------------- */

typedef struct cairn_run_entry {
    char directory[CAIRN_TEXT_SIZE], title[256], state[32], started[32];
    double loss, seconds;
    int64_t steps;
} cairn_run_entry;

/* The runs below `root` (to a depth of 4), newest first: from root/index.sqlite where SQLite is
 * built in, brought up to date with the directories first; else, or when the index cannot be
 * written, from the directories alone. A damaged index is made anew. The state of a run that says
 * "running" but whose process is gone is "killed"; that of one whose run.json cannot be read is
 * "damaged". The caller owns the list: cairn_runs_free(). It is not NULL without an error, even
 * when empty. */
CAIRN_API cairn_run_entry *cairn_runs(const char *root, int64_t *n, cairn_status *status);
CAIRN_API void cairn_runs_free(cairn_run_entry *runs);

#ifdef __cplusplus
}
#endif

#endif
