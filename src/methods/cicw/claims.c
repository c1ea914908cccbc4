/* The claims of CIW, CICW and CICW-Mixup, measured: small classifiers on labels of which a share
 * was made wrong, each by one of the other classes.
 *
 *     tune     every competitor has four settings of its learning rate and its own number, each
 *              trained once for each share; the one with the highest accuracy on held-out items
 *              whose labels are as noisy is taken: no clean label takes part
 *     train    the chosen setting with fresh seeds, which all competitors share: a seed draws the
 *              wrong labels, the initial values and the order of the data
 *     judge    differences of accuracy on clean test labels, paired by seed
 *
 * The two moons are trained with fixed settings. Costs are processor time, taken in turns. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "methods/cicw/trials.h"
#include "methods/statistics.h"

enum { ARMS = 7, SETTINGS = 4, RATES = 4, MOST_SEEDS = 16, MOONS = 10 };
enum { CE, BITEMPERED, PASSIVE, MIXUP, CIW, CICW, CICW_M };

static const char *const names[ARMS] = {"cross-entropy", "bi-tempered", "NCE + RCE", "mixup",
                                        "CIW",           "CICW",        "CICW-Mixup"};
static const double shares[RATES] = {0.2, 0.4, 0.6, 0.8};

/* ---- competitors ----------------------------------------------------------------------------- */

/* Setting number s of an arm; what it is, in `text`. */
static cairn__cicw_run setting(int arm, int s, char text[96])
{
    static const double slow[] = {0.003, 0.01, 0.03, 0.1};
    cairn__cicw_run run = cairn__cicw_run_defaults();
    bool high = s % 2, other = s / 2;
    double rate = arm == CE ? slow[s] : high ? 0.03 : 0.01;
    int n = 0;
    run.reweight.reweight = CAIRN_DIVERGENCE_NONE;
    run.update.schedule = CAIRN_SCHEDULE_COSINE;
    *text = 0;
    if (arm == BITEMPERED) {
        run.model.loss = CAIRN__CICW_BITEMPERED;
        run.model.t2 = other ? 2 : 1.2;
        n = snprintf(text, 96, "t1 0.8, t2 %g, ", run.model.t2);
    } else if (arm == PASSIVE) {
        run.model.loss = CAIRN__CICW_NCE_RCE;
        run.model.passive = other ? 0.1 : 1;
        n = snprintf(text, 96, "1 and %g, ", run.model.passive);
    } else if (arm == MIXUP) {
        run.mixup.mixup = CAIRN_MIXUP_BETA;
        run.mixup.mixup_alpha = other ? 8 : 2;
        n = snprintf(text, 96, "Beta %g, ", run.mixup.mixup_alpha);
    } else if (arm == CIW || arm == CICW) {
        run.reweight.reweight = other ? CAIRN_DIVERGENCE_KL : CAIRN_DIVERGENCE_ALPHA;
        run.reweight.reweight_lambda = other ? 0.5 : 0.1;
        n = snprintf(text, 96, "%s %g, ", other ? "KL" : "alpha 0.1", other ? 0.5 : 0.1);
    } else if (arm == CICW_M) {
        run.reweight.reweight = CAIRN_DIVERGENCE_ALPHA;
        run.reweight.reweight_lambda = other ? 0.5 : 2.5;
        run.mixup.mixup = CAIRN_MIXUP_SAMPLE_WEIGHT;
        n = snprintf(text, 96, "alpha 0.1 %g, ", run.reweight.reweight_lambda);
    }
    if (arm == CICW || arm == CICW_M) {
        run.reweight.class_reweight = CAIRN_CLASS_KL;
        run.reweight.class_gamma = arm == CICW ? 0.1 : 0.01;
    }
    snprintf(text + n, 96 - (size_t)n, "rate %g", rate);
    snprintf(run.model.optimizer_options, CAIRN_TEXT_SIZE, "learning_rate=%g,momentum=0.9", rate);
    return run;
}

/* ---- trainings ------------------------------------------------------------------------------- */

typedef struct experiment {
    cairn__experiment e;
    int seeds, moons;
    double epochs;
    int64_t items, tuning;
    int chosen[ARMS][RATES];
    double result[ARMS][RATES][MOST_SEEDS][CAIRN__CICW_FIGURES];
    double moon[2][MOONS][CAIRN__CICW_FIGURES];
    double cost[ARMS]; /* processor time of a step over that with cross-entropy */
    double turns[ARMS][64];
} experiment;

static bool train_one(experiment *x, int arm, int rate, int s, int64_t seed, double *figures,
                      cairn_status *status)
{
    char text[96], key[256];
    cairn__cicw_run run = setting(arm, s, text);
    cairn__cicw_trial trial = {.data = x->e.r->data,
                               .run = &run,
                               .noise = shares[rate],
                               .epochs = x->epochs,
                               .batch = 100,
                               .seed = seed,
                               .items = x->items,
                               .tuning = x->tuning,
                               .stop = x->e.r->stop};
    snprintf(key, sizeof key, "%s|%s|noise=%g|train=%lld|test=%lld+%lld|epochs=%g|seed=%lld",
             names[arm], text, shares[rate],
             (long long)cairn_dataset_count(x->e.r->data, CAIRN_SPLIT_TRAIN), (long long)x->items,
             (long long)x->tuning, x->epochs, (long long)seed);
    return cairn__experiment_measure(&x->e, key, cairn__cicw_measure, &trial, CAIRN__CICW_FIGURES,
                                     figures, status);
}

static bool train_all(experiment *x, cairn_status *status)
{
    enum { TUNING_SEED = 900 }; /* no measured training has its wrong labels */
    for (int arm = 0; arm < ARMS; arm++)
        for (int r = 0; r < RATES; r++) {
            double most = -1, f[CAIRN__CICW_FIGURES];
            for (int s = 0; s < SETTINGS; s++) {
                if (!train_one(x, arm, r, s, TUNING_SEED, f, status))
                    return false;
                if (f[CAIRN__CICW_NOISY] > most)
                    x->chosen[arm][r] = s;
                most = fmax(most, f[CAIRN__CICW_NOISY]);
            }
            for (int k = 0; k < x->seeds; k++)
                if (!train_one(x, arm, r, x->chosen[arm][r], 1 + k, x->result[arm][r][k], status))
                    return false;
        }
    return true;
}

/* ---- two moons ------------------------------------------------------------------------------- */

static cairn__cicw_run moons_run(bool weighs)
{
    cairn__cicw_run run = cairn__cicw_run_defaults();
    snprintf(run.model.layers, CAIRN_TEXT_SIZE, "64,64");
    snprintf(run.model.optimizer_options, CAIRN_TEXT_SIZE, "learning_rate=0.2,momentum=0.9");
    run.reweight.reweight = weighs ? CAIRN_DIVERGENCE_ALPHA : CAIRN_DIVERGENCE_NONE;
    run.reweight.reweight_ramp = (cairn_span){10, CAIRN_PERCENT};
    return run;
}

static cairn__cicw_trial moons_trial(const experiment *x, const cairn_dataset *data,
                                     const cairn__cicw_run *run, int seed)
{
    return (cairn__cicw_trial){.data = data,
                               .run = run,
                               .noise = 0.3,
                               .epochs = x->e.r->quick ? 100 : 600,
                               .batch = 100,
                               .seed = 1 + seed,
                               .items = cairn_dataset_count(data, CAIRN_SPLIT_TEST),
                               .stop = x->e.r->stop};
}

static bool train_moons(experiment *x, cairn_status *status)
{
    bool good = true;
    for (int k = 0; good && k < x->moons; k++) {
        cairn_dataset *data = cairn__two_moons(2000, 1 + k, status);
        for (int weighs = 0; data && good && weighs < 2; weighs++) {
            char key[128];
            cairn__cicw_run run = moons_run(weighs);
            cairn__cicw_trial trial = moons_trial(x, data, &run, k);
            snprintf(key, sizeof key, "two moons|%s|epochs=%g|seed=%d", names[weighs ? CIW : CE],
                     trial.epochs, 1 + k);
            good = cairn__experiment_measure(&x->e, key, cairn__cicw_measure, &trial,
                                             CAIRN__CICW_FIGURES, x->moon[weighs][k], status);
        }
        cairn_dataset_free(data);
        good = good && data;
    }
    return good;
}

/* ---- costs ----------------------------------------------------------------------------------- */

static double processor_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* All take turns of some steps; a turn's time is divided by that of cross-entropy in its round. */
static bool take_turns(experiment *x, cairn_trainer **trainers, int rounds, cairn_status *status)
{
    for (int round = -1; round < rounds; round++) {
        double seconds[ARMS];
        for (int arm = 0; arm < ARMS; arm++) {
            double start = processor_seconds();
            for (int i = 0; i < 40; i++)
                cairn_trainer_advance(trainers[arm], 0, status);
            seconds[arm] = processor_seconds() - start;
        }
        if (x->e.r->stop && *x->e.r->stop)
            return cairn__fail(status, CAIRN_ERR_INTERRUPTED, "interrupted");
        for (int arm = 0; round >= 0 && arm < ARMS; arm++)
            x->turns[arm][round] = seconds[arm] / seconds[CE];
    }
    return cairn_ok(status);
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median, and its 95 % interval from the ranks n / 2 -+ 0.98 sqrt(n): rounds that something
 * else disturbed do not widen it. Sorts the values. */
static cairn__estimate median(double *values, int n)
{
    int half = (int)ceil(0.98 * sqrt(n)), middle = n / 2;
    qsort(values, (size_t)n, sizeof *values, rising);
    return (cairn__estimate){values[middle], values[CAIRN__MAX(middle - half, 0)],
                             values[CAIRN__MIN(middle + half, n - 1)], n};
}

typedef struct timing {
    experiment *x;
    int rounds;
} timing;

static bool time_steps(const void *user, double *figures, cairn_status *status)
{
    const timing *t = user;
    cairn_trainer *trainers[ARMS] = {NULL};
    cairn_problem problems[ARMS];
    cairn__cicw_run runs[ARMS];
    cairn_train_options o = cairn_train_defaults();
    bool good = true;
    o.batch = 100;
    o.threads = 1;
    o.length = (cairn_span){1e6, CAIRN_STEPS};
    o.evaluate.amount = o.checkpoint.amount = 0;
    for (int arm = 0; good && arm < ARMS; arm++) {
        char text[96];
        runs[arm] = setting(arm, 0, text);
        runs[arm].reweight.burn_in = (cairn_span){1, CAIRN_STEPS};
        runs[arm].reweight.reweight_ramp = (cairn_span){1, CAIRN_STEPS};
        snprintf(runs[arm].model.optimizer_options, CAIRN_TEXT_SIZE, "learning_rate=0.003");
        cairn__cicw_run_problem(&runs[arm], &problems[arm]);
        problems[arm].build_evaluation = NULL;
        cairn_train_setup setup = {
            .problem = &problems[arm], .data = t->x->e.r->data, .options = &o};
        trainers[arm] = cairn_trainer_new(&setup, status);
        good = trainers[arm] != NULL;
    }
    good = good && take_turns(t->x, trainers, t->rounds, status);
    for (int arm = 0; arm < ARMS; arm++) {
        cairn__estimate e = median(t->x->turns[arm], t->rounds);
        figures[arm] = e.mean;
        if (arm == CIW || arm == CICW) {
            figures[ARMS + 2 * (arm - CIW)] = e.lower;
            figures[ARMS + 2 * (arm - CIW) + 1] = e.upper;
        }
        cairn_trainer_free(trainers[arm]);
    }
    return good;
}

/* ---- estimates and claims -------------------------------------------------------------------- */

/* Accuracy in percentage points by seed: at one share of wrong labels, or (-1) the mean of all. */
static void accuracies(const experiment *x, int arm, int rate, double *out)
{
    for (int k = 0; k < x->seeds; k++) {
        out[k] = 0;
        for (int r = 0; r < RATES; r++)
            out[k] += rate == r  ? 100 * x->result[arm][r][k][CAIRN__CICW_LAST]
                      : rate < 0 ? 100 * x->result[arm][r][k][CAIRN__CICW_LAST] / RATES
                                 : 0;
    }
}

static cairn__estimate gain(const experiment *x, int arm, int over, int rate)
{
    double a[MOST_SEEDS], b[MOST_SEEDS];
    accuracies(x, arm, rate, a);
    accuracies(x, over, rate, b);
    return cairn__estimate_difference(a, b, x->seeds);
}

static double mean_of(const experiment *x, int arm, int rate, int figure)
{
    double sum = 0;
    for (int k = 0; k < x->seeds; k++)
        sum += x->result[arm][rate][k][figure] / x->seeds;
    return sum;
}

static cairn_report_claim claim_of(const char *name, const char *claim, cairn__estimate e,
                                   const char *rule)
{
    cairn_verdict verdict = e.n < 3       ? CAIRN_VERDICT_OPEN
                            : e.lower > 0 ? CAIRN_VERDICT_HOLDS
                            : e.upper < 0 ? CAIRN_VERDICT_FAILS
                                          : CAIRN_VERDICT_OPEN;
    return (cairn_report_claim){.name = name,
                                .claim = claim,
                                .unit = "% points",
                                .published = NAN,
                                .measured = e.mean,
                                .lower = e.lower,
                                .upper = e.upper,
                                .basis = "paired by seed, 95 % interval by Student's t",
                                .rule = rule,
                                .verdict = verdict};
}

static cairn__estimate moons_gain(const experiment *x, int figure, double sign)
{
    double a[MOONS], b[MOONS];
    for (int k = 0; k < x->moons; k++) {
        a[k] = 100 * sign * x->moon[1][k][figure];
        b[k] = 100 * sign * x->moon[0][k][figure];
    }
    return cairn__estimate_difference(a, b, x->moons);
}

static cairn_report_claim cost_claim(const char *name, const char *claim, double ratio,
                                     double lower, double upper, const char *rule)
{
    return (cairn_report_claim){.name = name,
                                .claim = claim,
                                .unit = "",
                                .published = NAN,
                                .measured = ratio,
                                .lower = lower,
                                .upper = upper,
                                .basis = "median of rounds and its 95 % interval",
                                .rule = rule,
                                .verdict = upper < 1.03   ? CAIRN_VERDICT_HOLDS
                                           : lower > 1.03 ? CAIRN_VERDICT_FAILS
                                                          : CAIRN_VERDICT_OPEN};
}

enum { CLAIMS = 10 };

static void judge(const experiment *x, const double *cost, cairn_report_claim *c)
{
    int rival = CE;
    for (int arm = CE; arm < CICW_M; arm++)
        if (mean_of(x, arm, RATES - 1, CAIRN__CICW_LAST) >
            mean_of(x, rival, RATES - 1, CAIRN__CICW_LAST))
            rival = arm;
    c[0] = claim_of("Two moons: boundary",
                    "on two moons with 30 % of labels flipped CIW keeps a good boundary, and "
                    "cross-entropy overfits",
                    moons_gain(x, CAIRN__CICW_LAST, 1),
                    "clean accuracy of CIW minus that of cross-entropy: above 0");
    c[1] = claim_of("Two moons: memory", "cross-entropy memorises flipped labels, and CIW does not",
                    moons_gain(x, CAIRN__CICW_MEMORISED, -1),
                    "share of flipped labels memorised with cross-entropy minus that with CIW: "
                    "above 0");
    static const char *const over[] = {"CICW beats cross-entropy", "CICW beats bi-tempered loss",
                                       "CICW beats active-passive loss", "CICW beats mixup"};
    static const char rule[] =
        "accuracy at the end, mean over 20 to 80 % wrong labels, CICW minus the other: above 0";
    for (int arm = CE; arm <= MIXUP; arm++)
        c[2 + arm] = claim_of(over[arm], over[arm], gain(x, CICW, arm, -1), rule);
    c[6] = claim_of("CICW-Mixup beats CICW", "CICW-Mixup is the best of the three",
                    gain(x, CICW_M, CICW, -1),
                    "accuracy at the end, mean over 20 to 80 % wrong labels, CICW-Mixup minus "
                    "CICW: above 0");
    c[7] = claim_of("Most at high noise", "CICW-Mixup is best where most labels are wrong",
                    gain(x, CICW_M, rival, RATES - 1),
                    "accuracy with 80 % wrong labels, CICW-Mixup minus the best other method: "
                    "above 0");
    c[8] = cost_claim("CIW costs little", "the weights cost little", cost[CIW], cost[ARMS],
                      cost[ARMS + 1], "processor time of a step over cross-entropy: below 1.03");
    c[9] = cost_claim("CICW costs little", "the weights of classes cost little", cost[CICW],
                      cost[ARMS + 2], cost[ARMS + 3],
                      "processor time of a step over cross-entropy: below 1.03");
}

/* ---- the page -------------------------------------------------------------------------------- */

static bool add_moons(cairn_report *report, const experiment *x, cairn_status *status)
{
    static const char *const captions[] = {"cross-entropy", "CIW, alpha 0.1, lambda 0.1"};
    cairn_dataset *data = cairn__two_moons(2000, 1, status);
    uint8_t *pixels = cairn__alloc(2, CAIRN__MOONS_BYTES, status);
    cairn_report_picture grid[2];
    bool good = data && pixels;
    for (int weighs = 0; good && weighs < 2; weighs++) {
        cairn__cicw_run run = moons_run(weighs);
        cairn__cicw_trial trial = moons_trial(x, data, &run, 0);
        uint8_t *to = pixels + weighs * CAIRN__MOONS_BYTES;
        grid[weighs] = (cairn_report_picture){.pixels = to,
                                              .height = CAIRN__MOONS_SIDE,
                                              .width = CAIRN__MOONS_SIDE,
                                              .channels = 3,
                                              .caption = captions[weighs]};
        good = cairn__moons_picture(&trial, to, status);
    }
    if (good) {
        cairn_report_heading(report, "Two moons");
        cairn_report_pictures(report,
                              "1,000 points, 30 % of the labels flipped. The ground is the model's "
                              "probability; a point has the colour of its label, dark where it was "
                              "flipped; with CIW its size shows its weight",
                              grid, 1, 2);
    }
    cairn_dataset_free(data);
    cairn__free(pixels);
    return good;
}

static void add_plane(cairn_report *report, const experiment *x)
{
    cairn_report_spot spots[ARMS * RATES];
    static const char *const texts[RATES] = {"20 %", "40 %", "60 %", "80 %"};
    for (int i = 0; i < ARMS * RATES; i++) {
        double values[MOST_SEEDS];
        accuracies(x, i / RATES, i % RATES, values);
        cairn__estimate e = cairn__estimate_mean(values, x->seeds);
        spots[i] = (cairn_report_spot){.name = texts[i % RATES],
                                       .series = names[i / RATES],
                                       .x = 100 * shares[i % RATES],
                                       .y = e.mean,
                                       .error = e.upper - e.mean};
    }
    cairn_report_plane(report, "Accuracy and wrong labels", "wrong training labels (%)",
                       "accuracy on clean test labels (%)", spots, ARMS * RATES);
}

static void add_table(cairn_report *report, const experiment *x, int rate)
{
    double last[ARMS], best[ARMS], memorised[ARMS], auc[ARMS];
    char texts[ARMS][96], caption[64];
    const char *settings[ARMS];
    for (int arm = 0; arm < ARMS; arm++) {
        setting(arm, x->chosen[arm][rate], texts[arm]);
        settings[arm] = texts[arm];
        last[arm] = 100 * mean_of(x, arm, rate, CAIRN__CICW_LAST);
        best[arm] = 100 * mean_of(x, arm, rate, CAIRN__CICW_BEST);
        memorised[arm] = 100 * mean_of(x, arm, rate, CAIRN__CICW_MEMORISED);
        auc[arm] = mean_of(x, arm, rate, CAIRN__CICW_AUC);
    }
    const cairn_report_column columns[] = {
        {.name = "method", .texts = names},
        {.name = "setting", .texts = settings},
        {.name = "accuracy, end (%)", .reals = last},
        {.name = "accuracy, best (%)", .reals = best},
        {.name = "wrong labels memorised (%)", .reals = memorised, .digits = 3},
        {.name = "AUC of the loss", .reals = auc},
    };
    snprintf(caption, sizeof caption, "%g %% of the labels wrong", 100 * shares[rate]);
    cairn_report_table(report, caption, columns, CAIRN__COUNT(columns), ARMS);
}

static bool add_report(cairn_report *report, const experiment *x, cairn_status *status)
{
    if (!add_moons(report, x, status))
        return false;
    cairn_report_heading(report, "Wrong labels");
    cairn_report_paragraph(
        report,
        "A classifier with two hidden layers of 128 on %lld items, %g epochs, batches of 100, "
        "momentum 0.9, cosine schedule; burn-in 8 %%, ramp 6 %%. A share of the labels is replaced "
        "by one of the other classes. Settings were chosen for each method and share, of four, by "
        "accuracy on %lld items with labels as noisy; %d seeds; %lld clean test items.",
        (long long)cairn_dataset_count(x->e.r->data, CAIRN_SPLIT_TRAIN), x->epochs,
        (long long)x->tuning, x->seeds, (long long)x->items);
    add_plane(report, x);
    for (int r = 0; r < RATES; r++)
        add_table(report, x, r);
    return true;
}

static void add_markdown(cairn__text *out, const experiment *x, const double *cost)
{
    double moon[2][CAIRN__CICW_FIGURES] = {{0}};
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < x->moons; k++)
            for (int f = 0; f < CAIRN__CICW_FIGURES; f++)
                moon[i][f] += 100 * x->moon[i][k][f] / x->moons;
    cairn__text_add(
        out,
        "Network 128-128, %lld training items, %g epochs, batch 100, momentum 0.9, cosine "
        "schedule, burn-in 8 %%, ramp 6 %%; a share of the labels replaced by one of the other "
        "classes. Four "
        "settings a method and share, chosen by accuracy on %lld items with labels as noisy; %d "
        "seeds; %lld clean test items. 'best' is the best of ten evaluations on 1,000 of them. "
        "Dynamic mixup, which the claims name too, is not built in and not measured.\n",
        (long long)cairn_dataset_count(x->e.r->data, CAIRN_SPLIT_TRAIN), x->epochs,
        (long long)x->tuning, x->seeds, (long long)x->items);
    for (int r = 0; r < RATES; r++) {
        cairn__text_add(out,
                        "\n**%g %% wrong**\n\n| method | setting | accuracy, end %% | best %% | "
                        "memorised %% | AUC of the loss |\n| --- | --- | --- | --- | --- | --- |\n",
                        100 * shares[r]);
        for (int arm = 0; arm < ARMS; arm++) {
            char text[96];
            setting(arm, x->chosen[arm][r], text);
            cairn__text_add(out, "| %s | %s | %.2f | %.2f | %.1f | %.3f |\n", names[arm], text,
                            100 * mean_of(x, arm, r, CAIRN__CICW_LAST),
                            100 * mean_of(x, arm, r, CAIRN__CICW_BEST),
                            100 * mean_of(x, arm, r, CAIRN__CICW_MEMORISED),
                            mean_of(x, arm, r, CAIRN__CICW_AUC));
        }
    }
    cairn__text_add(out,
                    "\n**Two moons**, 30 %% flipped, network 64-64, rate 0.2, %d seeds\n\n"
                    "| method | clean accuracy %% | best %% | memorised %% |\n"
                    "| --- | --- | --- | --- |\n",
                    x->moons);
    for (int i = 0; i < 2; i++)
        cairn__text_add(out, "| %s | %.2f | %.2f | %.1f |\n", names[i ? CIW : CE],
                        moon[i][CAIRN__CICW_LAST], moon[i][CAIRN__CICW_BEST],
                        moon[i][CAIRN__CICW_MEMORISED]);
    cairn__text_add(out, "\n**Processor time of a step** over that with cross-entropy, one thread, "
                         "in turns\n\n| method | ratio |\n| --- | --- |\n");
    for (int arm = 1; arm < ARMS; arm++)
        cairn__text_add(out, "| %s | %.3f |\n", names[arm], cost[arm]);
}

static bool set_scale(experiment *x, const cairn__reproduction *r, cairn_status *status)
{
    int64_t test = cairn_dataset_count(r->data, CAIRN_SPLIT_TEST);
    int64_t least = r->quick ? 3 : 5;
    x->e.r = r;
    x->epochs = r->quick ? 10 : 20;
    x->seeds = (int)CAIRN__MIN(CAIRN__MAX(r->seeds, least), (int64_t)MOST_SEEDS);
    x->moons = r->quick ? 3 : MOONS;
    x->items = CAIRN__MIN(test * 2 / 3, (int64_t)4000);
    x->tuning = CAIRN__MIN(test - x->items, (int64_t)2000);
    x->e.planned = ARMS * RATES * (SETTINGS + x->seeds) + 2 * x->moons + 1;
    return (x->items > 0 && cairn_dataset_classes(r->data) >= 2) ||
           cairn__fail(status, CAIRN_ERR_VALUE,
                       "cicw: %lld test items of %lld classes, expected at least 2 of 2",
                       (long long)test, (long long)cairn_dataset_classes(r->data));
}

int cairn__cicw_reproduce(const cairn__reproduction *r, cairn_report_claim *claims, int most,
                          cairn_status *status)
{
    experiment *x = cairn__alloc(1, sizeof *x, status);
    double cost[ARMS + 4];
    timing t = {.x = x, .rounds = r->quick ? 15 : 61};
    bool good = x && most >= CLAIMS && set_scale(x, r, status) && train_moons(x, status) &&
                train_all(x, status) &&
                cairn__experiment_measure(&x->e, "processor time of steps, in turns", time_steps,
                                          &t, ARMS + 4, cost, status);
    if (good) {
        judge(x, cost, claims);
        good = !r->report || add_report(r->report, x, status);
        if (r->summary)
            add_markdown(r->summary, x, cost);
    }
    cairn__free(x);
    return good ? CLAIMS : -1;
}
