/* Noisy Student and SSD: pseudo-labels, losses and corruptions against values worked out by hand,
 * and what must hold of them for any data. */
#include "cairn/ssd.h"

#include <math.h>
#include <string.h>

#include "base/base.h"
#include "cairn/autodiff.h"
#include "cairn/compile.h"
#include "methods/ssd/run.h"
#include "test.h"

/* ---- helpers --------------------------------------------------------------------------------- */

/* The output y of a graph, and the gradient of its sum with respect to z. */
static void run_graph(cairn_graph *g, cairn_tensor y, cairn_tensor z, float *value, int64_t n,
                      float *gradient, int64_t m)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_tensor dz;
    cairn_gradients(cairn_sum(y), &z, 1, &dz);
    cairn_output(y, "y");
    cairn_output(dz, "dz");
    cairn_program *p = cairn_compile(g, cairn_cpu(), &status);
    if (p && cairn_program_run(p, &status)) {
        cairn_program_fetch(p, "y", value, (size_t)n * sizeof *value, &status);
        cairn_program_fetch(p, "dz", gradient, (size_t)m * sizeof *gradient, &status);
    }
    CHECK_OK(status);
    cairn_program_free(p);
    cairn_graph_free(g);
}

static const float teacher_logits[] = {1, 2, 0}, student_logits[] = {2, 1, -1};

static double distil(double temperature, float gradient[3])
{
    float value = NAN;
    cairn_graph *g = cairn_graph_new();
    cairn_tensor t = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(1, 3), teacher_logits);
    cairn_tensor s = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(1, 3), student_logits);
    run_graph(g, cairn_distillation_loss(s, t, temperature), s, &value, 1, gradient, 3);
    return (double)value;
}

/* ---- losses ---------------------------------------------------------------------------------- */

TEST(distillation_is_the_divergence_and_its_gradient_p_minus_q)
{
    static const double expected[] = {.4606560416, -.4057444954, -.0549115462};
    float gradient[3];
    CHECK_NEAR(distil(1, gradient), 0.4519493102, 2e-6);
    for (int i = 0; i < 3; i++)
        CHECK_NEAR((double)gradient[i], expected[i], 1e-6);
}

TEST(a_temperature_is_on_both_sides_and_its_square_in_front)
{
    static const double expected[] = {.4708725734, -.2930990271, -.1777735463};
    float gradient[3];
    CHECK_NEAR(distil(4, gradient), .4618063246, 2e-5);
    for (int i = 0; i < 3; i++)
        CHECK_NEAR((double)gradient[i], expected[i], 2e-5);
    /* sum of (dz - mean dz)^2 over 2 K, where f32 still resolves it */
    CHECK_NEAR(distil(60, gradient), .4444444444, 3e-3);
    distil(1e4, gradient);
    CHECK_NEAR((double)gradient[0], (1.0 + 1.0 / 3) / 3, 2e-3);
}

TEST(soft_targets_have_the_teachers_entropy_as_their_floor)
{
    static const double q[] = {.2447284711, .6652409558, .0900305732};
    const float row[] = {(float)q[0], (float)q[1], (float)q[2]};
    float value = NAN, gradient[3];
    cairn_graph *g = cairn_graph_new();
    cairn_tensor t = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(1, 3), row);
    cairn_tensor s = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(1, 3), student_logits);
    run_graph(g, cairn_soft_cross_entropy(s, t), s, &value, 1, gradient, 3);
    CHECK_NEAR((double)value, 1.2843448921, 2e-6);
    CHECK_NEAR((double)value - distil(1, gradient), 0.8323955818, 3e-6);
}

TEST(a_student_that_equals_its_teacher_has_no_gradient)
{
    for (int k = 0; k < 3; k++) {
        static const double temperatures[] = {0.5, 1, 4};
        float value = NAN, gradient[3] = {9, 9, 9};
        cairn_graph *g = cairn_graph_new();
        cairn_tensor t = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(1, 3), teacher_logits);
        cairn_tensor s = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(1, 3), teacher_logits);
        run_graph(g, cairn_distillation_loss(s, t, temperatures[k]), s, &value, 1, gradient, 3);
        CHECK_NEAR((double)value, 0, 2e-5);
        for (int i = 0; i < 3; i++)
            CHECK_NEAR((double)gradient[i], 0, 1e-6);
    }
}

TEST(a_teacher_that_is_certain_is_a_label)
{
    static const float one_hot[] = {0, 1, 0};
    static const int32_t label[] = {1};
    float value[2] = {NAN, NAN}, gradient[2][3];
    for (int hard = 0; hard < 2; hard++) {
        cairn_graph *g = cairn_graph_new();
        cairn_tensor q = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(1, 3), one_hot);
        cairn_tensor y = cairn_constant(g, CAIRN_I32, CAIRN_SHAPE(1), label);
        cairn_tensor s = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(1, 3), student_logits);
        run_graph(g, hard ? cairn_cross_entropy(s, y) : cairn_distillation_loss_of(s, q, 1), s,
                  &value[hard], 1, gradient[hard], 3);
    }
    CHECK_NEAR((double)value[0], (double)value[1], 1e-6);
    for (int i = 0; i < 3; i++)
        CHECK_NEAR((double)gradient[0][i], (double)gradient[1][i], 1e-6);
}

TEST(a_bad_temperature_is_an_error_of_the_graph)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor s = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(1, 3), student_logits);
    cairn_distillation_loss(s, s, 0);
    CHECK_INT(cairn_graph_status(g).code, CAIRN_ERR_VALUE);
    CHECK_CONTAINS(cairn_graph_status(g).message, "temperature of 0");
    cairn_graph_free(g);
}

TEST(the_joint_loss_is_labelled_plus_the_ratio_times_unlabelled)
{
    static const float a[] = {0.25F, 0.75F}, b[] = {0.1F, 0.3F, 0.2F, 0.2F, 0.1F, 0.3F};
    for (int supervised = 0; supervised < 2; supervised++) {
        float value = NAN, gradient[6];
        cairn_graph *g = cairn_graph_new();
        cairn_tensor l = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(2), a);
        cairn_tensor u = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(6), b);
        run_graph(g, cairn_joint_loss(l, u, supervised ? 0 : 3), supervised ? l : u, &value, 1,
                  gradient, supervised ? 2 : 6);
        CHECK_NEAR((double)value, supervised ? 0.5 : 1.1, 1e-6);
        CHECK_NEAR((double)gradient[0], 0.5, 1e-6); /* 1 / 2, and 3 / 6 */
    }
}

TEST(smoothed_labels_cost_what_was_worked_out)
{
    static const float logits[] = {2, 1, -1};
    static const int32_t label[] = {0};
    float value = NAN, gradient[3];
    cairn_graph *g = cairn_graph_new();
    cairn_tensor s = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(1, 3), logits);
    cairn_tensor y = cairn_constant(g, CAIRN_I32, CAIRN_SHAPE(1), label);
    run_graph(g, cairn_softmax_cross_entropy(s, y, 0.1, 0), s, &value, 1, gradient, 3);
    CHECK_NEAR((double)value, 0.4823455, 1e-6);
}

TEST(survival_falls_in_a_line_to_the_last_block)
{
    static const double expected[] = {.96, .92, .88, .84, .80};
    for (int i = 0; i < 5; i++)
        CHECK_NEAR(cairn_survival(i + 1, 5, 0.8), expected[i], 1e-12);
    CHECK_NEAR(cairn_survival(3, 5, 1), 1, 0);
}

/* ---- pseudo-labels --------------------------------------------------------------------------- */

TEST(sharpening_stored_probabilities_is_a_temperature_of_their_logits)
{
    static const double q[] = {.6, .3, .1}, expected[] = {.7826086957, .1956521739, .0217391304};
    double out[3];
    cairn_sharpen(q, 3, 0.5, out);
    for (int i = 0; i < 3; i++)
        CHECK_NEAR(out[i], expected[i], 1e-9);
    cairn_sharpen(q, 3, 1, out);
    CHECK(memcmp(q, out, sizeof q) == 0);
    cairn_sharpen(q, 3, 0.01, out); /* hard labels are the limit */
    CHECK_NEAR(out[0], 1, 1e-12);
    CHECK_NEAR(out[2], 0, 1e-12);
}

/* Class A has 5 items (and one below the threshold), class B has 2, class C none. */
static const double seven[8][3] = {
    {.90, .05, .05}, {.20, .70, .10}, {.50, .25, .25}, {.80, .10, .10},
    {.60, .20, .20}, {.30, .65, .05}, {.70, .15, .15}, {.34, .33, .33},
};

static cairn_pseudo label_seven(int balance, int64_t seed, bool binned)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_pseudo_options o = cairn_pseudo_defaults();
    cairn_pseudo p;
    o.balance = balance;
    o.per_class = 3;
    o.min_confidence = 0.4;
    o.pseudo_seed = seed;
    o.binned = binned;
    cairn_pseudo_label(&seven[0][0], 8, 3, &o, &p, &status);
    CHECK_OK(status);
    return p;
}

TEST(balancing_keeps_the_most_confident_and_repeats_the_rare)
{
    double rows = 0;
    for (int64_t seed = 1; seed <= 400; seed++) {
        cairn_pseudo p = label_seven(CAIRN_BALANCE_REPEAT, seed, false);
        CHECK_INT(p.predicted[0], 6);
        CHECK_INT(p.kept[0], 5);
        CHECK_INT(p.kept[1], 2);
        CHECK_INT(p.used[0], 3);
        CHECK_INT(p.used[2], 0);
        CHECK(p.used[1] >= 2 && p.used[1] <= 4);
        CHECK_INT(p.item[0], 0);
        CHECK_INT(p.item[1], 1);
        rows += (double)p.used[1] / 400;
        for (int64_t i = 0; i < p.n; i++) /* of A the items 0, 3 and 6 */
            CHECK(p.item[i] != 2 && p.item[i] != 4 && p.item[i] != 7);
        cairn_pseudo_free(&p);
    }
    CHECK_NEAR(rows, 3, 0.15); /* expected count, four deviations */
}

TEST(without_repeats_a_rare_class_stays_rare)
{
    cairn_pseudo p = label_seven(CAIRN_BALANCE_TOPN, 1, false);
    CHECK_INT(p.n, 5);
    CHECK_INT(p.used[1], 2);
    cairn_pseudo_free(&p);
}

TEST(the_binned_cut_draws_the_same_number_from_above_its_threshold)
{
    static const double q[4][2] = {{.905, .095}, {.902, .098}, {.907, .093}, {.60, .40}};
    bool seen[4] = {false};
    for (int64_t seed = 1; seed <= 100; seed++) {
        cairn_status status = CAIRN_STATUS_INIT;
        cairn_pseudo_options o = cairn_pseudo_defaults();
        cairn_pseudo p;
        o.balance = CAIRN_BALANCE_TOPN;
        o.per_class = 2;
        o.binned = true;
        o.pseudo_seed = seed;
        cairn_pseudo_label(&q[0][0], 4, 2, &o, &p, &status);
        CHECK_OK(status);
        CHECK_INT(p.n, 2);
        for (int64_t i = 0; i < p.n; i++)
            seen[p.item[i]] = true;
        cairn_pseudo_free(&p);
    }
    CHECK(seen[0] && seen[1] && seen[2] && !seen[3]);
}

TEST(no_threshold_and_no_balance_keep_everything_once)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_pseudo_options o = cairn_pseudo_defaults();
    cairn_pseudo a, b;
    o.min_confidence = 0;
    o.balance = CAIRN_BALANCE_NONE;
    cairn_pseudo_label(&seven[0][0], 8, 3, &o, &a, &status);
    cairn_pseudo_label(&seven[0][0], 8, 3, &o, &b, &status);
    CHECK_OK(status);
    CHECK_INT(a.n, 8);
    for (int i = 0; i < 8; i++) {
        CHECK_INT(a.item[i], i);
        for (int c = 0; c < 3; c++)
            CHECK_NEAR((double)a.target[3 * i + c], seven[i][c], 1e-7);
    }
    CHECK(memcmp(a.target, b.target, sizeof(float) * 24) == 0);
    CHECK_INT(a.histogram[18], 1); /* 0.90 */
    cairn_pseudo_free(&a);
    cairn_pseudo_free(&b);
}

TEST(a_threshold_that_nothing_reaches_leaves_no_rows)
{
    for (int balance = CAIRN_BALANCE_NONE; balance <= CAIRN_BALANCE_REPEAT; balance++) {
        cairn_status status = CAIRN_STATUS_INIT;
        cairn_pseudo_options o = cairn_pseudo_defaults();
        cairn_pseudo p;
        o.min_confidence = 0.95;
        o.balance = balance;
        CHECK(cairn_pseudo_label(&seven[0][0], 8, 3, &o, &p, &status));
        CHECK_INT(p.n, 0);
        CHECK_INT(p.predicted[0], 6);
        cairn_pseudo_free(&p);
    }
}

TEST(hard_labels_are_smoothed_like_true_ones)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_pseudo_options o = cairn_pseudo_defaults();
    cairn_pseudo p;
    o.labels = CAIRN_PSEUDO_HARD;
    o.balance = CAIRN_BALANCE_NONE;
    cairn_pseudo_label(&seven[0][0], 8, 3, &o, &p, &status);
    CHECK_OK(status);
    CHECK_NEAR((double)p.target[0], .9333333, 1e-6);
    CHECK_NEAR((double)p.target[1], .0333333, 1e-6);
    cairn_pseudo_free(&p);
}

TEST(rows_that_are_no_probabilities_are_errors)
{
    static const double bad[2][2] = {{.5, .5}, {.9, .3}};
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_pseudo p;
    CHECK(!cairn_pseudo_label(&bad[0][0], 2, 2, NULL, &p, &status));
    CHECK_INT(status.code, CAIRN_ERR_VALUE);
    CHECK_CONTAINS(status.message, "row 1 of the teacher sums to 1.2");
    status = (cairn_status)CAIRN_STATUS_INIT;
    CHECK(!cairn_pseudo_label(&bad[0][0], 4, 1, NULL, &p, &status));
    CHECK_CONTAINS(status.message, "at least 2 classes");
}

TEST(labelling_survives_every_failing_allocation)
{
    for (int64_t k = 1; k <= 8; k++) {
        cairn_status status = CAIRN_STATUS_INIT;
        cairn_pseudo p;
        cairn__alloc_fail_after(k);
        bool good = cairn_pseudo_label(&seven[0][0], 8, 3, NULL, &p, &status);
        cairn__alloc_fail_after(0);
        CHECK_INT(good, k > 8);
        CHECK_INT(status.code, CAIRN_ERR_MEMORY);
        CHECK(p.item == NULL && p.target == NULL);
        cairn_pseudo_free(&p);
    }
}

/* ---- stages ---------------------------------------------------------------------------------- */

static cairn_dataset *little(cairn_status *status)
{
    cairn__text text = {.status = status};
    cairn_data_options o = cairn_data_defaults();
    cairn__text_add(&text, "a,b,label\n");
    for (int i = 0; i < 80; i++)
        cairn__text_add(&text, "%d.%d,%d,%d\n", i % 2 ? 1 : 4, i % 7, i % 5, i % 2);
    o.test_fraction = 0.25;
    cairn_dataset *d = cairn_dataset_parse(text.data, text.length, "little", &o, status);
    cairn__free(text.data);
    return d;
}

/* Trains stage `index`, whose teacher is `teacher`; the caller frees the trainer. */
static cairn_trainer *train_stage(cairn__ssd_stages *s, int index, const cairn_graph *teacher,
                                  cairn_status *status)
{
    cairn_stage stage;
    if (!cairn__ssd_prepare(s, index, teacher, NULL, &stage, status))
        return NULL;
    cairn_train_setup setup = {
        .problem = &stage.problem, .data = stage.data, .options = &stage.options};
    cairn_trainer *t = cairn_trainer_new(&setup, status);
    while (t && cairn_trainer_advance(t, 1, status))
        ;
    return t;
}

static cairn__ssd_run plain_run(int scheme)
{
    cairn__ssd_run run = cairn__ssd_run_defaults();
    run.model.scheme = scheme;
    run.model.teacher_width = run.model.student_width = 8;
    run.unlabelled.labelled_fraction = 0.25;
    run.noise.survival = 1;
    run.noise.dropout = 0;
    return run;
}

static cairn_train_options short_training(int64_t steps)
{
    cairn_train_options o = cairn_train_defaults();
    o.batch = 4;
    o.length = (cairn_span){(double)steps, CAIRN_STEPS};
    o.threads = 1;
    return o;
}

TEST(survival_1_and_dropout_0_train_like_no_noise_at_all)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_dataset *data = little(&status);
    double loss[2] = {0};
    for (int noise = 0; noise < 2; noise++) {
        cairn__ssd_run run = plain_run(CAIRN__SSD_SUPERVISED);
        cairn__ssd_stages s;
        cairn_train_options o = short_training(20);
        run.noise.teacher_noise = noise;
        CHECK(cairn__ssd_stages_begin(&s, &run, data, &o, &status));
        cairn_trainer *t = train_stage(&s, 0, NULL, &status);
        CHECK_OK(status);
        loss[noise] = t ? cairn_trainer_figure(t, "test/loss") : NAN;
        cairn_trainer_free(t);
        cairn__ssd_stages_end(&s);
    }
    CHECK(loss[0] == loss[1]);
    cairn_dataset_free(data);
}

TEST(stages_start_from_values_of_their_own_and_label_without_noise)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_dataset *data = little(&status);
    cairn__ssd_run run = plain_run(CAIRN__SSD_NOISY);
    cairn__ssd_stages s;
    cairn_train_options o = short_training(30);
    run.noise.dropout = 0.5;
    CHECK(cairn__ssd_stages_begin(&s, &run, data, &o, &status));
    CHECK_INT(cairn_dataset_count(s.labelled, CAIRN_SPLIT_TRAIN), 15);
    CHECK_INT(cairn_dataset_count(s.pool, CAIRN_SPLIT_TRAIN), 45);
    cairn_trainer *teacher = train_stage(&s, 0, NULL, &status);
    CHECK_OK(status);
    float *first = NULL;
    int64_t n = 0;
    for (int again = 0; teacher && again < 2; again++) {
        CHECK(cairn__ssd_label(&s, 1, cairn_trainer_graph(teacher), NULL, &status));
        if (again) {
            CHECK_INT(s.pseudo.n, n);
            CHECK(memcmp(first, s.pseudo.target, (size_t)n * 2 * sizeof *first) == 0);
        } else {
            n = s.pseudo.n;
            first = cairn__alloc((size_t)n, 2 * sizeof *first, &status);
            memcpy(first, s.pseudo.target, (size_t)n * 2 * sizeof *first);
        }
    }
    cairn_stage stage;
    CHECK(teacher &&
          cairn__ssd_prepare(&s, 1, cairn_trainer_graph(teacher), NULL, &stage, &status));
    CHECK_INT(stage.options.seed, o.seed + 1);
    CHECK_TEXT(stage.name, "student1");
    cairn__free(first);
    cairn_trainer_free(teacher);
    cairn__ssd_stages_end(&s);
    cairn_dataset_free(data);
}

TEST(every_scheme_has_its_stages)
{
    static const struct {
        int scheme, stages;
        const char *last;
    } cases[] = {{CAIRN__SSD_NOISY, 4, "student3"},
                 {CAIRN__SSD_SSD, 3, "student"},
                 {CAIRN__SSD_DISTIL, 2, "student"},
                 {CAIRN__SSD_SUPERVISED, 1, "teacher"}};
    for (size_t i = 0; i < CAIRN__COUNT(cases); i++) {
        cairn__ssd_run run = plain_run(cases[i].scheme);
        run.model.iterations = 3;
        CHECK_INT(cairn__ssd_count(&run), cases[i].stages);
        CHECK_TEXT(cairn__ssd_plan_of(&run, cases[i].stages - 1).name, cases[i].last);
        if (cases[i].stages > 1) { /* a teacher that is given is no stage */
            snprintf(run.model.teacher, sizeof run.model.teacher, "t.safetensors");
            CHECK_INT(cairn__ssd_count(&run), cases[i].stages - 1);
            CHECK_TEXT(cairn__ssd_plan_of(&run, cases[i].stages - 2).name, cases[i].last);
        }
    }
}

/* ---- corruptions ----------------------------------------------------------------------------- */

enum { SIDE = 16, PIXELS = SIDE * SIDE };

static void fill(float *x)
{
    cairn_random_uniform_fill(3, 7, PIXELS, x);
    for (int i = 0; i < PIXELS; i++)
        x[i] = (float)(0.4 + 0.2 * (double)x[i] + 0.2 * sin(0.3 * (i % SIDE) + 0.2));
}

static double distance(const float *a, const float *b)
{
    double sum = 0;
    for (int i = 0; i < PIXELS; i++)
        sum += fabs((double)a[i] - (double)b[i]) / PIXELS;
    return sum;
}

static void corrupt(float *x, int kind, int severity, int64_t seed, int64_t item)
{
    cairn_status status = CAIRN_STATUS_INIT;
    fill(x);
    cairn_corrupt(x, 1, SIDE, SIDE, (cairn_corruption)kind, severity, seed, item, &status);
    CHECK_OK(status);
}

TEST(every_corruption_grows_with_its_severity_and_stays_in_range)
{
    float clean[PIXELS], x[PIXELS];
    fill(clean);
    for (int kind = 0; kind < CAIRN_N_CORRUPTIONS; kind++) {
        double before = 0;
        for (int severity = 1; severity <= CAIRN_SEVERITIES; severity++) {
            double mean = 0; /* over items: shifts and noise are drawn */
            for (int64_t item = 0; item < 32; item++) {
                corrupt(x, kind, severity, 1, item);
                mean += distance(clean, x) / 32;
                for (int i = 0; i < PIXELS; i++)
                    CHECK(x[i] >= 0 && x[i] <= 1);
            }
            CHECK(mean > before);
            before = mean;
        }
    }
}

TEST(corruptions_depend_on_seed_and_item_only)
{
    float a[PIXELS], b[PIXELS];
    corrupt(a, CAIRN_CORRUPTION_gaussian_noise, 3, 5, 9);
    corrupt(b, CAIRN_CORRUPTION_gaussian_noise, 3, 5, 9);
    CHECK(memcmp(a, b, sizeof a) == 0);
    corrupt(b, CAIRN_CORRUPTION_gaussian_noise, 3, 5, 10);
    CHECK(memcmp(a, b, sizeof a) != 0);
    corrupt(b, CAIRN_CORRUPTION_gaussian_noise, 3, 6, 9);
    CHECK(memcmp(a, b, sizeof a) != 0);
}

TEST(corruptions_do_what_their_names_say)
{
    float clean[PIXELS], x[PIXELS];
    double before = 0, after = 0;
    fill(clean);
    corrupt(x, CAIRN_CORRUPTION_brightness, 1, 1, 0);
    CHECK_NEAR((double)x[0] - (double)clean[0], 0.1, 1e-6);
    corrupt(x, CAIRN_CORRUPTION_contrast, 2, 1, 0);
    CHECK_NEAR((double)(x[0] - x[9]) / (double)(clean[0] - clean[9]), 0.5, 1e-4);
    for (int i = 0; i < PIXELS; i++) {
        before += (double)clean[i];
        after += (double)x[i];
    }
    CHECK_NEAR(after, before, 1e-3);
    corrupt(x, CAIRN_CORRUPTION_shift, 3, 1, 4); /* every pixel left is one that was 3 away */
    int moved = 0;
    for (int down = -3; down <= 3; down += 3)
        for (int right = -3; right <= 3; right += 3)
            moved += (down || right) && x[5 * SIDE + 5] == clean[(5 - down) * SIDE + 5 - right] &&
                     x[9 * SIDE + 8] == clean[(9 - down) * SIDE + 8 - right];
    CHECK_INT(moved, 1);
    float flat[PIXELS];
    cairn_status status = CAIRN_STATUS_INIT;
    for (int i = 0; i < PIXELS; i++)
        flat[i] = 0.5F;
    cairn_corrupt(flat, 1, SIDE, SIDE, CAIRN_CORRUPTION_blur, 5, 1, 0, &status);
    cairn_corrupt(flat, 1, SIDE, SIDE, CAIRN_CORRUPTION_pixelate, 5, 1, 0, &status);
    CHECK_OK(status);
    for (int i = 0; i < PIXELS; i++)
        CHECK_NEAR((double)flat[i], 0.5, 1e-6);
}

TEST(bad_corruptions_are_errors)
{
    float x[4] = {0};
    cairn_status status = CAIRN_STATUS_INIT;
    CHECK(!cairn_corrupt(x, 1, 2, 2, CAIRN_CORRUPTION_blur, 6, 1, 0, &status));
    CHECK_CONTAINS(status.message, "severity 6");
    status = (cairn_status)CAIRN_STATUS_INIT;
    CHECK(!cairn_corrupt(x, 1, 0, 2, CAIRN_CORRUPTION_blur, 1, 1, 0, &status));
    CHECK_INT(status.code, CAIRN_ERR_SHAPE);
}

TEST(the_corruption_error_is_a_mean_of_ratios)
{
    static const double e[2][5] = {{1, 1, 1, 1, 1}, {2, 2, 2, 2, 2}};
    static const double r[2][5] = {{2, 2, 2, 2, 2}, {1, 1, 1, 1, 1}};
    CHECK_NEAR(cairn_mean_corruption_error(&e[0][0], &r[0][0], 2), 1.25, 1e-12);
    CHECK_NEAR(cairn_mean_corruption_error(&e[0][0], &e[0][0], 2), 1, 1e-12);
    CHECK(isnan(cairn_mean_corruption_error(&e[0][0], &r[0][0], 0)));
}
