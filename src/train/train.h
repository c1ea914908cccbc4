/* What the files of train share. In the order in which a run meets them:
 *
 *   trainer.c     making: loaders, graphs, programs; and what users ask of a trainer
 *   directory.c   the run directory: made, locked, undone; run.json
 *   source.c      batches, of a data set or of token shards
 *   loop.c        the loop
 *   judge.c       is this loss bad?
 *   evaluate.c    averages over a split
 *   history.c     figures over time, in memory
 *   log.c         the same on disk
 *   stages.c      several trainings as one run
 *   checkpoint.c  variables and place in the data, written and read back (graph_file.c: variables)
 *   config.cc     config.toml is read; config_text.c: written
 *   runs.c        the runs below a directory; index.c: remembered in SQLite
 *   report.c      the page */
#ifndef CAIRN_SRC_TRAIN_H
#define CAIRN_SRC_TRAIN_H

#include "base/base.h"
#include "cairn/report.h"
#include "cairn/train.h"
#include "train/source.h"

/* Where a run stands. Random operations depend on the seed and the step only, and batches on the
 * seed and the loader's position, so this and the variables are all the state there is. */
typedef struct cairn__place {
    int64_t step, epoch, examples; /* step: how many are done */
    double seconds;                /* spent in them, with the wait for their batches */
} cairn__place;

/* ---- history.c ----------------------------------------------------------------------------------
 */

typedef struct cairn__track {
    const char *name;
    int64_t n, capacity;
    int64_t *step, *examples;
    double *seconds, *value;
} cairn__track;

/* One track for each figure, and its last value in the same order. Start from all zero. */
typedef struct cairn__tracks {
    cairn__arena arena;
    cairn__track *list;
    cairn_figure *figures;
    int n, capacity;
} cairn__tracks;

bool cairn__tracks_add(cairn__tracks *tracks, const char *name, cairn__place at, double value,
                       cairn_status *status);
void cairn__tracks_cut(cairn__tracks *tracks, int64_t last_step); /* forgets what came after */
const cairn__track *cairn__tracks_find(const cairn__tracks *tracks, const char *name);
void cairn__tracks_free(cairn__tracks *tracks);

/* ---- log.c
 * ---------------------------------------------------------------------------------------
 *
 *     {"event":"step","step":10,"epoch":0,"examples":640,"seconds":0.01,"figures":{"loss":2.3}}
 *
 * event     start, step, evaluation, rewind, resume, interrupted, failed, done
 * step      steps done; epoch: of the last batch, from 0; examples: seen, the batch times the step
 * seconds   spent in steps
 * figures   name and value; null where the value is not finite
 * to        of a rewind: the step that the run went back to
 * message   of rewind and failed: a sentence
 *
 * Absent where there is nothing to say. Each line is one write, so that a killed run tears at most
 * the last; readers skip that one. */

typedef struct cairn__log_file {
    int file;       /* -1: none */
    int64_t length; /* bytes of whole lines */
    char *path;
    cairn__text line; /* reused: a line allocates nothing once it has its size */
} cairn__log_file;

typedef struct cairn__log_entry {
    const char *event;
    cairn__place at;
    int64_t to;          /* -1: none */
    const char *message; /* or NULL */
    const cairn_figure *figures;
    int n;
} cairn__log_entry;

/* Opens or makes the log and takes the lock that says that a process trains here.
 * Errors: CAIRN_ERR_FILE, CAIRN_ERR_STATE when another process holds it. */
bool cairn__log_open(cairn__log_file *log, const char *path, cairn_status *status);
bool cairn__log_write(cairn__log_file *log, const cairn__log_entry *entry, cairn_status *status);
bool cairn__log_cut(cairn__log_file *log, int64_t length, cairn_status *status);
bool cairn__log_sync(cairn__log_file *log, cairn_status *status);
void cairn__log_close(cairn__log_file *log);

/* True while some process holds the lock of that log. */
bool cairn__log_locked(const char *path);

/* Calls `visit` for each whole line among the first `length` bytes (-1: all); false ends it. Lines
 * that are no such object are skipped. A missing file counts as empty. */
typedef bool cairn__log_visitor(const cairn__log_entry *entry, void *user, cairn_status *status);
bool cairn__log_read(const char *path, int64_t length, cairn__log_visitor *visit, void *user,
                     cairn_status *status);

/* ---- judge.c ------------------------------------------------------------------------------------
 */

enum { CAIRN__JUDGE_WINDOW = 100 };

/* The last losses that were not bad. */
typedef struct cairn__judge {
    double factor; /* of a spike; 0: none */
    int n, next;
    double recent[CAIRN__JUDGE_WINDOW]; /* a ring */
    double sorted[CAIRN__JUDGE_WINDOW];
} cairn__judge;

/* NULL for a good loss; else why it is bad, in `text`. */
const char *cairn__judge_loss(const cairn__judge *judge, double loss, char text[128]);
void cairn__judge_keep(cairn__judge *judge, double loss);

/* The kept losses, oldest first; and starting from them. */
int cairn__judge_window(const cairn__judge *judge, double out[CAIRN__JUDGE_WINDOW]);
void cairn__judge_restore(cairn__judge *judge, const double *losses, int n);

/* ---- the trainer --------------------------------------------------------------------------------
 */

#define CAIRN__RUN_STATES(X)                                                                       \
    X(RUNNING, "running")                                                                          \
    X(DONE, "done")                                                                                \
    X(INTERRUPTED, "interrupted")                                                                  \
    X(FAILED, "failed")

typedef enum cairn__run_state {
#define CAIRN_X(name, text) CAIRN__RUN_##name,
    CAIRN__RUN_STATES(CAIRN_X)
#undef CAIRN_X
} cairn__run_state;

const char *cairn__run_state_text(cairn__run_state state);

enum { CAIRN__MOST_OUTPUTS = 64, CAIRN__STEP_TIMES = 101 };

/* Per-example outputs averaged over one split. */
typedef struct cairn__evaluator {
    cairn__source source;
    int64_t items; /* of the split that count; 0: it is empty */
    int outputs;
    const char *output[CAIRN__MOST_OUTPUTS]; /* "loss" */
    const char *figure[CAIRN__MOST_OUTPUTS]; /* "test/loss" */
    float *values;                           /* [batch] */
} cairn__evaluator;

struct cairn_trainer {
    /* Given. */
    cairn_problem problem;
    cairn_train_options options;
    const cairn_dataset *data; /* NULL, or .. */
    cairn_token_data tokens;   /* .. with n = 0 */
    const cairn_config_section *sections;
    char title[256];

    /* Made. */
    cairn__arena arena;
    cairn_graph *graph, *evaluation_graph;
    cairn_program *step, *part, *evaluation, *refresh; /* all but the first may be NULL */
    cairn__source source;
    cairn__evaluator splits[2];               /* train and test */
    const char *outputs[CAIRN__MOST_OUTPUTS]; /* scalars of a step */
    int n_outputs;
    double means[CAIRN__MOST_OUTPUTS];        /* of the last step, over its parts */
    cairn_build build;
    int64_t evaluate_every, checkpoint_every; /* steps, 0: only at the end */

    /* Where it stands. */
    cairn__place at;
    double loss; /* of the last step */
    cairn__judge judge;
    cairn__tracks tracks;
    int64_t evaluated, checkpointed; /* the step of the last one, or -1 */
    int64_t rewinds;                 /* in a row, without a checkpoint that was due */
    cairn__run_state state;
    cairn_status error;              /* sticky */
    double times[CAIRN__STEP_TIMES]; /* of the last steps, a ring */
    int64_t timed;                   /* steps of this process */

    /* On disk; directory is "" when there is nothing. */
    char directory[CAIRN_TEXT_SIZE];
    char started[32];
    size_t made; /* length of the topmost part of `directory` that we made, or 0 */
    bool owned, resumed;
    cairn__log_file log;
    cairn_events *events;
};

/* The tokens that it reads, or NULL; the median seconds of the last steps, or NaN. */
const cairn_token_data *cairn__trainer_tokens(const cairn_trainer *t);
double cairn__trainer_pace(const cairn_trainer *t);

/* ---- peak.c ----------------------------------------------------------------------------------
 */

/* FLOPs a second of a large product on all threads, measured now: it takes some milliseconds. */
double cairn__peak_flops(cairn_status *status);

/* ---- directory.c --------------------------------------------------------------------------------
 */

/* The path of a file of the run, in `path`, which is also returned. */
enum { CAIRN__PATH_SIZE = CAIRN_TEXT_SIZE + 64 };
const char *cairn__run_path(const cairn_trainer *t, const char *name, char path[CAIRN__PATH_SIZE]);

/* Makes a directory and what is missing above it; *made (0 before) becomes the length of the
 * topmost part that was made, for removing them again where they are empty, which cuts the text. */
bool cairn__directories_make(const char *directory, size_t *made, cairn_status *status);
void cairn__directories_remove(char *directory, size_t made);

/* Refuses a directory that holds a run (new), or holds none (resume). */
bool cairn__directory_check(const cairn_trainer *t, cairn_status *status);
/* Takes the lock; makes the directory first unless resuming. */
bool cairn__directory_lock(cairn_trainer *t, cairn_status *status);
/* config.toml, run.json, event file. */
bool cairn__directory_begin(cairn_trainer *t, cairn_status *status);
/* Removes what a failed start has made. */
void cairn__directory_undo(cairn_trainer *t);

bool cairn__run_json_write(const cairn_trainer *t, cairn_status *status);

/* What an index needs of a run.json. Errors: CAIRN_ERR_FILE, CAIRN_ERR_FORMAT. */
bool cairn__run_json_read(const char *path, cairn_run_entry *entry, cairn_status *status);

/* A line in the log and its figures as events; nothing without a directory. */
bool cairn__record_event(cairn_trainer *t, const cairn__log_entry *entry, cairn_status *status);

/* ---- evaluate.c ---------------------------------------------------------------------------------
 */

bool cairn__evaluator_new(cairn_trainer *t, cairn_split split, cairn_status *status);
void cairn__evaluator_free(cairn__evaluator *e);

/* Evaluates both splits; the figures go into tracks and log. */
bool cairn__evaluate_now(cairn_trainer *t, cairn_status *status);

/* ---- checkpoint.c -------------------------------------------------------------------------------
 */

/* due: by the options, so that a bad loss may return to it. */
bool cairn__checkpoint_write(cairn_trainer *t, bool due, cairn_status *status);

/* Continues from the checkpoint, with the histories from the log; from the start when there is
 * none. The log must be locked. */
bool cairn__checkpoint_resume(cairn_trainer *t, cairn_status *status);

/* Back to the last checkpoint that was due, but for the place in the data. */
bool cairn__checkpoint_rewind(cairn_trainer *t, cairn_status *status);

/* ---- report.c -----------------------------------------------------------------------------------
 */

bool cairn__train_report(cairn_trainer *t, bool last, cairn_status *status);

#endif
