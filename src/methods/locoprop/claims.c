/* The claims of LocoProp, measured: a deep autoencoder trained by every optimiser of the
 * comparison.
 *
 *     search   each competitor draws the same number of settings and trains once with each
 *     train    its best setting, by final training loss, is trained again with fresh seeds
 *     judge    the verdicts follow from means and intervals over the seeds
 *
 * The first setting of each search is the competitor's published default. Failed trainings count as
 * infinitely bad. All trainings see the same batches for the same seed, so differences are
 * paired. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "methods/experiment.h"
#include "methods/locoprop/direction.h"
#include "methods/locoprop/run.h"
#include "methods/statistics.h"

enum { MOST_SEEDS = 16, TUNING_SEED = 1000 };

/* ---- competitors ----------------------------------------------------------------------------- */

/* What a search draws: 10 to a power uniform in [from, to]; `complement` draws 1 - x so. */
typedef struct knob {
    const char *name;
    double from, to;
    bool complement;
} knob;

typedef struct competitor {
    const char *name, *optimizer;
    bool first_order;
    int loss; /* of LocoProp */
    const char *fixed; /* options that every trial has */
    knob knobs[6];
} competitor;

static const competitor competitors[] = {
    {"LocoProp-M",
     "locoprop",
     false,
     CAIRN_LOCOPROP_MATCHING,
     "",
     {{"inner_lr", -6, -3, false},
      {"inner_momentum", -3, -1, true},
      {"inner_eps", -8, -3, false},
      {"locoprop_gamma", 0, 2, false}}},
    {"LocoProp-S",
     "locoprop",
     false,
     CAIRN_LOCOPROP_SQUARED,
     "",
     {{"inner_lr", -6, -3, false},
      {"inner_momentum", -3, -1, true},
      {"inner_eps", -8, -3, false},
      {"locoprop_gamma", 0, 2, false}}},
    {"SGD", "sgd", true, 0, "", {{"learning_rate", -4, 0, false}}},
    {"Momentum",
     "momentum",
     true,
     0,
     "",
     {{"learning_rate", -5, -1, false}, {"momentum", -3, -0.5, true}}},
    {"AdaGrad",
     "adagrad",
     true,
     0,
     "",
     {{"learning_rate", -4, -0.5, false}, {"epsilon", -10, -1, false}}},
    {"RMSProp",
     "rmsprop",
     true,
     0,
     "",
     {{"learning_rate", -5, -2, false},
      {"decay", -3, -0.5, true},
      {"momentum", -3, -0.5, true},
      {"epsilon", -10, -3, false}}},
    {"Adam",
     "adam",
     true,
     0,
     "",
     {{"learning_rate", -4.5, -1.5, false},
      {"beta1", -3, -0.5, true},
      {"beta2", -3, -0.5, true},
      {"epsilon", -10, -3, false}}},
    {"Shampoo",
     "shampoo",
     false,
     0,
     "root_interval=10",
     {{"learning_rate", -5, -1, false},
      {"momentum", -3, -0.5, true},
      {"beta2", -3, -0.5, true},
      {"epsilon", -12, -3, false}}},
    {"K-FAC",
     "kfac",
     false,
     0,
     "inverse_interval=5",
     {{"learning_rate", -5, 0, false},
      {"damping", -4, 2, false},
      {"norm_constraint", -4, 0, false}}},
};

enum { LOCOPROP_M, LOCOPROP_S, SHAMPOO = 7, KFAC, COMPETITORS };

/* ---- one training ---------------------------------------------------------------------------- */

/* The scale of the experiment. */
typedef struct scale {
    int trials, seeds;
    double epochs;
    int64_t batch, items;
} scale;

static scale scale_of(const cairn__reproduction *r)
{
    scale s = r->quick ? (scale){3, 3, 5, 250, 0} : (scale){12, 5, 15, 250, 0};
    s.seeds = (int)CAIRN__MIN(CAIRN__MAX(r->seeds, (int64_t)s.seeds), (int64_t)MOST_SEEDS);
    s.items = cairn_dataset_count(r->data, CAIRN_SPLIT_TRAIN);
    return s;
}

static double draw(const competitor *c, const knob *k, int trial)
{
    char name[128];
    uint32_t words[4];
    snprintf(name, sizeof name, "%s/%s", c->name, k->name);
    cairn_random_bits(TUNING_SEED, cairn_random_stream(name), (uint64_t)trial, words);
    double x = pow(10, k->from + (k->to - k->from) * (words[0] / 4294967296.0));
    return k->complement ? 1 - x : x;
}

/* The settings of a trial as "name=value,name=value"; the first one has none beside the fixed. */
static void settings_of(const competitor *c, int trial, char text[CAIRN_TEXT_SIZE])
{
    size_t at = (size_t)snprintf(text, CAIRN_TEXT_SIZE, "%s", c->fixed);
    for (const knob *k = c->knobs; trial > 0 && k->name; k++)
        at += (size_t)snprintf(text + at, CAIRN_TEXT_SIZE - at, "%s%s=%.9g", at ? "," : "", k->name,
                               draw(c, k, trial));
}

/* The run of a competitor: the scaled network of the sheet's pilot, with linear warm-up over a
 * tenth of the epochs and linear decay to 0. */
static bool make_run(const competitor *c, const char *settings, cairn__locoprop_run *run,
                     cairn_status *status)
{
    char text[CAIRN_TEXT_SIZE], *rest = text, *pair;
    *run = cairn__locoprop_run_defaults();
    snprintf(run->model.layers, CAIRN_TEXT_SIZE, "256,128,64,16");
    snprintf(run->model.optimizer, CAIRN_TEXT_SIZE, "%s", c->optimizer);
    run->local.locoprop_loss = c->loss;
    run->update.schedule = CAIRN_SCHEDULE_LINEAR;
    run->update.warmup = (cairn_span){10, CAIRN_PERCENT};
    run->update.duration = (cairn_span){100, CAIRN_PERCENT};
    if (strcmp(c->optimizer, "locoprop") != 0) {
        snprintf(run->model.optimizer_options, CAIRN_TEXT_SIZE, "%s", settings);
        return true;
    }
    snprintf(text, sizeof text, "%s", settings);
    while ((pair = strsep(&rest, ","))) {
        char *value = strchr(pair, '=');
        if (!value)
            continue;
        *value++ = 0;
        if (!cairn_options_set(cairn_locoprop_table, &run->local, pair, value, status))
            return false;
    }
    return true;
}

/* A competitor with some settings, as a training: the key names all that its result depends on. */
static bool make_training(const competitor *c, const scale *s, const char *settings, int64_t seed,
                          cairn__locoprop_run *run, cairn_problem *problem,
                          cairn_train_options *options, char key[2 * CAIRN_TEXT_SIZE],
                          cairn_status *status)
{
    if (!make_run(c, settings, run, status))
        return false;
    cairn__locoprop_run_problem(run, problem);
    problem->report = NULL;
    *options = cairn_train_defaults();
    options->seed = seed;
    options->batch = s->batch;
    options->length = (cairn_span){s->epochs, CAIRN_EPOCHS};
    options->evaluate = (cairn_span){1, CAIRN_EPOCHS};
    snprintf(key, 2 * CAIRN_TEXT_SIZE, "%s|%s|%s|epochs=%g|batch=%lld|items=%lld|seed=%lld",
             c->name, run->model.layers, settings, s->epochs, (long long)s->batch,
             (long long)s->items, (long long)seed);
    return true;
}

static bool train_once(cairn__experiment *e, const competitor *c, const scale *s,
                       const char *settings, int64_t seed, cairn__outcome *o, cairn_status *status)
{
    char key[2 * CAIRN_TEXT_SIZE];
    cairn__locoprop_run run;
    cairn_problem problem;
    cairn_train_options options;
    return make_training(c, s, settings, seed, &run, &problem, &options, key, status) &&
           cairn__experiment_train(e, key, &problem, &options, o, status);
}

/* ---- the comparison -------------------------------------------------------------------------- */

typedef struct result {
    char settings[CAIRN_TEXT_SIZE];
    double tuned; /* final training loss of the best trial */
    int failed;   /* trials that broke down */
    cairn__outcome outcome[MOST_SEEDS];
    double train[MOST_SEEDS], test[MOST_SEEDS], seconds[MOST_SEEDS];
} result;

static bool search(cairn__experiment *e, const competitor *c, const scale *s, result *r,
                   cairn_status *status)
{
    cairn__outcome o;
    char settings[CAIRN_TEXT_SIZE];
    r->tuned = INFINITY;
    settings_of(c, 0, r->settings);
    for (int trial = 0; trial < s->trials; trial++) {
        settings_of(c, trial, settings);
        if (!train_once(e, c, s, settings, TUNING_SEED, &o, status))
            return false;
        r->failed += o.failed;
        if (!o.failed && o.train < r->tuned) {
            r->tuned = o.train;
            memcpy(r->settings, settings, sizeof settings);
        }
    }
    return true;
}

/* Steps of all competitors timed in turn; then every training took its steps times that. A turn is
 * some renewals of the roots and inverses, which come every tenth and fifth step. */
static bool set_pace(cairn__experiment *e, const scale *s, result *results, cairn_status *status)
{
    enum { STEPS = 20, ENDLESS = 1000 };
    static char keys[COMPETITORS][2 * CAIRN_TEXT_SIZE];
    const char *names[COMPETITORS];
    cairn__locoprop_run runs[COMPETITORS];
    cairn_problem problems[COMPETITORS];
    cairn_train_options options;
    double pace[COMPETITORS];
    scale endless = *s;
    endless.epochs = ENDLESS;
    for (int c = 0; c < COMPETITORS; c++) {
        if (!make_training(&competitors[c], &endless, results[c].settings, TUNING_SEED, &runs[c],
                           &problems[c], &options, keys[c], status))
            return false;
        names[c] = keys[c];
    }
    options.evaluate = (cairn_span){ENDLESS, CAIRN_EPOCHS};
    if (!cairn__experiment_pace(e, COMPETITORS, names, problems, &options, STEPS, pace, status))
        return false;
    for (int c = 0; c < COMPETITORS; c++)
        for (int i = 0; i < s->seeds; i++) {
            cairn__outcome_set_pace(&results[c].outcome[i], pace[c]);
            results[c].seconds[i] = results[c].outcome[i].seconds;
        }
    return true;
}

static bool compare(cairn__experiment *e, const scale *s, result *results, cairn_status *status)
{
    for (int c = 0; c < COMPETITORS; c++) {
        result *r = &results[c];
        if (!search(e, &competitors[c], s, r, status))
            return false;
        for (int i = 0; i < s->seeds; i++) {
            if (!train_once(e, &competitors[c], s, r->settings, i + 1, &r->outcome[i], status))
                return false;
            r->train[i] = r->outcome[i].train;
            r->test[i] = r->outcome[i].test;
        }
    }
    return set_pace(e, s, results, status);
}

static double mean(const double *x, int n)
{
    return cairn__estimate_mean(x, n).mean;
}

static int best_of(const result *results, int seeds, bool first_order, int from, int to)
{
    int best = -1;
    for (int c = from; c < to; c++)
        if (competitors[c].first_order == first_order &&
            (best < 0 || mean(results[c].train, seeds) < mean(results[best].train, seeds)))
            best = c;
    return best;
}

/* The least loss there can be: grey levels have entropy. Mean over the training images, in nats. */
static double loss_floor(const cairn_dataset *data)
{
    const cairn_field *x = cairn_dataset_field_at(data, CAIRN_SPLIT_TRAIN, 0);
    int64_t n = cairn_field_elements(x);
    double table[256], total = 0;
    if (x->type != CAIRN_DATA_U8 || x->shape[0] == 0)
        return NAN;
    for (int i = 0; i < 256; i++) {
        double p = i / 255.0;
        table[i] = i == 0 || i == 255 ? 0 : -p * log(p) - (1 - p) * log1p(-p);
    }
    for (int64_t i = 0; i < n; i++)
        total += table[((const uint8_t *)x->data)[i]];
    return total / (double)x->shape[0];
}

/* ---- the report ------------------------------------------------------------------------------ */

static void add_table(cairn_report *report, const result *results, int seeds)
{
    const char *names[COMPETITORS], *settings[COMPETITORS];
    double train[COMPETITORS], half[COMPETITORS], test[COMPETITORS], seconds[COMPETITORS];
    int64_t failed[COMPETITORS];
    for (int c = 0; c < COMPETITORS; c++) {
        cairn__estimate e = cairn__estimate_mean(results[c].train, seeds);
        names[c] = competitors[c].name;
        settings[c] = *results[c].settings ? results[c].settings : "the defaults";
        train[c] = e.mean;
        half[c] = e.upper - e.mean;
        test[c] = mean(results[c].test, seeds);
        seconds[c] = mean(results[c].seconds, seeds);
        failed[c] = results[c].failed;
    }
    const cairn_report_column columns[] = {
        {.name = "optimiser", .texts = names},
        {.name = "train loss (nats)", .reals = train},
        {.name = "± 95 %", .reals = half, .digits = 2},
        {.name = "test loss (nats)", .reals = test},
        {.name = "seconds", .reals = seconds, .digits = 3},
        {.name = "failed trials", .counts = failed},
        {.name = "best settings", .texts = settings},
    };
    cairn_report_table(report, "Final losses over fresh seeds, best settings of each search",
                       columns, CAIRN__COUNT(columns), COMPETITORS);
}

/* The same table for the documentation. */
static void add_markdown(cairn__text *out, const result *results, const scale *s, double floor)
{
    cairn__text_add(
        out,
        "Network 256-128-64-16 and back, %lld images, %g epochs, batch %lld; %d trials "
        "and %d seeds each; floor %.4g nats.\n\n"
        "| optimiser | train loss | ± 95 %% | test loss | seconds | failed trials | best "
        "settings |\n| --- | --- | --- | --- | --- | --- | --- |\n",
        (long long)s->items, s->epochs, (long long)s->batch, s->trials, s->seeds, floor);
    for (int c = 0; c < COMPETITORS; c++) {
        cairn__estimate e = cairn__estimate_mean(results[c].train, s->seeds);
        cairn__text_add(out, "| %s | %.2f | %.2f | %.2f | %.1f | %d | %s |\n", competitors[c].name,
                        e.mean, e.upper - e.mean, mean(results[c].test, s->seeds),
                        mean(results[c].seconds, s->seeds), results[c].failed,
                        *results[c].settings ? results[c].settings : "the defaults");
    }
}

static void add_curves(cairn_report *report, const result *results, double floor)
{
    static cairn_report_point points[COMPETITORS][CAIRN__CURVE];
    cairn_report_curve curves[COMPETITORS];
    for (int c = 0; c < COMPETITORS; c++) {
        const cairn__outcome *o = &results[c].outcome[0];
        for (int i = 0; i < o->points; i++)
            points[c][i] =
                (cairn_report_point){o->step[i], o->examples[i], o->second[i], o->loss[i]};
        curves[c] = (cairn_report_curve){
            .name = competitors[c].name, .count = o->points, .points = points[c]};
    }
    cairn_report_chart chart = {.title = "Training loss of the first seed",
                                .axis = "loss (nats an image)",
                                .count = COMPETITORS,
                                .curves = curves,
                                .floor_name = isnan(floor) ? NULL : "floor",
                                .floor = floor};
    cairn_report_curves(report, &chart);
}

/* ---- the claims ------------------------------------------------------------------------------ */

/* holds when the whole interval is below the limit, fails when it is above. */
static cairn_verdict below(cairn__estimate e, double limit)
{
    return e.upper < limit ? CAIRN_VERDICT_HOLDS
           : e.lower > limit ? CAIRN_VERDICT_FAILS
                             : CAIRN_VERDICT_OPEN;
}

static cairn_report_claim claim_of(const char *name, const char *text, const char *unit,
                                   cairn__estimate e, const char *rule, cairn_verdict verdict)
{
    return (cairn_report_claim){.name = name,
                                .claim = text,
                                .unit = unit,
                                .published = NAN,
                                .measured = e.mean,
                                .lower = e.lower,
                                .upper = e.upper,
                                .basis = "means over seeds, 95 % interval by Student's t",
                                .rule = rule,
                                .verdict = verdict};
}

static cairn_report_claim judge_first_order(const result *r, int seeds)
{
    int best = best_of(r, seeds, true, 0, COMPETITORS);
    cairn__estimate e = cairn__estimate_difference(r[LOCOPROP_M].train, r[best].train, seeds);
    return claim_of("Ahead per epoch",
                    "LocoProp-M reaches a lower training loss than SGD, momentum, AdaGrad, RMSProp "
                    "and Adam after the same epochs",
                    "nats", e, "loss minus that of the best first-order optimiser: below 0",
                    below(e, 0));
}

static cairn_report_claim judge_second_order(const result *r, int seeds, double floor)
{
    double a[MOST_SEEDS], b[MOST_SEEDS];
    int best = mean(r[SHAMPOO].train, seeds) < mean(r[KFAC].train, seeds) ? SHAMPOO : KFAC;
    for (int i = 0; i < seeds; i++) {
        a[i] = r[LOCOPROP_M].train[i] - (isnan(floor) ? 0 : floor);
        b[i] = r[best].train[i] - (isnan(floor) ? 0 : floor);
    }
    cairn__estimate e = cairn__estimate_ratio(a, b, seeds);
    return claim_of("Close to second order",
                    "LocoProp-M performs close to Shampoo and K-FAC", "", e,
                    "loss above the floor over that of the better of the two: at most 1.1",
                    below(e, 1.1));
}

/* Seconds to the loss that the slowest of the three reaches in the end. */
static cairn_report_claim judge_time(const result *r, int seeds)
{
    static const int three[] = {LOCOPROP_M, SHAMPOO, KFAC};
    double goal = -INFINITY, a[MOST_SEEDS], b[MOST_SEEDS];
    int n = 0;
    for (int i = 0; i < seeds; i++)
        for (int k = 0; k < 3; k++)
            goal = fmax(goal, r[three[k]].train[i]);
    for (int i = 0; i < seeds; i++) {
        double mine = cairn__outcome_time_to(&r[LOCOPROP_M].outcome[i], goal);
        double theirs = fmin(cairn__outcome_time_to(&r[SHAMPOO].outcome[i], goal),
                             cairn__outcome_time_to(&r[KFAC].outcome[i], goal));
        if (isnan(mine) || isnan(theirs) || theirs <= 0)
            continue;
        a[n] = mine;
        b[n++] = theirs;
    }
    cairn__estimate e = cairn__estimate_ratio(a, b, n);
    return claim_of(
        "Faster than second order",
        "LocoProp needs less time than higher-order methods (published on a GPU, "
        "measured here on a CPU)",
        "", e,
        "time to the loss that all of LocoProp-M, Shampoo and K-FAC reach (steps, times the "
        "median second of a step, all timed in turn), over that of the faster of the two: below 1",
        below(e, 1));
}

static cairn_report_claim judge_variants(const result *r, int seeds)
{
    cairn__estimate e =
        cairn__estimate_difference(r[LOCOPROP_M].train, r[LOCOPROP_S].train, seeds);
    return claim_of("Matching at least as good",
                    "the matching loss (M) is at least as good as the squared loss (S)", "nats", e,
                    "training loss of M minus that of S: not above 0", below(e, 0));
}

static bool judge_direction(cairn__experiment *e, const scale *s, cairn_report_claim *claim,
                            cairn_status *status)
{
    double second[MOST_SEEDS], first[MOST_SEEDS];
    cairn__locoprop_run run;
    if (!make_run(&competitors[LOCOPROP_M], "", &run, status))
        return false;
    for (int i = 0; i < s->seeds; i++)
        if (!cairn__locoprop_directions(&run, e->r->data, i + 1, s->batch, &second[i], &first[i],
                                        status))
            return false;
    cairn__estimate d = cairn__estimate_difference(first, second, s->seeds);
    *claim = claim_of("Like a second-order step",
                      "the combined local steps resemble a higher-order update", "", d,
                      "cosine of a layer's move with the gradient minus its cosine with the "
                      "preconditioned gradient, over layers: below 0",
                      below(d, 0));
    return true;
}

int cairn__locoprop_reproduce(const cairn__reproduction *r, cairn_report_claim *claims, int most,
                              cairn_status *status)
{
    const scale s = scale_of(r);
    cairn__experiment e = {.r = r, .planned = COMPETITORS * (s.trials + s.seeds)};
    result *results = cairn__alloc(COMPETITORS, sizeof *results, status);
    double floor = loss_floor(r->data);
    int n = -1;
    if (most >= 5 && results && compare(&e, &s, results, status)) {
        claims[0] = judge_first_order(results, s.seeds);
        claims[1] = judge_second_order(results, s.seeds, floor);
        claims[2] = judge_time(results, s.seeds);
        claims[3] = judge_variants(results, s.seeds);
        if (judge_direction(&e, &s, &claims[4], status))
            n = 5;
    }
    if (n > 0 && r->report) {
        cairn_report_heading(r->report, "Comparison");
        cairn_report_paragraph(
            r->report,
            "A deep autoencoder, %s and back, on %lld images: %g epochs in batches of %lld. Each "
            "optimiser was tuned by %d trainings, the first with its published defaults; the best "
            "setting was trained again with %d fresh seeds. The floor of the loss, the entropy of "
            "the grey levels, is %.4g nats an image.",
            "256-128-64-16", (long long)s.items, s.epochs, (long long)s.batch, s.trials, s.seeds,
            floor);
        add_table(r->report, results, s.seeds);
        add_curves(r->report, results, floor);
    }
    if (n > 0 && r->summary)
        add_markdown(r->summary, results, &s, floor);
    cairn__free(results);
    return n;
}
