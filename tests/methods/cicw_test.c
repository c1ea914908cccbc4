/* CICW: weights, objectives and mixing against values worked out by hand and in float64
 * (tools/golden/cicw.py), and what must hold of them for any losses. */
#include "cairn/cicw.h"

#include "cairn/autodiff.h"
#include "cairn/compile.h"
#include "cairn/loss.h"
#include "graph/graph.h"
#include "methods/cicw/trials.h"
#include "methods/suspects.h"
#include "test.h"

/* ---- helpers --------------------------------------------------------------------------------- */

/* Compiles the graph, runs it once, with the input "z" of m numbers if there is one, and reads the
 * output "y" of n numbers. */
static void run_with(cairn_graph *g, const float *z, int64_t m, cairn_tensor y, int64_t n,
                     float *out)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_output(y, "y");
    cairn_program *p = cairn_compile(g, cairn_cpu(), &status);
    if (p && z)
        cairn_program_feed(p, "z", z, (size_t)m * sizeof *z, &status);
    if (p && cairn_program_run(p, &status))
        cairn_program_fetch(p, "y", out, (size_t)n * sizeof *out, &status);
    CHECK_OK(status);
    cairn_program_free(p);
    cairn_graph_free(g);
}

static void run_graph(cairn_graph *g, cairn_tensor y, int64_t n, float *out)
{
    run_with(g, NULL, 0, y, n, out);
}

static cairn_tensor rows(cairn_graph *g, const float *values, int64_t n, int64_t m)
{
    return cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(n, m), values);
}

static void weigh(const float *losses, int64_t n, const cairn_reweight_options *o, float *w)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor l = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(n), losses);
    run_graph(g, cairn_instance_weights(l, o), n, w);
}

static cairn_reweight_options options_of(int divergence, double lambda)
{
    cairn_reweight_options o = cairn_reweight_defaults();
    o.reweight = divergence;
    o.reweight_lambda = lambda;
    o.burn_in.unit = o.reweight_ramp.unit = CAIRN_STEPS;
    o.burn_in.amount = o.reweight_ramp.amount = 0;
    return o;
}

static void check_row(const float *actual, const double *expected, int n, double tolerance)
{
    for (int i = 0; i < n; i++)
        CHECK_NEAR((double)actual[i], expected[i], tolerance);
}

/* ---- weights of examples --------------------------------------------------------------------- */

static const float golden_losses[4] = {0.1F, 0.5F, 2, 4};

TEST(weights_of_examples_are_those_worked_out)
{
    static const struct {
        int divergence;
        double a, lambda, w[4];
    } cases[] = {
        {CAIRN_DIVERGENCE_ALPHA, -1, 1, {.380280, .294563, .186298, .138859}},
        {CAIRN_DIVERGENCE_REVERSE_KL, 9, 1, {.431034, .316092, .158046, .094828}},
        {CAIRN_DIVERGENCE_ALPHA, 0, 1, {.431034, .316092, .158046, .094828}},
        {CAIRN_DIVERGENCE_ALPHA, 0.1, 1, {.438456, .319311, .153698, .088535}},
        {CAIRN_DIVERGENCE_RENYI, 0.1, 1, {.438456, .319311, .153698, .088535}},
        {CAIRN_DIVERGENCE_HELLINGER, 9, 1, {.475347, .335405, .131018, .058230}},
        {CAIRN_DIVERGENCE_KL, 9, 1, {.543440, .364279, .081282, .011000}},
        {CAIRN_DIVERGENCE_CHI2, 9, 1, {.642857, .357143, 0, 0}},
        {CAIRN_DIVERGENCE_ALPHA, 0.1, 0.1, {.703571, .215978, .054475, .025977}},
        {CAIRN_DIVERGENCE_CHI2, 9, 0.05, {1, 0, 0, 0}}, /* below the lowest loss */
    };
    for (size_t i = 0; i < CAIRN__COUNT(cases); i++) {
        cairn_reweight_options o = options_of(cases[i].divergence, cases[i].lambda);
        float w[4];
        o.reweight_alpha = cases[i].a;
        weigh(golden_losses, 4, &o, w);
        check_row(w, cases[i].w, 4, 1.5e-6);
    }
}

TEST(a_radius_is_met)
{
    static const struct {
        int divergence;
        double radius, w[4];
    } cases[] = {
        {CAIRN_DIVERGENCE_KL, 0.1, {.373556, .326842, .198050, .101552}},
        {CAIRN_DIVERGENCE_REVERSE_KL, 0.1, {.385213, .312862, .183570, .118355}},
        {CAIRN_DIVERGENCE_CHI2, 0.2, {.363226, .334007, .224433, .078334}},
        {CAIRN_DIVERGENCE_TV, 0.3, {.55, .25, .2, 0}},
        {CAIRN_DIVERGENCE_TV, 2, {1, 0, 0, 0}},
        {CAIRN_DIVERGENCE_KL, 2, {1, 0, 0, 0}}, /* beyond log 4, the most there is */
    };
    for (size_t i = 0; i < CAIRN__COUNT(cases); i++) {
        cairn_reweight_options o = options_of(cases[i].divergence, 1);
        float w[4];
        o.reweight_radius = cases[i].radius;
        weigh(golden_losses, 4, &o, w);
        check_row(w, cases[i].w, 4, 5e-6);
    }
}

/* Renyi's divergence is a function of D_a: the radius alone is rescaled. */
TEST(renyi_radius_is_that_of_alpha_rescaled)
{
    cairn_reweight_options o = options_of(CAIRN_DIVERGENCE_RENYI, 1);
    float w[4];
    double sum = 0;
    o.reweight_alpha = 0.3;
    o.reweight_radius = 0.15;
    weigh(golden_losses, 4, &o, w);
    for (int i = 0; i < 4; i++)
        sum += pow((double)w[i], 0.3) * pow(0.25, 0.7);
    CHECK_NEAR(log(sum) / (0.3 - 1), 0.15, 2e-5);
}

TEST(weights_near_kl_go_over_into_it)
{
    cairn_reweight_options o = options_of(CAIRN_DIVERGENCE_ALPHA, 1);
    cairn_reweight_options kl = options_of(CAIRN_DIVERGENCE_KL, 1);
    static const double near[] = {0.9995, 1.0005, 1.0000001};
    float w[4], v[4];
    weigh(golden_losses, 4, &kl, v);
    for (int k = 0; k < 3; k++) {
        o.reweight_alpha = near[k];
        weigh(golden_losses, 4, &o, w);
        /* 1 / 2 of (1 - a) (l / lambda)^2 w, at most 1.3e-4 * w at these losses, less the change of
         * the sum. */
        for (int i = 0; i < 4; i++)
            CHECK_NEAR((double)w[i], (double)v[i], k == 2 ? 1e-6 : 1.5e-4);
    }
}

enum { BATCH = 64 };

static void random_losses(uint64_t stream, float *l)
{
    cairn_random_uniform_fill(test_seed(), stream, BATCH, l);
    for (int i = 0; i < BATCH; i++)
        l[i] = -3 * logf(l[i] + 1e-3F);
}

static double chi2(const float *w, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += n * pow((double)w[i] - 1.0 / n, 2);
    return sum;
}

/* Sum 1, none below 0, never more for a higher loss, never worse than the mean, nearer to uniform
 * as lambda rises, and uniform at its end. */
TEST(weights_are_a_distribution_that_prefers_low_losses)
{
    for (int divergence = CAIRN_DIVERGENCE_ALPHA; divergence <= CAIRN_DIVERGENCE_TV; divergence++) {
        double before = INFINITY;
        for (int step = 0; step < 6; step++) {
            float l[BATCH], w[BATCH];
            double lambda = 0.05 * pow(8, step), sum = 0, objective = 0, mean = 0;
            cairn_reweight_options o = options_of(divergence, lambda);
            o.reweight_radius = divergence == CAIRN_DIVERGENCE_TV ? 0.5 / (1 + lambda) : 0;
            random_losses(5, l);
            weigh(l, BATCH, &o, w);
            for (int i = 0; i < BATCH; i++) {
                sum += (double)w[i];
                objective += (double)(w[i] * l[i]);
                mean += (double)l[i] / BATCH;
                CHECK(w[i] >= 0);
                for (int k = 0; k < BATCH; k++)
                    CHECK(l[i] >= l[k] || w[i] >= w[k] * (1 - 1e-5F));
            }
            CHECK_NEAR(sum, 1, 1e-5);
            CHECK(objective <= mean * (1 + 1e-6));
            CHECK(chi2(w, BATCH) <= before * (1 + 1e-5));
            before = chi2(w, BATCH);
        }
        CHECK(before < 1e-3);
        if (divergence == CAIRN_DIVERGENCE_TV)
            continue;
        cairn_reweight_options o = options_of(divergence, INFINITY);
        float l[BATCH], w[BATCH];
        random_losses(6, l);
        weigh(l, BATCH, &o, w);
        for (int i = 0; i < BATCH; i++)
            CHECK(w[i] == 1.0F / BATCH);
    }
}

TEST(only_kl_and_tv_ignore_a_constant)
{
    for (int divergence = CAIRN_DIVERGENCE_ALPHA; divergence <= CAIRN_DIVERGENCE_TV; divergence++) {
        float l[BATCH], w[BATCH], v[BATCH];
        double change = 0;
        cairn_reweight_options o = options_of(divergence, 3);
        o.reweight_radius = divergence == CAIRN_DIVERGENCE_TV ? 0.3 : 0;
        random_losses(7, l);
        weigh(l, BATCH, &o, w);
        for (int i = 0; i < BATCH; i++)
            l[i] += 2;
        weigh(l, BATCH, &o, v);
        for (int i = 0; i < BATCH; i++)
            change = fmax(change, fabs((double)w[i] - (double)v[i]));
        bool same = divergence == CAIRN_DIVERGENCE_KL || divergence == CAIRN_DIVERGENCE_TV;
        CHECK(same ? change < 1e-6 : change > 1e-3);
    }
}

/* Losses from 0 to 1e4, and all equal: nothing overflows, and the lowest take all. */
TEST(extreme_losses_give_finite_weights)
{
    static const float wide[4] = {0, 0, 1e4F, 3e4F}, equal[4] = {7, 7, 7, 7};
    for (int divergence = CAIRN_DIVERGENCE_ALPHA; divergence < CAIRN_DIVERGENCE_TV; divergence++) {
        cairn_reweight_options o = options_of(divergence, 1e-3);
        float w[4];
        weigh(wide, 4, &o, w);
        CHECK_NEAR((double)w[0], 0.5, 1e-3);
        CHECK_NEAR((double)w[2], 0, 1e-3);
        weigh(equal, 4, &o, w);
        CHECK_NEAR((double)w[3], 0.25, 1e-6);
        o.reweight_radius = 0.2;
        weigh(equal, 4, &o, w);
        CHECK_NEAR((double)w[3], 0.25, 1e-6);
    }
}

/* ---- weights of classes ---------------------------------------------------------------------- */

static void weigh_classes(const float *logits, const float *y, int n, int classes, int divergence,
                          double gamma, float *v)
{
    cairn_graph *g = cairn_graph_new();
    cairn_reweight_options o = cairn_reweight_defaults();
    o.class_reweight = divergence;
    o.class_gamma = gamma;
    run_graph(g, cairn_class_weights(rows(g, logits, n, classes), rows(g, y, n, classes), &o),
              n * classes, v);
}

static void weigh_label(const float *logits, int32_t label, int classes, int divergence,
                        double gamma, float *v)
{
    cairn_graph *g = cairn_graph_new();
    cairn_reweight_options o = cairn_reweight_defaults();
    o.class_reweight = divergence;
    o.class_gamma = gamma;
    run_graph(g,
              cairn_class_weights(rows(g, logits, 1, classes),
                                  cairn_constant(g, CAIRN_I32, CAIRN_SHAPE(1), &label), &o),
              classes, v);
}

static const float golden_logp[3] = {-.510826F, -1.203973F, -2.302585F};

TEST(weights_of_classes_are_those_worked_out)
{
    static const struct {
        int divergence;
        double gamma, v[3], loss;
    } cases[] = {
        {CAIRN_CLASS_TV, 0.2, {.2, 0, .8}, 1.9442332},
        {CAIRN_CLASS_L1, 0.2, {.1, 0, .9}, 2.1234091},
        {CAIRN_CLASS_KL, 0.01, {.0099501663, 0, .9900498}, 2.2847568},
        {CAIRN_CLASS_KL, 0.5, {.3934693, 0, .6065307}, 1.5975905},
        {CAIRN_CLASS_L2, 0.1, {.204998, .033450, .761553}, 1.8985305},
        {CAIRN_CLASS_L2, 0.02, {.091678, .014959, .893363}, NAN},
        {CAIRN_CLASS_L2, 2.5, {1, 0, 0}, .510826},
        {CAIRN_CLASS_HELLINGER, 0.1, {.19, 0, .81}, NAN},
        {CAIRN_CLASS_ALPHA, 0.4, {.19, 0, .81}, NAN}, /* a = 1/2: 4 times the distance above */
    };
    static const float one_hot[3] = {0, 0, 1};
    for (size_t i = 0; i < CAIRN__COUNT(cases); i++)
        for (int soft = 0; soft < 2; soft++) {
            float v[3];
            double loss = 0;
            if (soft)
                weigh_classes(golden_logp, one_hot, 1, 3, cases[i].divergence, cases[i].gamma, v);
            else
                weigh_label(golden_logp, 2, 3, cases[i].divergence, cases[i].gamma, v);
            check_row(v, cases[i].v, 3, 5e-6);
            for (int k = 0; k < 3; k++)
                loss -= (double)(v[k] * golden_logp[k]);
            if (!isnan(cases[i].loss))
                CHECK_NEAR(loss, cases[i].loss, 1e-5);
        }
}

TEST(soft_targets_give_the_weights_worked_out)
{
    static const float y[2][3] = {{.7F, .3F, 0}, {.3F, 0, .7F}};
    static const double expected[2][3] = {{.828738, .171262, 0}, {.454597, 0, .545403}};
    for (int i = 0; i < 2; i++) {
        float v[3];
        weigh_classes(golden_logp, y[i], 1, 3, CAIRN_CLASS_KL, 0.05, v);
        check_row(v, expected[i], 3, 1e-5);
    }
}

/* The distance of v from y in the units of each divergence. */
static double class_distance(int divergence, const float *y, const float *v, int n)
{
    double sum = 0;
    for (int k = 0; k < n; k++) {
        double a = (double)y[k], b = (double)v[k];
        sum += divergence == CAIRN_CLASS_TV   ? fabs(a - b) / 2
               : divergence == CAIRN_CLASS_L1 ? fabs(a - b)
               : divergence == CAIRN_CLASS_KL ? (a > 0 ? a * log(a / b) : 0)
               : divergence == CAIRN_CLASS_L2 ? (a - b) * (a - b)
                                              : sqrt(a * b);
    }
    return divergence == CAIRN_CLASS_HELLINGER ? 1 - sum
           : divergence == CAIRN_CLASS_ALPHA   ? 4 * (1 - sum)
                                               : sum;
}

enum { CLASSES = 5, ROWS = 40 };

/* A distribution in some rows with classes of no mass. */
static void random_rows(float *z, float *y)
{
    cairn_random_normal_fill(test_seed(), 11, ROWS * CLASSES, z);
    cairn_random_uniform_fill(test_seed(), 12, ROWS * CLASSES, y);
    for (int i = 0; i < ROWS; i++) {
        float sum = 0;
        for (int k = 0; k < CLASSES; k++) {
            float *cell = &y[i * CLASSES + k];
            *cell = i % 2 && *cell < 0.5F ? 0 : *cell;
            sum += *cell;
        }
        for (int k = 0; k < CLASSES; k++)
            y[i * CLASSES + k] = sum > 0 ? y[i * CLASSES + k] / sum : 1.0F / CLASSES;
    }
}

/* Within the radius, tight unless all mass is on the best class, and no random feasible
 * distribution has a smaller loss. */
TEST(soft_class_weights_are_the_minimum)
{
    static float z[ROWS * CLASSES], y[ROWS * CLASSES], v[ROWS * CLASSES], u[CLASSES];
    const double gamma = 0.07;
    random_rows(z, y);
    for (int divergence = CAIRN_CLASS_TV; divergence <= CAIRN_CLASS_L2; divergence++) {
        weigh_classes(z, y, ROWS, CLASSES, divergence, gamma, v);
        for (int i = 0; i < ROWS; i++) {
            const float *zi = z + i * CLASSES, *yi = y + i * CLASSES, *vi = v + i * CLASSES;
            double sum = 0, loss = 0;
            for (int k = 0; k < CLASSES; k++) {
                CHECK(vi[k] >= -1e-6F);
                sum += (double)vi[k];
                loss -= (double)(vi[k] * zi[k]);
            }
            double d = class_distance(divergence, yi, vi, CLASSES);
            CHECK_NEAR(sum, 1, 1e-5);
            CHECK(d <= gamma + 2e-4);
            CHECK(d >= gamma - 2e-3 || chi2(vi, CLASSES) > CLASSES - 1.01);
            for (int trial = 0; trial < 50; trial++) {
                float noise[CLASSES], total = 0;
                double other = 0;
                cairn_random_uniform_fill(test_seed(), 100 + (uint64_t)trial, CLASSES, noise);
                for (int k = 0; k < CLASSES; k++)
                    total += u[k] = fmaxf(vi[k] + 0.05F * (noise[k] - 0.5F), 0);
                for (int k = 0; k < CLASSES; k++)
                    other -= (double)((u[k] /= total) * zi[k]);
                if (class_distance(divergence, yi, u, CLASSES) <= gamma)
                    CHECK(other >= loss - 1e-3);
            }
        }
    }
}

TEST(a_label_that_is_the_most_probable_class_stays)
{
    for (int divergence = CAIRN_CLASS_TV; divergence <= CAIRN_CLASS_L2; divergence++) {
        float v[3];
        weigh_label(golden_logp, 0, 3, divergence, 0.3, v);
        check_row(v, (const double[]){1, 0, 0}, 3, 1e-6);
        weigh_label(golden_logp, -1, 3, divergence, 0.3, v); /* no label: no weight */
        check_row(v, (const double[]){0, 0, 0}, 3, 0);
    }
}

/* ---- the objective --------------------------------------------------------------------------- */

/* The loss and the gradient of logits [n, classes], in out[0] and out[1 ..]. */
static void objective(const float *z, const int32_t *labels, int n, int classes,
                      const cairn_reweight_options *o, float *out)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor logits = cairn_input(g, "z", CAIRN_F32, CAIRN_SHAPE(n, classes));
    cairn_tensor y = cairn_constant(g, CAIRN_I32, CAIRN_SHAPE(n), labels), dz;
    cairn_tensor loss = o ? cairn_reweighted_cross_entropy(logits, y, o).loss
                          : cairn_mean(cairn_cross_entropy(logits, y));
    cairn_gradients(loss, &logits, 1, &dz);
    cairn_tensor parts[] = {cairn_reshape(loss, CAIRN_SHAPE(1)),
                            cairn_reshape(dz, CAIRN_SHAPE(n * classes))};
    run_with(g, z, n * classes, cairn_concat(parts, 2, 0), 1 + n * classes, out);
}

static void random_problem(float *z, int32_t *labels)
{
    cairn_random_normal_fill(test_seed(), 21, ROWS * CLASSES, z);
    for (int i = 0; i < ROWS; i++)
        labels[i] = (int32_t)((i * 7) % CLASSES);
}

/* w_i (p - v_i), with both held constant. */
TEST(the_gradient_is_the_weight_times_the_error)
{
    static float z[ROWS * CLASSES], out[1 + ROWS * CLASSES], w[ROWS], v[CLASSES], losses[ROWS];
    int32_t labels[ROWS];
    cairn_reweight_options o = options_of(CAIRN_DIVERGENCE_ALPHA, 0.5);
    o.class_reweight = CAIRN_CLASS_TV;
    o.class_gamma = 0.2;
    random_problem(z, labels);
    objective(z, labels, ROWS, CLASSES, &o, out);
    double p[ROWS][CLASSES], loss = 0;
    for (int i = 0; i < ROWS; i++) {
        double sum = 0, l = 0;
        weigh_label(z + i * CLASSES, labels[i], CLASSES, CAIRN_CLASS_TV, 0.2, v);
        for (int k = 0; k < CLASSES; k++)
            sum += p[i][k] = exp((double)z[i * CLASSES + k]);
        for (int k = 0; k < CLASSES; k++)
            l -= (double)v[k] * log(p[i][k] /= sum);
        losses[i] = (float)l;
    }
    weigh(losses, ROWS, &o, w);
    for (int i = 0; i < ROWS; i++) {
        weigh_label(z + i * CLASSES, labels[i], CLASSES, CAIRN_CLASS_TV, 0.2, v);
        loss += (double)(w[i] * losses[i]);
        for (int k = 0; k < CLASSES; k++)
            CHECK_NEAR((double)out[1 + i * CLASSES + k], (double)w[i] * (p[i][k] - (double)v[k]),
                       1e-6);
    }
    CHECK_NEAR((double)out[0], loss, 1e-5);
}

TEST(without_divergences_it_is_cross_entropy_to_the_bit)
{
    static float z[ROWS * CLASSES], a[1 + ROWS * CLASSES], b[1 + ROWS * CLASSES];
    int32_t labels[ROWS];
    cairn_reweight_options o = cairn_reweight_defaults();
    random_problem(z, labels);
    objective(z, labels, 32, CLASSES, NULL, a);
    objective(z, labels, 32, CLASSES, &o, b);
    CHECK(memcmp(a, b, (1 + 32 * CLASSES) * sizeof *a) == 0);
    o.class_reweight = CAIRN_CLASS_KL;
    o.class_gamma = 0;
    objective(z, labels, 32, CLASSES, &o, b);
    CHECK(memcmp(a, b, (1 + 32 * CLASSES) * sizeof *a) == 0);
    /* lambda = inf: the same weights, 1/32 each; the sum is of the same numbers. */
    o = options_of(CAIRN_DIVERGENCE_KL, INFINITY);
    objective(z, labels, 32, CLASSES, &o, b);
    CHECK(memcmp(a + 1, b + 1, 32 * CLASSES * sizeof *a) == 0);
    CHECK_NEAR((double)a[0], (double)b[0], 1e-6);
}

/* gamma = 0 gives CIW; TV of the classes is static hard bootstrapping. */
TEST(published_links_hold)
{
    static float z[ROWS * CLASSES], a[1 + ROWS * CLASSES], b[1 + ROWS * CLASSES];
    int32_t labels[ROWS];
    cairn_reweight_options o = options_of(CAIRN_DIVERGENCE_KL, 0.5);
    random_problem(z, labels);
    objective(z, labels, ROWS, CLASSES, &o, a);
    o.class_reweight = CAIRN_CLASS_TV;
    o.class_gamma = 0;
    objective(z, labels, ROWS, CLASSES, &o, b);
    CHECK(memcmp(a, b, sizeof a) == 0);

    o = options_of(CAIRN_DIVERGENCE_NONE, 1);
    o.class_reweight = CAIRN_CLASS_TV;
    o.class_gamma = 0.3;
    objective(z, labels, ROWS, CLASSES, &o, b);
    double boot = 0;
    for (int i = 0; i < ROWS; i++) {
        const float *row = z + i * CLASSES;
        double sum = 0;
        int best = 0;
        for (int k = 0; k < CLASSES; k++) {
            sum += exp((double)row[k]);
            best = row[k] > row[best] ? k : best;
        }
        boot -= 0.7 * ((double)row[labels[i]] - log(sum)) + 0.3 * ((double)row[best] - log(sum));
    }
    CHECK_NEAR((double)b[0], boot / ROWS, 1e-5);
}

/* Uniform for two steps, then lambda falls from 10 times its value over four. */
TEST(burn_in_and_ramp_follow_the_step)
{
    cairn_reweight_options o = options_of(CAIRN_DIVERGENCE_KL, 0.5);
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_graph *g = cairn_graph_new();
    cairn_tensor l = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(4), golden_losses);
    o.burn_in.amount = 2;
    o.reweight_ramp.amount = 4;
    cairn_output(cairn_reweighted_losses(l, &o).weights, "w");
    cairn_tensor counter = cairn_state(g, "counter", CAIRN_F32, CAIRN_SCALAR, CAIRN_ZEROS);
    cairn_assign(counter, cairn_add_scalar(counter, 1)); /* a run with updates moves the step */
    cairn_program *p = cairn_compile(g, cairn_cpu(), &status);
    static const double factors[] = {INFINITY, INFINITY, 10, 7.75, 5.5, 3.25, 1, 1};
    for (int i = 0; p && i < 8; i++) {
        float w[4], expected[4];
        cairn_reweight_options at = options_of(CAIRN_DIVERGENCE_KL, 0.5 * factors[i]);
        cairn_program_run(p, &status);
        cairn_program_fetch(p, "w", w, sizeof w, &status);
        weigh(golden_losses, 4, &at, expected);
        for (int k = 0; k < 4; k++)
            CHECK_NEAR((double)w[k], (double)expected[k], 1e-6);
    }
    CHECK_OK(status);
    cairn_program_free(p);
    cairn_graph_free(g);
}

/* ---- mixing ---------------------------------------------------------------------------------- */

TEST(mixing_ratios_are_those_worked_out)
{
    static const float m[4] = {.4F, .3F, .2F, .1F};
    static const int32_t partners[4] = {1, 0, 0, 2};
    float out[4];
    cairn_graph *g = cairn_graph_new();
    cairn_tensor w = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(4), m);
    cairn_tensor j = cairn_constant(g, CAIRN_I32, CAIRN_SHAPE(4), partners);
    run_graph(g, cairn_mix_ratio(w, j), 4, out);
    check_row(out, (const double[]){.571429, .428571, .333333, .333333}, 4, 1e-6);
    g = cairn_graph_new();
    w = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(4), m);
    run_graph(g, cairn_mix_trust(w), 4, out);
    check_row(out, (const double[]){.96875, .65625, .34375, .03125}, 4, 1e-6);
}

/* x holds its own number, targets the class: what was mixed with what can be read off. */
static void mix(int kind, const float *m, bool burning, float *out)
{
    enum { N = 64 };
    static float x[N], y[N * 2], z[N * 2];
    cairn_graph *g = cairn_graph_new();
    cairn_mixup_options o = cairn_mixup_defaults();
    for (int i = 0; i < N; i++) {
        x[i] = (float)i;
        y[2 * i + i % 2] = 1;
        z[2 * i] = 1;
    }
    o.mixup = kind;
    cairn_tensor burns = cairn_cast(cairn_fill(g, CAIRN_F32, CAIRN_SCALAR, burning), CAIRN_BOOL);
    cairn_mixed mixed = cairn_mix(rows(g, x, N, 1), rows(g, y, N, 2), rows(g, z, N, 2),
                                  cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(N), m), burns, &o);
    cairn_tensor parts[] = {mixed.x, mixed.targets,
                            cairn_unsqueeze(cairn_cast(mixed.partner, CAIRN_F32), 1),
                            cairn_unsqueeze(mixed.ratio, 1)};
    run_graph(g, cairn_concat(parts, 4, 1), 5 * N, out);
}

TEST(every_kind_of_mixing_mixes_inputs_and_targets_alike)
{
    float m[64], out[5 * 64];
    for (int i = 0; i < 64; i++)
        m[i] = i < 32 ? 1.0F / 32 : 0; /* half of the examples have no weight */
    for (int kind = CAIRN_MIXUP_BETA; kind <= CAIRN_MIXUP_LABEL_SMOOTH; kind++)
        for (int burning = 0; burning < 2; burning++) {
            double seen = 0, low = 0;
            mix(kind, m, burning, out);
            for (int i = 0; i < 64; i++) {
                const float *row = out + 5 * i;
                int j = (int)row[3];
                double r = (double)row[4];
                CHECK(j >= 0 && j < 64 && r >= 0 && r <= 1);
                CHECK_NEAR((double)row[0], r * i + (1 - r) * j, 1e-4);
                if (kind != CAIRN_MIXUP_LABEL_SMOOTH || burning)
                    CHECK_NEAR((double)row[1], r * !(i % 2) + (1 - r) * !(j % 2), 1e-6);
                CHECK_NEAR((double)(row[1] + row[2]), 1, 1e-5);
                seen += j;
                low += j >= 32;
                if (!burning && kind == CAIRN_MIXUP_SAMPLE_WEIGHT)
                    CHECK_NEAR(r, i < 32 ? 0.5 : 0, 1e-6);
            }
            bool draws = kind == CAIRN_MIXUP_SAMPLE || kind == CAIRN_MIXUP_SAMPLE_WEIGHT;
            if (!burning && draws)
                CHECK(low == 0);
            else
                CHECK_NEAR(seen, 63 * 32, 0); /* an order has each once */
        }
}

TEST(partners_are_drawn_in_proportion_to_the_weights)
{
    enum { N = 4096 };
    static float m[N], index[N];
    int count[4] = {0};
    cairn_graph *g = cairn_graph_new();
    cairn_mixup_options o = cairn_mixup_defaults();
    for (int i = 0; i < N; i++)
        m[i] = (float)(i / (N / 4) + 1);
    o.mixup = CAIRN_MIXUP_SAMPLE;
    cairn_tensor z = cairn_fill(g, CAIRN_F32, CAIRN_SHAPE(N, 2), 0), none = {.graph = NULL};
    cairn_mixed mixed =
        cairn_mix(z, z, z, cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(N), m), none, &o);
    run_graph(g, cairn_cast(mixed.partner, CAIRN_F32), N, index);
    for (int i = 0; i < N; i++)
        count[(int)index[i] / (N / 4)]++;
    for (int k = 0; k < 4; k++) /* five deviations */
        CHECK_NEAR(count[k], N * (k + 1) / 10.0, 5 * sqrt(N * 0.1 * (k + 1) * (1 - 0.1 * (k + 1))));
}

TEST(beta_values_have_mean_and_variance_of_beta)
{
    enum { N = 20000 };
    static float x[N];
    static const double as[] = {0.2, 1, 2, 32};
    for (int k = 0; k < 4; k++) {
        cairn_graph *g = cairn_graph_new();
        double mean = 0, square = 0, variance = 1 / (4 * (2 * as[k] + 1));
        run_graph(g, cairn_random_beta(g, as[k], CAIRN_SHAPE(N)), N, x);
        for (int i = 0; i < N; i++) {
            CHECK(x[i] >= 0 && x[i] <= 1);
            mean += (double)x[i] / N;
            square += (double)(x[i] * x[i]) / N;
        }
        CHECK_NEAR(mean, 0.5, 5 * sqrt(variance / N));
        CHECK_NEAR(square - mean * mean, variance, 0.04 * variance);
    }
}

/* ---- competitors ----------------------------------------------------------------------------- */

static void tempered(const float *z, int label, double t1, double t2, float out[4])
{
    static const float y[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
    cairn_graph *g = cairn_graph_new();
    cairn_tensor logits = cairn_input(g, "z", CAIRN_F32, CAIRN_SHAPE(1, 3)), dz;
    cairn_tensor loss = cairn_sum(cairn_bitempered_loss(logits, rows(g, y[label], 1, 3), t1, t2));
    cairn_gradients(loss, &logits, 1, &dz);
    cairn_tensor parts[] = {cairn_reshape(loss, CAIRN_SHAPE(1)), cairn_reshape(dz, CAIRN_SHAPE(3))};
    run_with(g, z, 3, cairn_concat(parts, 2, 0), 4, out);
}

TEST(bitempered_loss_and_gradient_are_those_worked_out)
{
    static const float z[3] = {1, 0, -1};
    float out[4];
    tempered(z, 0, 0.8, 1.4, out);
    CHECK_NEAR((double)out[0], .4076673, 2e-6);
    tempered(z, 2, 0.8, 1.4, out);
    check_row(out, (const double[]){1.3746385, .2380338, .0717157, -.3097495}, 4, 5e-6);
    tempered(z, 2, 1, 1, out);
    CHECK_NEAR((double)out[0], 2.4076060, 2e-6);
}

TEST(active_passive_losses_are_those_worked_out)
{
    static const float y[3] = {0, 0, 1};
    static const struct {
        double active, passive;
        bool mean;
        double loss;
    } cases[] = {{1, 0, false, .5731554},
                 {0, 1, false, 8.2893063},
                 {0, 1, true, .9},
                 {2, 0.5, true, 2 * .5731554 + .45}};
    for (size_t i = 0; i < CAIRN__COUNT(cases); i++) {
        float out;
        cairn_graph *g = cairn_graph_new();
        run_graph(g,
                  cairn_active_passive_loss(rows(g, golden_logp, 1, 3), rows(g, y, 1, 3),
                                            cases[i].active, cases[i].passive, cases[i].mean),
                  1, &out);
        CHECK_NEAR((double)out, cases[i].loss, 5e-6);
    }
}

/* ---- errors ---------------------------------------------------------------------------------- */

static void check_fails(cairn_graph *g, const char *part)
{
    cairn_status status = cairn_graph_status(g);
    CHECK(status.code != CAIRN_OK);
    CHECK_CONTAINS(status.message, part);
    cairn_graph_free(g);
}

TEST(bad_calls_are_errors_of_the_graph)
{
    cairn_graph *g = cairn_graph_new();
    cairn_reweight_options o = options_of(CAIRN_DIVERGENCE_KL, 0);
    cairn_instance_weights(cairn_fill(g, CAIRN_F32, CAIRN_SHAPE(4), 1), &o);
    check_fails(g, "reweight_lambda");
    g = cairn_graph_new();
    cairn_instance_weights(cairn_fill(g, CAIRN_F32, CAIRN_SHAPE(4, 2), 1), NULL);
    check_fails(g, "losses [4,2], expected [B]");
    g = cairn_graph_new();
    cairn_class_weights(cairn_fill(g, CAIRN_F32, CAIRN_SHAPE(4, 2), 1),
                        cairn_fill(g, CAIRN_F32, CAIRN_SHAPE(4, 3), 1), NULL);
    check_fails(g, "logits [4,2] and targets [4,3]");
    g = cairn_graph_new();
    o = cairn_reweight_defaults();
    o.reweight = CAIRN_DIVERGENCE_KL; /* spans in percent */
    cairn_reweighted_losses(cairn_fill(g, CAIRN_F32, CAIRN_SHAPE(4), 1), &o);
    check_fails(g, "cairn_reweight_resolve()");
    g = cairn_graph_new();
    cairn_bitempered_loss(cairn_fill(g, CAIRN_F32, CAIRN_SHAPE(4, 2), 1),
                          cairn_fill(g, CAIRN_F32, CAIRN_SHAPE(4, 2), 1), 1.5, 1.2);
    check_fails(g, "temperatures 1.5 and 1.2");
    g = cairn_graph_new();
    cairn_random_beta(g, 0, CAIRN_SHAPE(4));
    check_fails(g, "expected 0.05 to 32");
}

/* ---- the method ------------------------------------------------------------------------------ */

enum { MOST = 1000 };

static cairn__cicw_run small_run(void)
{
    cairn__cicw_run run = cairn__cicw_run_defaults();
    snprintf(run.model.layers, CAIRN_TEXT_SIZE, "16");
    run.reweight.burn_in = (cairn_span){20, CAIRN_PERCENT};
    return run;
}

/* Two moons with a third of the labels flipped: trains, and gives the figures. */
static void measure(const cairn__cicw_run *run, int64_t points, double epochs, double *figures)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_dataset *data = cairn__two_moons(points, 3, &status);
    cairn__cicw_trial trial = {.data = data,
                               .run = run,
                               .noise = 0.3,
                               .epochs = epochs,
                               .batch = 50,
                               .seed = 1,
                               .items = 100,
                               .tuning = 50};
    CHECK(cairn__cicw_run_check(run, data, &status));
    CHECK(cairn__cicw_measure(&trial, figures, &status));
    CHECK_OK(status);
    cairn_dataset_free(data);
}

TEST(every_combination_of_options_trains)
{
    double f[CAIRN__CICW_FIGURES];
    for (int divergence = 0; divergence <= CAIRN_DIVERGENCE_TV; divergence++) {
        cairn__cicw_run run = small_run();
        run.reweight.reweight = divergence;
        run.reweight.reweight_lambda = 3;
        run.reweight.reweight_radius = divergence == CAIRN_DIVERGENCE_TV ? 0.2 : 0;
        run.reweight.class_reweight = divergence % (CAIRN_CLASS_L2 + 1);
        measure(&run, 400, 6, f);
        CHECK(f[CAIRN__CICW_LAST] > 0.6); /* chance is 0.5 */
    }
    for (int kind = 0; kind <= CAIRN_MIXUP_LABEL_SMOOTH; kind++)
        for (int classes = CAIRN_CLASS_NONE; classes <= CAIRN_CLASS_L2; classes += 3) {
            cairn__cicw_run run = small_run();
            run.reweight.reweight_lambda = 2.5;
            run.mixup.mixup = kind;
            run.reweight.class_reweight = classes;
            measure(&run, 400, 6, f);
            CHECK(f[CAIRN__CICW_LAST] > 0.6);
        }
    for (int loss = CAIRN__CICW_BITEMPERED; loss <= CAIRN__CICW_NCE_MAE; loss++) {
        cairn__cicw_run run = small_run();
        run.model.loss = loss;
        measure(&run, 400, 6, f);
        CHECK(f[CAIRN__CICW_LAST] > 0.6);
    }
}

/* The claim in small: wrong labels stand out by their loss. */
TEST(wrong_labels_are_found)
{
    cairn__cicw_run run = small_run();
    double f[CAIRN__CICW_FIGURES];
    measure(&run, 800, 60, f);
    CHECK(f[CAIRN__CICW_AUC] > 0.85);
    CHECK(f[CAIRN__CICW_LAST] > 0.8);
    CHECK(f[CAIRN__CICW_MEMORISED] < 0.25);
}

TEST(suspects_are_ranked_and_judged)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__cicw_run run = small_run();
    cairn_dataset *data = cairn__two_moons(400, 3, &status), *noisy = NULL;
    cairn__cicw_trial trial = {
        .data = data, .run = &run, .noise = 0.3, .epochs = 3, .batch = 50, .seed = 1};
    cairn_trainer *t = cairn__cicw_train(&trial, &noisy, &status);
    cairn__suspects found;
    cairn_problem problem;
    cairn__cicw_run_problem(&run, &problem);
    CHECK(cairn__suspects_find(&problem, cairn_trainer_graph(t), NULL, noisy, NULL, MOST, &found,
                               &status));
    CHECK_OK(status);
    CHECK_INT(found.n, 200);
    /* The area under the curve is the share of pairs in the right order. */
    double above = 0, pairs = 0, sum = 0;
    int64_t wrong = 0, memorised = 0;
    for (int64_t i = 0; i < found.n; i++) {
        const cairn__suspect *s = &found.list[i];
        CHECK(i == 0 ||
              (s->loss <= found.list[i - 1].loss && s->weight >= found.list[i - 1].weight));
        CHECK_NEAR(s->loss, -log(s->probability), 1e-9);
        sum += s->weight / 200;
        wrong += s->truth != s->label;
        memorised += s->truth != s->label && s->guess == s->label;
        for (int64_t k = 0; k < found.n; k++) {
            const cairn__suspect *r = &found.list[k];
            if (s->truth == s->label || r->truth != r->label)
                continue;
            pairs++;
            above += s->loss > r->loss ? 1 : s->loss == r->loss ? 0.5 : 0;
        }
    }
    CHECK_NEAR(sum, 1, 1e-4);
    CHECK_INT(found.wrong, wrong);
    CHECK_NEAR(found.auc, above / pairs, 1e-9);
    CHECK_NEAR(found.memorised, (double)memorised / (double)wrong, 1e-12);
    cairn__suspects_free(&found);
    cairn_trainer_free(t);
    cairn_dataset_free(noisy);
    cairn_dataset_free(data);
}

TEST(results_do_not_depend_on_the_number_of_threads)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_dataset *data = cairn__two_moons(800, 3, &status);
    double loss[2];
    for (int i = 0; i < 2; i++) {
        cairn__cicw_run run = small_run();
        cairn_train_options o = cairn_train_defaults();
        cairn_problem problem;
        run.reweight.class_reweight = CAIRN_CLASS_KL;
        run.mixup.mixup = CAIRN_MIXUP_SAMPLE_WEIGHT;
        o.batch = 200;
        o.length = (cairn_span){20, CAIRN_EPOCHS};
        o.threads = 1 + 2 * i;
        cairn__cicw_run_problem(&run, &problem);
        cairn_train_setup setup = {.problem = &problem, .data = data, .options = &o};
        cairn_trainer *t = cairn_trainer_new(&setup, &status);
        while (t && cairn_trainer_advance(t, 1e9, &status)) {
        }
        loss[i] = t ? cairn_trainer_figure(t, "test/loss") : NAN;
        cairn_trainer_free(t);
    }
    CHECK_OK(status);
    CHECK(loss[0] == loss[1]);
    cairn_dataset_free(data);
}

/* Draws of partners and ratios, the phase, and wrong labels all follow from seed and step. */
TEST(a_resumed_run_ends_with_the_same_bits)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_dataset *data = cairn__two_moons(400, 3, &status);
    cairn__cicw_run run = small_run();
    cairn_train_options o = cairn_train_defaults();
    cairn_problem problem;
    char *bytes[2];
    size_t size[2];
    run.reweight.class_reweight = CAIRN_CLASS_KL;
    run.mixup.mixup = CAIRN_MIXUP_SAMPLE_WEIGHT;
    o.batch = 20;
    o.length = (cairn_span){30, CAIRN_STEPS};
    cairn__cicw_run_problem(&run, &problem);
    for (int stops = 0; stops < 2; stops++) {
        cairn_train_setup setup = {.problem = &problem,
                                   .data = data,
                                   .options = &o,
                                   .directory = test_path(stops ? "stopped" : "whole")};
        cairn_trainer *t = cairn_trainer_new(&setup, &status);
        for (int i = 0; stops && i < 7; i++)
            cairn_trainer_advance(t, 0, &status);
        if (stops) {
            cairn_trainer_interrupt(t, &status);
            cairn_trainer_free(t);
            setup.resume = true;
            t = cairn_trainer_new(&setup, &status);
        }
        while (t && cairn_trainer_advance(t, 1e9, &status)) {
        }
        cairn_trainer_free(t);
        bytes[stops] = test_read_file(
            test_path(stops ? "stopped/model.safetensors" : "whole/model.safetensors"),
            &size[stops]);
    }
    CHECK_OK(status);
    CHECK(bytes[0] && bytes[1] && size[0] == size[1] && memcmp(bytes[0], bytes[1], size[0]) == 0);
    cairn__free(bytes[0]);
    cairn__free(bytes[1]);
    cairn_dataset_free(data);
}

static cairn_dataset *three_classes(int n)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__text text = {0};
    cairn_data_options options = cairn_data_defaults();
    options.test_fraction = 0.5;
    cairn__text_add(&text, "a,b,label\n");
    for (int i = 0; i < n; i++)
        cairn__text_add(&text, "%d,%d,%d\n", i % 3, (i * 7) % 11, i % 3);
    cairn_dataset *d = cairn_dataset_parse(text.data, text.length, "three.csv", &options, &status);
    CHECK_OK(status);
    cairn__free(text.data);
    return d;
}

/* The whole experiment on a small table: kept trainings are read again, to the same claims. */
TEST(reproduction_is_resumed_from_what_it_kept)
{
    cairn_dataset *data = three_classes(240);
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_report_claim first[16], second[16];
    cairn__reproduction r = {.data = data, .quick = true, .directory = test_directory()};
    CHECK_INT(cairn__cicw_reproduce(&r, first, 16, &status), 10);
    CHECK_INT(cairn__cicw_reproduce(&r, second, 16, &status), 10);
    CHECK_OK(status);
    for (int i = 0; i < 10; i++) {
        CHECK(first[i].verdict == second[i].verdict);
        CHECK_NEAR(first[i].measured, second[i].measured, 1e-9);
        CHECK(first[i].lower <= first[i].upper);
    }
    volatile int stop = 1;
    r.stop = &stop;
    r.seeds = 4; /* one more, which is not there yet */
    CHECK_INT(cairn__cicw_reproduce(&r, second, 16, &status), -1);
    CHECK_INT(status.code, CAIRN_ERR_INTERRUPTED);
    cairn_dataset_free(data);
}

static void check_refused(const cairn__cicw_run *run, const char *part)
{
    cairn_status status = CAIRN_STATUS_INIT;
    CHECK(!cairn__cicw_run_check(run, NULL, &status));
    CHECK_INT(status.code, CAIRN_ERR_VALUE);
    CHECK_CONTAINS(status.message, part);
}

TEST(options_that_do_not_go_together_are_errors)
{
    cairn__cicw_run run = small_run();
    run.model.loss = CAIRN__CICW_BITEMPERED;
    run.reweight.class_reweight = CAIRN_CLASS_KL;
    check_refused(&run, "class_reweight: for --loss ce, and the loss is bitempered");
    run = small_run();
    run.reweight.reweight = CAIRN_DIVERGENCE_NONE;
    run.mixup.mixup = CAIRN_MIXUP_WEIGHT;
    check_refused(&run, "this kind mixes by weights");
    run = small_run();
    run.reweight.reweight = CAIRN_DIVERGENCE_TV;
    check_refused(&run, "reweight_radius: 0");
    run = small_run();
    snprintf(run.model.optimizer, CAIRN_TEXT_SIZE, "kfac");
    check_refused(&run, "kfac works on layers");
}
