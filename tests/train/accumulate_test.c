/* Batches taken in parts: the step is that of the whole batch, random values are fresh in each
 * part, and what cannot be done in parts says so. */
#include "cairn/nn.h"
#include "samples.h"

typedef struct end {
    float out[8 * SAMPLE_CLASSES]; /* a layer's weights */
    double loss;
} end;

static end train_in_parts(const cairn_problem *problem, int64_t parts)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_dataset *data = sample_points(200, -1);
    cairn_train_options options = sample_options();
    options.accumulate = parts;
    cairn_train_setup setup = {.problem = problem, .data = data, .options = &options};
    cairn_trainer *t = cairn_trainer_new(&setup, &status);
    end e = {.loss = NAN};
    while (t && cairn_trainer_advance(t, 1e9, &status)) {
    }
    CHECK_OK(status);
    cairn_variable *const *variables;
    int n = t ? cairn_graph_variables(cairn_trainer_graph(t), &variables) : 0;
    for (int i = 0; i < n; i++)
        if (strcmp(cairn_variable_name(variables[i]), "out/weight") == 0)
            CHECK(cairn_variable_read(variables[i], e.out, sizeof e.out, &status));
    if (t)
        e.loss = cairn_trainer_figure(t, "test/loss");
    cairn_trainer_free(t);
    cairn_dataset_free(data);
    return e;
}

static double distance(const end *a, const end *b)
{
    double most = 0;
    for (size_t i = 0; i < CAIRN__COUNT(a->out); i++)
        most = fmax(most, fabs((double)a->out[i] - (double)b->out[i]));
    return most;
}

/* Adam divides by the root of its second moment, so the first steps magnify what is lost by adding
 * in another order: some 1e-7 there, far below the 40 steps of 0.02 that are made. */
TEST(a_batch_in_parts_makes_the_step_of_the_whole)
{
    cairn_problem problem = sample_problem(&sample_plain);
    end whole = train_in_parts(&problem, 1);
    for (int64_t parts = 2; parts <= 16; parts *= 2) {
        end e = train_in_parts(&problem, parts);
        test_check(distance(&whole, &e) < 1e-4, __FILE__, __LINE__, "%d parts: off by %g",
                   (int)parts, distance(&whole, &e));
        CHECK_NEAR(whole.loss, e.loss, 1e-4);
    }
}

/* Gradients of noise: were it the same in each part, two parts would be twice the same. */
static void build_noise(const void *user, cairn_graph *g, const cairn_build *b)
{
    cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(b->batch, SAMPLE_FEATURES));
    cairn_tensor w = cairn_parameter(g, "noise", CAIRN_SHAPE(4), CAIRN_ZEROS);
    cairn_tensor loss = cairn_sum(cairn_mul(w, cairn_random_normal(g, CAIRN_SHAPE(4))));
    (void)user;
    cairn_sgd_options sgd = cairn_sgd_defaults();
    sgd.learning_rate = 1;
    cairn_sgd(g, loss, &sgd);
    cairn_output(cairn_add(loss, cairn_scale(cairn_sum(x), 0)), "loss");
}

/* One step of rate 1 from 0: minus the mean noise. */
static void train_noise(int64_t parts, int64_t steps, float w[4])
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_problem problem = {.build = build_noise};
    cairn_dataset *data = sample_points(200, -1);
    cairn_train_options options = sample_options();
    options.accumulate = parts;
    options.length = (cairn_span){(double)steps, CAIRN_STEPS};
    cairn_train_setup setup = {.problem = &problem, .data = data, .options = &options};
    cairn_trainer *t = cairn_trainer_new(&setup, &status);
    while (t && cairn_trainer_advance(t, 1e9, &status)) {
    }
    CHECK_OK(status);
    cairn_variable *const *variables;
    int n = t ? cairn_graph_variables(cairn_trainer_graph(t), &variables) : 0;
    for (int i = 0; i < n; i++)
        if (strcmp(cairn_variable_name(variables[i]), "noise") == 0)
            CHECK(cairn_variable_read(variables[i], w, 4 * sizeof *w, &status));
    cairn_trainer_free(t);
    cairn_dataset_free(data);
}

TEST(each_part_has_random_values_of_its_own)
{
    float two_parts[4], two_steps[4], next[4], four_steps[4];
    train_noise(2, 1, two_parts);
    train_noise(1, 2, two_steps);
    train_noise(2, 2, next);
    train_noise(1, 4, four_steps);
    for (int i = 0; i < 4; i++) {
        CHECK_NEAR(2 * two_parts[i], two_steps[i], 1e-6);
        CHECK_NEAR(2 * next[i], four_steps[i], 1e-6);
    }
}

TEST(what_needs_the_whole_batch_refuses)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_graph *g = cairn_graph_new();
    cairn_graph_accumulate(g, 2);
    cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(4, 3));
    const cairn_dense_options three = cairn_dense_defaults(3);
    cairn_dense layer = cairn_dense_layer(x, "layer", &three);
    cairn_kfac(g, cairn_mean(cairn_square(layer.y)), &layer, 1, CAIRN_OUTPUT_GAUSSIAN, NULL,
               NULL);
    CHECK(!cairn_compile(g, cairn_cpu(), &status));
    CHECK_CONTAINS(status.message, "kfac needs the whole batch");
    cairn_graph_free(g);

    status = (cairn_status)CAIRN_STATUS_INIT;
    g = cairn_graph_new();
    cairn_scalar(g, 1);
    cairn_graph_accumulate(g, 2);
    CHECK(!cairn_compile(g, cairn_cpu(), &status));
    CHECK_CONTAINS(status.message, "expected at least 1 in an empty one");
    cairn_graph_free(g);

    status = (cairn_status)CAIRN_STATUS_INIT;
    cairn_dataset *data = sample_points(200, -1);
    cairn_problem problem = sample_problem(&sample_plain);
    cairn_train_options options = sample_options();
    options.accumulate = 3;
    cairn_train_setup setup = {.problem = &problem, .data = data, .options = &options};
    CHECK(!cairn_trainer_new(&setup, &status));
    CHECK_CONTAINS(status.message, "3 parts of a batch of 16");
    cairn_dataset_free(data);
}
