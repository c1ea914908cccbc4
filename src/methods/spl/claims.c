/* The claims of SPL, measured: the same fine-tuning on few clean examples after pre-training on the
 * same weakly labelled items with different labels, and after none.
 *
 *     tune     every arm has four settings of its rate and of the share of it that moves what was
 *              pre-trained, each trained once in each condition; the one with the highest accuracy
 *              on held-out items is taken
 *     train    the chosen settings with fresh seeds, which all arms share: a seed draws the clean
 *              examples, the weak items, the initial values and the order of the data
 *     judge    differences of accuracy on test items, paired by seed
 *
 * All arms make the same number of steps; those that drop items see the others more often. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/data.h"
#include "methods/spl/trials.h"
#include "methods/statistics.h"

enum { MOST_SEEDS = 16, MOST_CLASSES = 31 };
enum { CONTEXT, INDEPENDENT, FEW, FLIPS, CONDITIONS };
enum { ALL_ARMS = (1U << CAIRN__SPL_ARMS) - 1 };

static const char *const names[CONDITIONS] = {"clips, contextual", "clips, independent",
                                              "clips, few clean examples",
                                              "pictures, labels flipped"};

/* How many clips of each video, for the claim about more of them. */
enum { CLIP_COUNTS = 3, USUAL = 1 };
static const int clip_counts[CLIP_COUNTS] = {1, 4, 8};

typedef struct experiment {
    cairn__experiment e;
    int seeds;
    cairn__spl_bench bench[CONDITIONS];
    int chosen[CONDITIONS][CAIRN__SPL_ARMS];
    double result[CONDITIONS][MOST_SEEDS][CAIRN__SPL_FIGURES];
    double clips[CLIP_COUNTS][MOST_SEEDS][CAIRN__SPL_FIGURES];
} experiment;

/* ---- trainings ------------------------------------------------------------------------------- */

static cairn__spl_bench bench_of(int condition, bool quick)
{
    cairn__spl_bench b = {.kind = CAIRN__SPL_CLIPS,
                          .share = 0.3,
                          .contextual = condition != INDEPENDENT,
                          .clean = condition == FEW ? 20 : 150,
                          .videos = quick ? 500 : 1500,
                          .clips = 4,
                          .pretrain_steps = quick ? 300 : 1200,
                          .fine_steps = quick ? 150 : 400,
                          .batch = 50};
    if (condition == FLIPS) {
        b.kind = CAIRN__SPL_FLIPS;
        b.share = 0.4;
        b.videos *= b.clips;
        b.clips = 1;
    }
    return b;
}

static bool measure(experiment *x, const cairn__spl_bench *b, const int *setting, unsigned arms,
                    int64_t seed, bool tunes, double *figures, cairn_status *status)
{
    cairn__spl_trial t = {.bench = b,
                          .data = x->e.r->data,
                          .directory = x->e.r->directory,
                          .seed = seed,
                          .arms = arms,
                          .tunes = tunes,
                          .stop = x->e.r->stop};
    char key[256], settings[CAIRN__SPL_ARMS + 1] = "";
    for (int arm = 0; arm < CAIRN__SPL_ARMS; arm++) {
        t.setting[arm] = setting[arm];
        settings[arm] = (char)(arms >> arm & 1 ? '0' + setting[arm] : '-');
    }
    snprintf(key, sizeof key,
             "kind=%d|share=%g|contextual=%d|clean=%lld|%lldx%lld|steps=%lld+%lld|batch=%lld|"
             "items=%lld|settings=%s|%s|seed=%lld",
             b->kind, b->share, b->contextual, (long long)b->clean, (long long)b->videos,
             (long long)b->clips, (long long)b->pretrain_steps, (long long)b->fine_steps,
             (long long)b->batch, (long long)cairn_dataset_count(x->e.r->data, CAIRN_SPLIT_TRAIN),
             settings, tunes ? "held out" : "test", (long long)seed);
    return cairn__experiment_measure(&x->e, key, cairn__spl_measure, &t, CAIRN__SPL_FIGURES,
                                     figures, status);
}

static bool tune(experiment *x, int condition, cairn_status *status)
{
    enum { TUNING_SEED = 900 }; /* no measured training has its data */
    double most[CAIRN__SPL_ARMS], f[CAIRN__SPL_FIGURES];
    for (int s = 0; s < CAIRN__SPL_SETTINGS; s++) {
        int setting[CAIRN__SPL_ARMS];
        for (int arm = 0; arm < CAIRN__SPL_ARMS; arm++)
            setting[arm] = s;
        if (!measure(x, &x->bench[condition], setting, ALL_ARMS, TUNING_SEED, true, f, status))
            return false;
        for (int arm = 0; arm < CAIRN__SPL_ARMS; arm++)
            if (s == 0 || f[arm] > most[arm]) {
                most[arm] = f[arm];
                x->chosen[condition][arm] = s;
            }
    }
    return true;
}

static bool train_condition(experiment *x, int condition, cairn_status *status)
{
    if (!tune(x, condition, status))
        return false;
    for (int k = 0; k < x->seeds; k++)
        if (!measure(x, &x->bench[condition], x->chosen[condition], ALL_ARMS, 1 + k, false,
                     x->result[condition][k], status))
            return false;
    return true;
}

/* More or fewer clips of the same videos, with the settings of the usual number. */
static bool train_clips(experiment *x, cairn_status *status)
{
    unsigned arms = 1U << CAIRN__SPL_WEAK_LABEL | 1U << CAIRN__SPL_PAIRS;
    for (int c = 0; c < CLIP_COUNTS; c++)
        for (int k = 0; k < x->seeds; k++) {
            cairn__spl_bench b = x->bench[CONTEXT];
            b.clips = clip_counts[c];
            if (c == USUAL)
                memcpy(x->clips[c][k], x->result[CONTEXT][k], sizeof x->clips[c][k]);
            else if (!measure(x, &b, x->chosen[CONTEXT], arms, 1 + k, false, x->clips[c][k],
                              status))
                return false;
        }
    return true;
}

static bool train_all(experiment *x, cairn_status *status)
{
    for (int c = 0; c < CONDITIONS; c++)
        if (!train_condition(x, c, status))
            return false;
    return train_clips(x, status);
}

/* ---- estimates and claims -------------------------------------------------------------------- */

/* Accuracies of an arm by seed, in %; how many there are. */
static int accuracies(const experiment *x, int condition, int arm, double *out)
{
    out[0] = NAN;
    for (int k = 0; k < x->seeds; k++)
        out[k] = 100 * x->result[condition][k][arm];
    return isfinite(out[0]) ? x->seeds : 0;
}

static cairn__estimate gain(const experiment *x, int condition, int arm, int over)
{
    double a[MOST_SEEDS], b[MOST_SEEDS];
    int n = accuracies(x, condition, arm, a);
    return cairn__estimate_difference(a, b, CAIRN__MIN(n, accuracies(x, condition, over, b)));
}

static double mean_of(const experiment *x, int condition, int figure)
{
    double sum = 0;
    for (int k = 0; k < x->seeds; k++)
        sum += x->result[condition][k][figure] / x->seeds;
    return isfinite(sum) ? sum : NAN;
}

/* Percentage points of (SPL - weak label) for a doubling of the clips, by seed. */
static cairn__estimate slope_of_clips(const experiment *x)
{
    double slope[MOST_SEEDS];
    for (int k = 0; k < x->seeds; k++) {
        double mx = 0, my = 0, xy = 0, xx = 0, gap[CLIP_COUNTS];
        for (int c = 0; c < CLIP_COUNTS; c++) {
            gap[c] =
                100 * (x->clips[c][k][CAIRN__SPL_PAIRS] - x->clips[c][k][CAIRN__SPL_WEAK_LABEL]);
            mx += log2(clip_counts[c]) / CLIP_COUNTS;
            my += gap[c] / CLIP_COUNTS;
        }
        for (int c = 0; c < CLIP_COUNTS; c++) {
            xy += (log2(clip_counts[c]) - mx) * (gap[c] - my);
            xx += (log2(clip_counts[c]) - mx) * (log2(clip_counts[c]) - mx);
        }
        slope[k] = xy / xx;
    }
    return cairn__estimate_mean(slope, x->seeds);
}

static cairn_report_claim claim_of(const char *name, const char *claim, double published,
                                   cairn__estimate e, const char *rule)
{
    cairn_verdict verdict = e.n < 3       ? CAIRN_VERDICT_OPEN
                            : e.lower > 0 ? CAIRN_VERDICT_HOLDS
                            : e.upper < 0 ? CAIRN_VERDICT_FAILS
                                          : CAIRN_VERDICT_OPEN;
    return (cairn_report_claim){.name = name,
                                .claim = claim,
                                .unit = "% points",
                                .published = published,
                                .measured = e.mean,
                                .lower = e.lower,
                                .upper = e.upper,
                                .basis = "paired by seed, 95 % interval by Student's t",
                                .rule = rule,
                                .verdict = verdict};
}

/* The better of weak label, teacher label and filter, by its mean. */
static int best_other(const experiment *x, int condition)
{
    int best = CAIRN__SPL_WEAK_LABEL;
    for (int arm = best; arm <= CAIRN__SPL_FILTER; arm++)
        best = mean_of(x, condition, arm) > mean_of(x, condition, best) ? arm : best;
    return best;
}

/* Published differences are those of top-1 on Kinetics-200, with a 3D-ResNet50. */
enum { CLAIMS = 11 };
static const struct {
    const char *name, *claim, *rule;
    int condition, arm, over; /* over -1: the best other */
    double published;
} comparisons[CLAIMS - 1] = {
    {"Clips: no pre-training", "SPL beats starting from nothing",
     "contextual clips, SPL minus no pre-training: above 0", CONTEXT, CAIRN__SPL_PAIRS,
     CAIRN__SPL_NONE, 3.7},
    {"Clips: weak label", "SPL beats training on weak labels",
     "contextual clips, SPL minus weak label: above 0", CONTEXT, CAIRN__SPL_PAIRS,
     CAIRN__SPL_WEAK_LABEL, 1.5},
    {"Clips: teacher", "SPL beats training on the teacher's classes",
     "contextual clips, SPL minus teacher label: above 0", CONTEXT, CAIRN__SPL_PAIRS,
     CAIRN__SPL_TEACHER_LABEL, 2.4},
    {"Clips: filter", "SPL beats training where both agree",
     "contextual clips, SPL minus agreement filter: above 0", CONTEXT, CAIRN__SPL_PAIRS,
     CAIRN__SPL_FILTER, 1.4},
    {"Clips: shuffled", "it is the pair of each clip that helps, and not the number of classes",
     "contextual clips, SPL minus shuffled SPL: above 0", CONTEXT, CAIRN__SPL_PAIRS,
     CAIRN__SPL_SHUFFLED, NAN},
    {"SPL-B: weak label", "SPL-B beats training on weak labels",
     "contextual clips, SPL-B minus weak label: above 0", CONTEXT, CAIRN__SPL_HALVES,
     CAIRN__SPL_WEAK_LABEL, NAN},
    {"Independent: weak label", "SPL helps too where other clips show nothing of the query",
     "independent clips, SPL minus weak label: above 0", INDEPENDENT, CAIRN__SPL_PAIRS,
     CAIRN__SPL_WEAK_LABEL, NAN},
    {"Few: weak label", "SPL helps with a weak teacher too",
     "20 clean examples a class, SPL minus weak label: above 0", FEW, CAIRN__SPL_PAIRS,
     CAIRN__SPL_WEAK_LABEL, NAN},
    {"Few: SPL-B", "SPL-B is the safer choice with a weak teacher",
     "20 clean examples a class, SPL-B minus SPL: above 0", FEW, CAIRN__SPL_HALVES,
     CAIRN__SPL_PAIRS, NAN},
    {"Pictures: best other", "SPL carries over to pictures with noisy labels",
     "flipped labels, SPL minus the best of weak, teacher and filter: above 0", FLIPS,
     CAIRN__SPL_PAIRS, -1, NAN},
};

static void judge(const experiment *x, cairn_report_claim *claims)
{
    for (int i = 0; i < CLAIMS - 1; i++) {
        int c = comparisons[i].condition;
        int over = comparisons[i].over < 0 ? best_other(x, c) : comparisons[i].over;
        claims[i] = claim_of(comparisons[i].name, comparisons[i].claim, comparisons[i].published,
                             gain(x, c, comparisons[i].arm, over), comparisons[i].rule);
    }
    claims[CLAIMS - 1] =
        claim_of("More clips", "more clips of each video help SPL most", NAN, slope_of_clips(x),
                 "contextual clips, rise of (SPL minus weak label) for a doubling of the clips: "
                 "above 0");
}

/* ---- the page -------------------------------------------------------------------------------- */

static void add_table(cairn_report *report, const experiment *x, int condition)
{
    double mean[CAIRN__SPL_ARMS], low[CAIRN__SPL_ARMS], high[CAIRN__SPL_ARMS];
    double rate[CAIRN__SPL_ARMS], factor[CAIRN__SPL_ARMS];
    for (int arm = 0; arm < CAIRN__SPL_ARMS; arm++) {
        double values[MOST_SEEDS];
        cairn__estimate e = cairn__estimate_mean(values, accuracies(x, condition, arm, values));
        mean[arm] = e.mean;
        low[arm] = e.lower;
        high[arm] = e.upper;
        cairn__spl_setting(arm, x->chosen[condition][arm], &rate[arm], &factor[arm]);
    }
    const cairn_report_column columns[] = {
        {.name = "pre-training", .texts = cairn__spl_arms},
        {.name = "accuracy (%)", .reals = mean},
        {.name = "lower", .reals = low},
        {.name = "upper", .reals = high},
        {.name = "rate", .reals = rate},
        {.name = "share of it in fine-tuning", .reals = factor},
    };
    cairn_report_table(report, names[condition], columns, CAIRN__COUNT(columns), CAIRN__SPL_ARMS);
}

static void add_clips(cairn_report *report, const experiment *x)
{
    static const int arms[2] = {CAIRN__SPL_WEAK_LABEL, CAIRN__SPL_PAIRS};
    cairn_report_spot spots[2 * CLIP_COUNTS];
    static const char *const texts[CLIP_COUNTS] = {"1", "4", "8"};
    for (int i = 0; i < 2 * CLIP_COUNTS; i++) {
        double values[MOST_SEEDS];
        int c = i % CLIP_COUNTS, arm = arms[i / CLIP_COUNTS];
        for (int k = 0; k < x->seeds; k++)
            values[k] = 100 * x->clips[c][k][arm];
        cairn__estimate e = cairn__estimate_mean(values, x->seeds);
        spots[i] = (cairn_report_spot){.name = texts[c],
                                       .series = cairn__spl_arms[arm],
                                       .x = clip_counts[c],
                                       .y = e.mean,
                                       .error = e.upper - e.mean};
    }
    cairn_report_plane(report, "Accuracy and clips", "clips of each video", "accuracy (%)", spots,
                       2 * CLIP_COUNTS);
}

static void add_report(cairn_report *report, const experiment *x)
{
    cairn_report_heading(report, "Conditions");
    for (int c = 0; c < CONDITIONS; c++)
        add_table(report, x, c);
    add_clips(report, x);
}

static void describe(cairn__text *out, const experiment *x, int c)
{
    const cairn__spl_bench *b = &x->bench[c];
    cairn__text_add(out, "\n**%s**: ", names[c]);
    if (b->kind == CAIRN__SPL_FLIPS)
        cairn__text_add(out,
                        "%lld pictures, %g %% of the labels changed to the class that looks "
                        "alike",
                        (long long)b->videos, 100 * b->share);
    else
        cairn__text_add(out, "%lld videos of %lld clips, %g %% of the clips show the query",
                        (long long)b->videos, (long long)b->clips, 100 * b->share);
    cairn__text_add(out, "; %lld clean examples a class; %lld and %lld steps of %lld.",
                    (long long)b->clean, (long long)b->pretrain_steps, (long long)b->fine_steps,
                    (long long)b->batch);
    if (isfinite(mean_of(x, c, CAIRN__SPL_ON_WEAK)))
        cairn__text_add(out,
                        " The teacher is right on %.1f %% of the weak items, their weak labels "
                        "on %.1f %%.",
                        100 * mean_of(x, c, CAIRN__SPL_ON_WEAK),
                        100 * mean_of(x, c, CAIRN__SPL_RIGHT));
    cairn__text_add(out, " Both agree on %.1f %%. SPL has %.0f classes.\n\n",
                    100 * mean_of(x, c, CAIRN__SPL_AGREED), mean_of(x, c, CAIRN__SPL_SIZE));
}

static void add_markdown(cairn__text *out, const experiment *x)
{
    cairn__text_add(out,
                    "Network 784-128-64, momentum 0.9, cosine schedules, the same steps for all. "
                    "Four settings an arm and condition, chosen on held-out items; %d "
                    "seeds. The differences of the claims are paired by seed.\n",
                    x->seeds);
    for (int c = 0; c < CONDITIONS; c++) {
        describe(out, x, c);
        cairn__text_add(out, "| pre-training | accuracy %% | 95 %% interval | rate | share in "
                             "fine-tuning |\n| --- | --- | --- | --- | --- |\n");
        for (int arm = 0; arm < CAIRN__SPL_ARMS; arm++) {
            double values[MOST_SEEDS], rate, factor;
            int n = accuracies(x, c, arm, values);
            cairn__estimate e = cairn__estimate_mean(values, n);
            cairn__spl_setting(arm, x->chosen[c][arm], &rate, &factor);
            if (n)
                cairn__text_add(out, "| %s | %.2f | %.2f to %.2f | %g | %g |\n",
                                cairn__spl_arms[arm], e.mean, e.lower, e.upper, rate, factor);
        }
    }
    cairn__text_add(out, "\n**More clips** of the same videos, contextual\n\n| clips | weak label "
                         "%% | SPL %% |\n| --- | --- | --- |\n");
    for (int c = 0; c < CLIP_COUNTS; c++) {
        double mean[2] = {0, 0};
        for (int k = 0; k < x->seeds; k++) {
            mean[0] += 100 * x->clips[c][k][CAIRN__SPL_WEAK_LABEL] / x->seeds;
            mean[1] += 100 * x->clips[c][k][CAIRN__SPL_PAIRS] / x->seeds;
        }
        cairn__text_add(out, "| %d | %.2f | %.2f |\n", clip_counts[c], mean[0], mean[1]);
    }
}

static bool set_scale(experiment *x, const cairn__reproduction *r, cairn_status *status)
{
    int64_t least = r->quick ? 3 : 6, classes = cairn_dataset_classes(r->data);
    const cairn_field *f = cairn_dataset_field_at(r->data, CAIRN_SPLIT_TRAIN, 0);
    x->e.r = r;
    x->seeds = (int)CAIRN__MIN(CAIRN__MAX(r->seeds, least), (int64_t)MOST_SEEDS);
    for (int c = 0; c < CONDITIONS; c++)
        x->bench[c] = bench_of(c, r->quick);
    x->e.planned = CONDITIONS * (CAIRN__SPL_SETTINGS + x->seeds) + (CLIP_COUNTS - 1) * x->seeds;
    bool pictures = strcmp(f->name, "image") == 0 && f->type == CAIRN_DATA_U8 && f->rank == 3;
    return (pictures && classes >= 6 && classes <= MOST_CLASSES &&
            cairn_dataset_count(r->data, CAIRN_SPLIT_TEST) >= 30) ||
           cairn__fail(status, CAIRN_ERR_VALUE,
                       "spl: grey pictures of 6 to %d classes are needed, such as Fashion-MNIST",
                       MOST_CLASSES);
}

int cairn__spl_reproduce(const cairn__reproduction *r, cairn_report_claim *claims, int most,
                         cairn_status *status)
{
    experiment *x = cairn__alloc(1, sizeof *x, status);
    bool good = x && most >= CLAIMS && set_scale(x, r, status) && train_all(x, status);
    if (good) {
        judge(x, claims);
        if (r->report)
            add_report(r->report, x);
        if (r->summary)
            add_markdown(r->summary, x);
    }
    cairn__free(x);
    return good ? CLAIMS : -1;
}
