/* The claims of PaLM that a small model can show: what the parts of its block do to the loss and to
 * the time of a step, and what the second part of the loss does to log(Z).
 *
 * Every arm differs from PaLM in one option and is trained with the same seeds, so with the same
 * order of windows; losses are of the same windows of the end of the text. */
#include <math.h>
#include <stdio.h>

#include "methods/experiment.h"
#include "methods/palm/run.h"
#include "methods/statistics.h"

enum { PALM, SERIAL, GELU, MULTI_HEAD, NO_Z, ARMS, MOST_SEEDS = 16 };
static const char *const names[ARMS] = {"PaLM", "serial blocks", "GELU, 3/2 as wide",
                                        "multi-head attention", "without z-loss"};

typedef struct experiment {
    cairn__experiment e;
    cairn__reproduction r; /* with windows of a length of its own */
    cairn_token_data tokens;
    int seeds;
    int64_t steps;
    double loss[ARMS][MOST_SEEDS], accuracy[ARMS][MOST_SEEDS], log_z[ARMS][MOST_SEEDS];
    double pace[2][MOST_SEEDS]; /* of PALM and SERIAL */
} experiment;

/* ---- trainings ------------------------------------------------------------------------------- */

static cairn__palm_run run_of(int arm)
{
    cairn__palm_run run = cairn__palm_run_defaults();
    run.model.layers = 2;
    run.model.width = 64;
    run.model.head_size = 16;
    run.model.parallel = arm != SERIAL;
    run.model.gated = arm != GELU;
    run.model.multi_query = arm != MULTI_HEAD;
    run.model.z_loss = arm == NO_Z ? 0 : run.model.z_loss;
    return run;
}

static cairn_train_options options_of(const experiment *x, int seed)
{
    cairn_train_options o = cairn_train_defaults();
    o.seed = seed + 1;
    o.batch = 8;
    o.length = (cairn_span){(double)x->steps, CAIRN_STEPS};
    o.evaluate = (cairn_span){(double)x->steps, CAIRN_STEPS};
    o.evaluate_items = 512;
    o.log_every = x->steps;
    return o;
}

typedef struct trial {
    const experiment *x;
    int arm, seed;
} trial;

static bool measure(const void *user, double *figures, cairn_status *status)
{
    const trial *t = user;
    cairn__palm_run run = run_of(t->arm);
    cairn_train_options options = options_of(t->x, t->seed);
    cairn_problem problem;
    cairn__palm_run_problem(&run, &problem);
    cairn_train_setup setup = {
        .problem = &problem, .tokens = &t->x->tokens, .options = &options};
    cairn_trainer *trainer = cairn_trainer_new(&setup, status);
    while (trainer && cairn_trainer_advance(trainer, 0.5, status))
        if (t->x->r.stop && *t->x->r.stop)
            cairn__fail(status, CAIRN_ERR_INTERRUPTED, "interrupted");
    if (trainer && cairn_ok(status)) {
        figures[0] = cairn_trainer_figure(trainer, "test/loss");
        figures[1] = cairn_trainer_figure(trainer, "test/accuracy");
        figures[2] = cairn_trainer_figure(trainer, "log_z");
    }
    cairn_trainer_free(trainer);
    return cairn_ok(status);
}

/* What a result depends on beside arm and seed. */
static void key_of(const experiment *x, const char *what, int arm, int seed, char key[256])
{
    cairn_tokens_info info = cairn_tokens_about(x->tokens.shards[0]);
    snprintf(key, 256, "%s %s seed %d, %lld steps, shard %016llx, limit %lld", what, names[arm],
             seed + 1, (long long)x->steps, (unsigned long long)info.hash,
             (long long)x->tokens.limit);
}

static bool train_all(experiment *x, cairn_status *status)
{
    char key[256];
    double figures[3];
    for (int s = 0; s < x->seeds; s++)
        for (int a = 0; a < ARMS; a++) {
            const trial t = {x, a, s};
            key_of(x, "train", a, s, key);
            if (!cairn__experiment_measure(&x->e, key, measure, &t, 3, figures, status))
                return false;
            x->loss[a][s] = figures[0];
            x->accuracy[a][s] = figures[1];
            x->log_z[a][s] = figures[2];
        }
    return true;
}

/* Both orders of blocks take turns, once for each seed. */
static bool time_all(experiment *x, cairn_status *status)
{
    cairn__palm_run runs[2] = {run_of(PALM), run_of(SERIAL)};
    cairn_problem problems[2];
    for (int a = 0; a < 2; a++)
        cairn__palm_run_problem(&runs[a], &problems[a]);
    for (int s = 0; s < x->seeds; s++) {
        char keys[2][256];
        double pace[2];
        cairn_train_options options = options_of(x, s);
        key_of(x, "pace", PALM, s, keys[0]);
        key_of(x, "pace", SERIAL, s, keys[1]);
        const char *const list[] = {keys[0], keys[1]};
        if (!cairn__experiment_pace(&x->e, 2, list, problems, &options, 5, pace, status))
            return false;
        x->pace[0][s] = pace[0];
        x->pace[1][s] = pace[1];
    }
    return true;
}

/* ---- claims ---------------------------------------------------------------------------------- */

static cairn_verdict below(cairn__estimate e, double limit)
{
    return e.upper < limit ? CAIRN_VERDICT_HOLDS
           : e.lower > limit ? CAIRN_VERDICT_FAILS
                             : CAIRN_VERDICT_OPEN;
}

static cairn_report_claim claim_of(const char *name, const char *claim, const char *unit,
                                   double published, cairn__estimate e, const char *rule,
                                   double limit)
{
    return (cairn_report_claim){.name = name,
                                .claim = claim,
                                .unit = unit,
                                .published = published,
                                .measured = e.mean,
                                .lower = e.lower,
                                .upper = e.upper,
                                .basis = "95 % interval over seeds",
                                .rule = rule,
                                .verdict = below(e, limit)};
}

enum { CLAIMS = 6 };

static void judge(const experiment *x, cairn_report_claim *c)
{
    const double close = 0.02;
    double drift[2][MOST_SEEDS];
    for (int s = 0; s < x->seeds; s++) {
        drift[0][s] = fabs(x->log_z[PALM][s]);
        drift[1][s] = fabs(x->log_z[NO_Z][s]);
    }
    int n = x->seeds;
    c[0] = claim_of("Parallel blocks do not hurt",
                    "adding both branches at once costs little quality, and none in large models",
                    "nats", NAN, cairn__estimate_difference(x->loss[PALM], x->loss[SERIAL], n),
                    "test loss minus that of serial blocks: below 0.02", close);
    c[1] = claim_of("Parallel blocks are faster", "a step takes about 15 % less time at scale", "",
                    1 / 1.15, cairn__estimate_ratio(x->pace[0], x->pace[1], n),
                    "time of a step over that of serial blocks: below 1", 1);
    c[2] = claim_of("SwiGLU is better", "SwiGLU is better than GELU at equal work", "nats", NAN,
                    cairn__estimate_difference(x->loss[PALM], x->loss[GELU], n),
                    "test loss minus that of GELU: below 0", 0);
    c[3] = claim_of("One head of keys and values is enough",
                    "multi-query attention has a neutral effect on quality", "nats", NAN,
                    cairn__estimate_difference(x->loss[PALM], x->loss[MULTI_HEAD], n),
                    "test loss minus that with a head of keys for each of queries: below 0.02",
                    close);
    c[4] = claim_of("The z-loss pulls log(Z) to 0", "the second part of the loss keeps log(Z) "
                    "close to 0", "", NAN, cairn__estimate_difference(drift[0], drift[1], n),
                    "size of log Z at the end minus that without the z-loss: below 0", 0);
    c[5] = claim_of("The z-loss does not hurt", "it adds to stability, and quality is kept", "nats",
                    NAN, cairn__estimate_difference(x->loss[PALM], x->loss[NO_Z], n),
                    "test loss minus that without the z-loss: below 0.02", close);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void add_tables(const experiment *x)
{
    double loss[ARMS], accuracy[ARMS], log_z[ARMS];
    for (int a = 0; a < ARMS; a++) {
        loss[a] = cairn__estimate_mean(x->loss[a], x->seeds).mean;
        accuracy[a] = 100 * cairn__estimate_mean(x->accuracy[a], x->seeds).mean;
        log_z[a] = cairn__estimate_mean(x->log_z[a], x->seeds).mean;
    }
    const char *const scale = "2 blocks of width 64, 4 heads of 16, windows of 64 tokens, batch 8";
    if (x->r.report) {
        const cairn_report_column columns[] = {{.name = "model", .texts = names},
                                               {.name = "test loss (nats)", .reals = loss},
                                               {.name = "accuracy (%)", .reals = accuracy},
                                               {.name = "log Z", .reals = log_z}};
        cairn_report_heading(x->r.report, "Models");
        cairn_report_paragraph(x->r.report, "%s; %lld steps, %d seeds. Losses are of bytes.",
                               scale, (long long)x->steps, x->seeds);
        cairn_report_table(x->r.report, "Means over the seeds", columns, CAIRN__COUNT(columns),
                           ARMS);
    }
    if (!x->r.summary)
        return;
    cairn__text_add(x->r.summary,
                    "%s; %lld steps, %d seeds, Adafactor as published with a constant rate of 0.01 "
                    "in its first 10,000 steps.\n\n| model | test loss (nats) | accuracy %% | "
                    "log Z |\n| --- | --- | --- | --- |\n",
                    scale, (long long)x->steps, x->seeds);
    for (int a = 0; a < ARMS; a++)
        cairn__text_add(x->r.summary, "| %s | %.4f | %.2f | %.3f |\n", names[a], loss[a],
                        accuracy[a], log_z[a]);
}

int cairn__palm_reproduce(const cairn__reproduction *r, cairn_report_claim *claims, int most,
                          cairn_status *status)
{
    int n = -1;
    experiment *x = cairn__alloc(1, sizeof *x, status);
    if (!x)
        return -1;
    x->r = *r;
    x->tokens = *r->tokens;
    x->tokens.length = 64;
    x->r.tokens = &x->tokens;
    x->seeds = (int)CAIRN__MIN(r->seeds ? r->seeds : r->quick ? 3 : 5, (int64_t)MOST_SEEDS);
    x->steps = r->quick ? 60 : 300;
    x->e = (cairn__experiment){.r = &x->r, .planned = ARMS * x->seeds};
    if (most >= CLAIMS && train_all(x, status) && time_all(x, status)) {
        judge(x, claims);
        add_tables(x);
        n = CLAIMS;
    }
    cairn__free(x);
    return n;
}
