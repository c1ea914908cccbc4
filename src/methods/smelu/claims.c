/* The claims of SmeLU, measured: small classifiers, trained several times alike but for one source
 * of irreproducibility.
 *
 *     tune     each activation is trained three times at each of four learning rates; the one with
 *              the lowest mean loss on test items that are not measured is taken. One training does
 *              not do: losses of the last step vary more than the rates differ
 *     train    models of each activation that differ in the order of the data, or more
 *     judge    ratios of prediction differences, with jackknife intervals over the models
 *
 * The half-width of SmeLU that stands for it is chosen like the learning rate. Model number m has
 * the same order of data and initial values in every arm, so the jackknife leaves out the m-th of
 * all of them at once and what they have in common cancels in a ratio. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cairn/difference.h"
#include "methods/smelu/trials.h"
#include "methods/statistics.h"

static const cairn__smelu_arm arms[] = {
    {"ReLU", CAIRN_ACTIVATION_relu, 0},
    {"GELU", CAIRN_ACTIVATION_gelu, 1},
    {"Swish", CAIRN_ACTIVATION_swish, 1},
    {"Softplus 2", CAIRN_ACTIVATION_softplus, 2},
    {"SmeLU 0.25", CAIRN_ACTIVATION_smelu, 0.25},
    {"SmeLU 0.5", CAIRN_ACTIVATION_smelu, 0.5},
    {"SmeLU 1", CAIRN_ACTIVATION_smelu, 1},
    {"SmeLU 2", CAIRN_ACTIVATION_smelu, 2},
    {"SmeLU 4", CAIRN_ACTIVATION_smelu, 4},
    {"SmeLU 8", CAIRN_ACTIVATION_smelu, 8},
};
enum { RELU, GELU, SWISH, SOFTPLUS, FIRST_SMELU, SMELU_HALF, SMELU_ONE, ARMS = 10 };

static const double rates[] = {0.005, 0.01, 0.02, 0.05};
enum { RATES = 4, TUNED = 3, MODELS = CAIRN__SMELU_MODELS };

static const char *const scenes[CAIRN__SCENES] = {
    "shuffled inside windows, same initial values",
    "full shuffle, same initial values",
    "full shuffle, different initial values",
    "same order of data, another order of additions",
};

/* ---- one group of models --------------------------------------------------------------------- */

/* Models of one arm in one scene. */
typedef struct group {
    bool measured;
    int models;
    double relative[MODELS * MODELS], churn[MODELS * MODELS]; /* of pairs */
    double loss[MODELS], accuracy[MODELS];                    /* of models, on measured items */
    double difference, error, mean_loss, mean_accuracy, mean_churn, tiny;
} group;

typedef struct experiment {
    cairn__smelu_trials t;
    double rate[ARMS], tuning_loss[ARMS];
    int chosen; /* the arm that stands for SmeLU */
    group groups[CAIRN__SCENES][ARMS];
    group ensembles; /* pairs of ReLU models averaged, in the first scene */
} experiment;

static void judge_model(const cairn__smelu_trials *t, const double *p, const int32_t *label,
                        double *loss, double *accuracy)
{
    double sum = 0;
    int64_t correct = 0;
    for (int64_t i = 0; i < t->items; i++) {
        const double *row = p + i * t->classes;
        int best = 0;
        for (int c = 1; c < t->classes; c++)
            best = row[c] > row[best] ? c : best;
        correct += best == label[i];
        sum -= log(fmax(row[label[i]], 1e-300));
    }
    *loss = sum / (double)t->items;
    *accuracy = (double)correct / (double)t->items;
}

/* All figures of a group from the models' probabilities. */
static bool fill_group(const cairn__smelu_trials *t, double *const *p, int models, group *g,
                       cairn_status *status)
{
    const int32_t *label = cairn_dataset_field(t->r->data, CAIRN_SPLIT_TEST, "label")->data;
    double *of_label[MODELS] = {NULL};
    cairn_difference d;
    bool good = true;
    g->models = models;
    for (int m = 0; good && m < models; m++) {
        of_label[m] = cairn__alloc((size_t)t->items, sizeof(double), status);
        good = of_label[m] &&
               cairn_label_predictions(p[m], t->items, t->classes, label, of_label[m], status);
        judge_model(t, p[m], label, &g->loss[m], &g->accuracy[m]);
        g->mean_loss += g->loss[m] / models;
        g->mean_accuracy += g->accuracy[m] / models;
    }
    const double *const *labels = (const double *const *)of_label;
    good = good &&
           cairn_difference_pairs(labels, models, t->items, g->relative, NULL, status) &&
           cairn_difference_of(labels, models, t->items, &d, status) &&
           cairn_churn_pairs((const double *const *)p, models, t->items, t->classes, g->churn,
                             status);
    if (good) {
        g->difference = cairn_pairs_jackknife(g->relative, models, &g->error);
        g->mean_churn = cairn_pairs_mean(g->churn, models, -1);
        g->tiny = d.tiny;
        g->measured = true;
    }
    for (int m = 0; m < models; m++)
        cairn__free(of_label[m]);
    return good;
}

/* The reference line: models averaged two by two, at twice the cost of everything. */
static bool measure_ensembles(const cairn__smelu_trials *t, double *const *p, group *g,
                              cairn_status *status)
{
    double *mean[MODELS / 2] = {NULL};
    int64_t n = t->items * t->classes;
    int models = t->models / 2;
    bool good = true;
    for (int m = 0; good && m < models; m++) {
        mean[m] = cairn__alloc((size_t)n, sizeof(double), status);
        good = mean[m] != NULL;
        for (int64_t i = 0; good && i < n; i++)
            mean[m][i] = 0.5 * (p[2 * m][i] + p[2 * m + 1][i]);
    }
    good = good && fill_group(t, mean, models, g, status);
    for (int m = 0; m < models; m++)
        cairn__free(mean[m]);
    return good;
}

static bool measure(experiment *e, int arm, cairn__smelu_scene scene, cairn_status *status)
{
    cairn__smelu_model_result result[MODELS] = {{0}};
    double *p[MODELS];
    group *g = &e->groups[scene][arm];
    bool good = true;
    if (g->measured)
        return true;
    for (int m = 0; good && m < e->t.models; m++) {
        good = cairn__smelu_trial(&e->t, &arms[arm], e->rate[arm], scene, m, &result[m], status);
        p[m] = result[m].p;
        if (good && !isfinite(result[m].tuning_loss))
            good = cairn__fail(status, CAIRN_ERR_NUMERIC, "%s: a training broke down at rate %g",
                               arms[arm].name, e->rate[arm]);
    }
    good = good && fill_group(&e->t, p, e->t.models, g, status);
    if (good && arm == RELU && scene == CAIRN__SCENE_WINDOW)
        good = measure_ensembles(&e->t, p, &e->ensembles, status);
    for (int m = 0; m < e->t.models; m++)
        cairn__free(result[m].p);
    return good;
}

/* ---- tuning and training --------------------------------------------------------------------- */

static bool tune(experiment *e, cairn_status *status)
{
    enum { TUNING_MODEL = 900 }; /* orders of data that no measured model has */
    for (int a = 0; a < ARMS; a++) {
        e->tuning_loss[a] = INFINITY;
        e->rate[a] = rates[0];
        for (int i = 0; i < RATES; i++) {
            double loss = 0;
            for (int k = 0; k < TUNED; k++) {
                cairn__smelu_model_result r = {0};
                bool good = cairn__smelu_trial(&e->t, &arms[a], rates[i], CAIRN__SCENE_WINDOW,
                                               TUNING_MODEL + k, &r, status);
                cairn__free(r.p);
                if (!good)
                    return false;
                loss += r.tuning_loss / TUNED;
            }
            if (loss < e->tuning_loss[a]) {
                e->tuning_loss[a] = loss;
                e->rate[a] = rates[i];
            }
        }
    }
    e->chosen = FIRST_SMELU;
    for (int a = FIRST_SMELU; a < ARMS; a++)
        if (e->tuning_loss[a] < e->tuning_loss[e->chosen])
            e->chosen = a;
    return true;
}

static bool everywhere(const experiment *e, int arm)
{
    return arm == RELU || arm == GELU || arm == SWISH || arm == SMELU_HALF || arm == SMELU_ONE ||
           arm == e->chosen;
}

static bool run_all(experiment *e, cairn_status *status)
{
    if (!tune(e, status))
        return false;
    for (int s = 0; s < CAIRN__SCENES; s++)
        for (int a = 0; a < ARMS; a++)
            if ((s == CAIRN__SCENE_WINDOW || everywhere(e, a)) &&
                !measure(e, a, (cairn__smelu_scene)s, status))
                return false;
    return true;
}

static bool set_scale(experiment *e, const cairn__reproduction *r, cairn_status *status)
{
    int64_t test = cairn_dataset_count(r->data, CAIRN_SPLIT_TEST);
    int64_t least = r->quick ? 4 : 8;
    e->t = (cairn__smelu_trials){.r = r, .batch = 64, .window = 640, .epochs = r->quick ? 3 : 8};
    e->t.models = (int)CAIRN__MIN(CAIRN__MAX(r->seeds, least), (int64_t)MODELS);
    e->t.items = CAIRN__MIN(test / 2, (int64_t)4000);
    e->t.tuning = CAIRN__MIN(test - e->t.items, (int64_t)4000);
    e->t.classes = (int)cairn_dataset_classes(r->data);
    e->t.planned = ARMS * RATES * TUNED + e->t.models * (ARMS + 3 * 5);
    return (e->t.items > 0 && e->t.classes >= 2) ||
           cairn__fail(status, CAIRN_ERR_VALUE,
                       "smelu: %lld test items of %d classes, expected at least 2 of 2",
                       (long long)test, e->t.classes);
}

/* ---- estimates ------------------------------------------------------------------------------- */

/* A statistic of the groups with model `without` left out (-1: with all). */
typedef double statistic(const experiment *e, const void *what, int without);

static cairn__estimate jackknife(const experiment *e, statistic *f, const void *what)
{
    double left_out[MODELS], whole = f(e, what, -1);
    int n = e->t.models;
    for (int m = 0; m < n; m++)
        left_out[m] = f(e, what, m);
    double half = cairn__student_quantile(n - 1) * cairn_jackknife_error(left_out, n);
    return (cairn__estimate){whole, whole - half, whole + half, n};
}

static double difference_without(const group *g, int without)
{
    return cairn_pairs_mean(g->relative, g->models, without);
}

/* The difference of one arm over that of another, in one scene. */
typedef struct quotient {
    int arm, over;
    cairn__smelu_scene scene;
} quotient;

static double quotient_of(const experiment *e, const void *what, int without)
{
    const quotient *q = what;
    return difference_without(&e->groups[q->scene][q->arm], without) /
           difference_without(&e->groups[q->scene][q->over], without);
}

/* The quotient of SmeLU and ReLU in a scene, minus that in the first. */
static double change_of(const experiment *e, const void *what, int without)
{
    quotient there = {e->chosen, RELU, *(const cairn__smelu_scene *)what};
    quotient here = {e->chosen, RELU, CAIRN__SCENE_WINDOW};
    return quotient_of(e, &there, without) - quotient_of(e, &here, without);
}

/* ---- claims ---------------------------------------------------------------------------------- */

static cairn_verdict below(cairn__estimate e, double limit)
{
    return e.upper < limit ? CAIRN_VERDICT_HOLDS
           : e.lower > limit ? CAIRN_VERDICT_FAILS
                             : CAIRN_VERDICT_OPEN;
}

static cairn_verdict above(cairn__estimate e, double limit)
{
    return e.lower > limit ? CAIRN_VERDICT_HOLDS
           : e.upper < limit ? CAIRN_VERDICT_FAILS
                             : CAIRN_VERDICT_OPEN;
}

static cairn_report_claim claim_of(const char *name, const char *claim, const char *unit,
                                   double published, cairn__estimate e, const char *rule,
                                   cairn_verdict verdict)
{
    return (cairn_report_claim){.name = name,
                                .claim = claim,
                                .unit = unit,
                                .published = published,
                                .measured = e.mean,
                                .lower = e.lower,
                                .upper = e.upper,
                                .basis = "95 % interval over the models",
                                .rule = rule,
                                .verdict = verdict};
}

/* Accuracy of one arm minus that of another, in points of percent, models paired. */
static cairn__estimate accuracy_change(const experiment *e, int arm, int other)
{
    double a[MODELS], b[MODELS];
    for (int m = 0; m < e->t.models; m++) {
        a[m] = 100 * e->groups[CAIRN__SCENE_WINDOW][arm].accuracy[m];
        b[m] = 100 * e->groups[CAIRN__SCENE_WINDOW][other].accuracy[m];
    }
    return cairn__estimate_difference(a, b, e->t.models);
}

enum { CLAIMS = 8 };

static void judge(const experiment *e, cairn_report_claim *c)
{
    const quotient relu = {e->chosen, RELU, CAIRN__SCENE_WINDOW};
    const group *g = e->groups[CAIRN__SCENE_WINDOW];
    int smoothest = g[GELU].difference < g[SWISH].difference ? GELU : SWISH;
    const quotient smooth = {e->chosen, smoothest, CAIRN__SCENE_WINDOW};
    const cairn__smelu_scene full = CAIRN__SCENE_FULL, init = CAIRN__SCENE_INIT;
    const quotient sums = {e->chosen, RELU, CAIRN__SCENE_SUMS};
    cairn__estimate x = jackknife(e, quotient_of, &relu);
    c[0] = claim_of("Less difference than ReLU",
                    "a smooth activation makes predictions of retrained models differ less", "",
                    NAN, x, "relative difference with SmeLU over that with ReLU: below 1",
                    below(x, 1));
    c[1] = claim_of("Half the difference", "smooth activations cut the difference by about 50 %",
                    "", 0.5, x, "the same quotient: below 0.6", below(x, 0.6));
    x = accuracy_change(e, e->chosen, RELU);
    c[2] = claim_of("More accurate than ReLU", "SmeLU is more accurate than ReLU", "% points", NAN,
                    x, "accuracy with SmeLU minus that with ReLU: above 0", above(x, 0));
    x = jackknife(e, quotient_of, &smooth);
    c[3] = claim_of("Not behind GELU and Swish",
                    "SmeLU's difference is at most that of other smooth activations", "", NAN, x,
                    "relative difference over that of the better of GELU and Swish: below 1.05",
                    below(x, 1.05));
    x = accuracy_change(e, ARMS - 1, e->chosen);
    c[4] = claim_of("Too wide is worse", "too wide a region degrades accuracy", "% points", NAN, x,
                    "accuracy at half-width 8 minus that at the chosen one: below 0", below(x, 0));
    x = jackknife(e, change_of, &full);
    c[5] = claim_of("Shuffling removes the advantage",
                    "very aggressive shuffling removes most of the advantage", "", NAN, x,
                    "the quotient with a full shuffle minus that with windows: above 0",
                    above(x, 0));
    x = jackknife(e, change_of, &init);
    c[6] = claim_of("Equal initial values matter",
                    "the effect needs equal initial values", "", NAN, x,
                    "the quotient with different initial values minus that with equal ones and "
                    "windows: above 0",
                    above(x, 0));
    x = jackknife(e, quotient_of, &sums);
    c[7] = claim_of("Order of additions alone",
                    "smooth activations also help where only the order of updates differs", "", NAN,
                    x, "the quotient when only the order inside batches differs: below 1",
                    below(x, 1));
}

/* ---- tables ---------------------------------------------------------------------------------- */

/* "ReLU, two averaged" is a row of its own in the first scene. */
static const group *row_of(const experiment *e, int scene, int row, const char **name)
{
    static const group none = {.measured = false};
    *name = row < ARMS ? arms[row].name : "two ReLU models averaged";
    if (row < ARMS)
        return &e->groups[scene][row];
    return scene == CAIRN__SCENE_WINDOW ? &e->ensembles : &none;
}

static void add_table(cairn_report *report, const experiment *e, int scene)
{
    enum { ROWS = ARMS + 1 };
    const char *names[ROWS];
    double rate[ROWS], relative[ROWS], error[ROWS], churn[ROWS], loss[ROWS], accuracy[ROWS];
    int n = 0;
    for (int row = 0; row < ROWS; row++) {
        const group *g = row_of(e, scene, row, &names[n]);
        if (!g->measured)
            continue;
        rate[n] = row < ARMS ? e->rate[row] : e->rate[RELU];
        relative[n] = g->difference;
        error[n] = g->error;
        churn[n] = 100 * g->mean_churn;
        loss[n] = g->mean_loss;
        accuracy[n++] = 100 * g->mean_accuracy;
    }
    const cairn_report_column columns[] = {
        {.name = "activation", .texts = names},
        {.name = "learning rate", .reals = rate, .digits = 2},
        {.name = "relative difference", .reals = relative},
        {.name = "jackknife error", .reals = error, .digits = 2},
        {.name = "churn (%)", .reals = churn, .digits = 3},
        {.name = "test loss (nats)", .reals = loss},
        {.name = "accuracy (%)", .reals = accuracy},
    };
    cairn_report_table(report, scenes[scene], columns, CAIRN__COUNT(columns), n);
}

static void add_plane(cairn_report *report, const experiment *e)
{
    cairn_report_spot spots[ARMS + 1];
    for (int row = 0; row <= ARMS; row++) {
        const char *name;
        const group *g = row_of(e, CAIRN__SCENE_WINDOW, row, &name);
        bool smelu = row >= FIRST_SMELU && row < ARMS;
        spots[row] = (cairn_report_spot){.name = smelu ? name + strlen("SmeLU ") : name,
                                         .series = smelu ? "SmeLU, by half-width" : name,
                                         .x = g->mean_loss,
                                         .y = g->difference,
                                         .error = g->error};
    }
    cairn_report_plane(report, "Prediction difference and loss", "test loss (nats)",
                       "relative difference", spots, ARMS + 1);
}

static void add_report(cairn_report *report, const experiment *e)
{
    cairn_report_heading(report, "Differences");
    cairn_report_paragraph(
        report,
        "A classifier with two hidden layers of 128, trained %d times on %lld examples with "
        "momentum 0.9, batches of %lld, %g epochs; %lld other examples are measured. The relative "
        "difference is the mean over pairs of models of 2|p - q| / (p + q), p and q the "
        "probabilities of the example's class. Learning rates, and the half-width of SmeLU that "
        "stands for it in the claims (%s), were chosen by the loss on %lld further examples.",
        e->t.models, (long long)cairn_dataset_count(e->t.r->data, CAIRN_SPLIT_TRAIN),
        (long long)e->t.batch, e->t.epochs, (long long)e->t.items, arms[e->chosen].name,
        (long long)e->t.tuning);
    add_plane(report, e);
    for (int s = 0; s < CAIRN__SCENES; s++)
        add_table(report, e, s);
}

static void add_markdown(cairn__text *out, const experiment *e)
{
    cairn__text_add(
        out,
        "Network 128-128, %lld training examples, %g epochs, batch %lld, momentum 0.9; %d models a "
        "row, %lld examples measured; windows of %lld. %d learning rates tried for each "
        "activation, %d trainings each. SmeLU stands in the claims with the half-width that had "
        "the least loss on %lld examples that are not measured: %s.\n",
        (long long)cairn_dataset_count(e->t.r->data, CAIRN_SPLIT_TRAIN), e->t.epochs,
        (long long)e->t.batch, e->t.models, (long long)e->t.items, (long long)e->t.window, RATES,
        TUNED, (long long)e->t.tuning, arms[e->chosen].name);
    for (int s = 0; s < CAIRN__SCENES; s++) {
        cairn__text_add(out,
                        "\n**%s**\n\n| activation | learning rate | relative difference | "
                        "jackknife error | churn %% | test loss | accuracy %% |\n"
                        "| --- | --- | --- | --- | --- | --- | --- |\n",
                        scenes[s]);
        for (int row = 0; row <= ARMS; row++) {
            const char *name;
            const group *g = row_of(e, s, row, &name);
            if (g->measured)
                cairn__text_add(out, "| %s | %g | %.4g | %.2g | %.3g | %.4f | %.2f |\n", name,
                                e->rate[row < ARMS ? row : RELU], g->difference, g->error,
                                100 * g->mean_churn, g->mean_loss, 100 * g->mean_accuracy);
        }
    }
    cairn__text_add(out, "\nShare of examples whose divisor was too small to count: %.2g.\n",
                    e->groups[CAIRN__SCENE_WINDOW][RELU].tiny);
}

int cairn__smelu_reproduce(const cairn__reproduction *r, cairn_report_claim *claims, int most,
                           cairn_status *status)
{
    experiment *e = cairn__alloc(1, sizeof *e, status);
    int n = -1;
    if (e && most >= CLAIMS && set_scale(e, r, status) && run_all(e, status)) {
        judge(e, claims);
        n = CLAIMS;
        if (r->report)
            add_report(r->report, e);
        if (r->summary)
            add_markdown(r->summary, e);
    }
    cairn__free(e);
    return n;
}
