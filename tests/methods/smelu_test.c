/* The method smelu: options and models, determinism, and the experiment in small. */
#include "cairn/difference.h"
#include "cairn/train.h"
#include "methods/smelu/trials.h"
#include "test.h"

/* n points of three classes in four features, a quarter of them for the test split. */
static cairn_dataset *points(int n, int classes)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_data_options options = cairn_data_defaults();
    cairn__text text = {0};
    options.test_fraction = 0.25;
    cairn__text_add(&text, "a,b,c,d,label\n");
    for (int i = 0; i < n; i++) {
        uint32_t words[4];
        cairn_random_bits(7, 7, (uint64_t)i, words);
        for (int f = 0; f < 4; f++)
            cairn__text_add(&text, "%.4f,",
                            words[f] / 4294967296.0 + (f == i % classes ? 0.5 : 0));
        cairn__text_add(&text, "%d\n", i % classes);
    }
    cairn_dataset *d = cairn_dataset_parse(text.data, text.length, "points.csv", &options, &status);
    CHECK_OK(status);
    cairn__free(text.data);
    return d;
}

enum { ITEMS = 40, CLASSES = 3 };

/* Trains for `steps` and predicts the test items; the last loss. */
static double train(const cairn_dataset *data, const cairn__smelu_run *run,
                    cairn_train_options options, double *p)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_problem problem;
    double loss = NAN;
    CHECK(cairn__smelu_run_check(run, data, &status));
    cairn__smelu_run_problem(run, &problem);
    cairn_train_setup setup = {.problem = &problem, .data = data, .options = &options};
    cairn_trainer *t = cairn_trainer_new(&setup, &status);
    while (t && cairn_trainer_advance(t, 1e9, &status)) {}
    if (t) {
        loss = cairn_trainer_figure(t, "test/loss");
        CHECK(cairn_predict(&problem, cairn_trainer_graph(t), NULL, data, CAIRN_SPLIT_TEST, 0,
                            ITEMS, p, &status));
    }
    CHECK_OK(status);
    cairn_trainer_free(t);
    return loss;
}

static cairn_train_options short_training(void)
{
    cairn_train_options o = cairn_train_defaults();
    o.batch = 16;
    o.length = (cairn_span){30, CAIRN_STEPS};
    o.threads = 1;
    return o;
}

static cairn__smelu_run small_run(void)
{
    cairn__smelu_run run = cairn__smelu_run_defaults();
    snprintf(run.model.layers, CAIRN_TEXT_SIZE, "8,8");
    snprintf(run.model.optimizer_options, CAIRN_TEXT_SIZE, "learning_rate=0.05");
    return run;
}

TEST(every_activation_trains_and_predicts_probabilities)
{
    cairn_dataset *data = points(160, CLASSES);
    double p[ITEMS * CLASSES];
    for (int a = 0; a <= CAIRN__GSMELU; a++)
        for (int variant = 0; variant < 2 && a != CAIRN_ACTIVATION_softmax; variant++) {
            cairn__smelu_run run = small_run();
            run.model.activation = a;
            run.model.normalize = variant;
            run.model.learn_widths = variant && a == CAIRN__GSMELU;
            double loss = train(data, &run, short_training(), p);
            CHECK(loss < 1.3); /* log 3 is 1.0986: within reach of chance, and mostly below */
            for (int i = 0; i < ITEMS; i++)
                CHECK_NEAR(p[3 * i] + p[3 * i + 1] + p[3 * i + 2], 1, 1e-6);
        }
    cairn_dataset_free(data);
}

TEST(the_same_seeds_give_no_difference_and_each_source_gives_some)
{
    cairn_dataset *data = points(160, CLASSES);
    cairn__smelu_run run = small_run();
    double p[6][ITEMS * CLASSES], pairs[4];
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_train_options o[6];
    for (int i = 0; i < 6; i++)
        o[i] = short_training();
    o[1].threads = 2;
    o[2].order_seed = 2;
    o[3].init_seed = 2;
    o[4].shuffle_window = 32;
    o[5].sum_seed = 2;
    for (int i = 0; i < 6; i++)
        train(data, &run, o[i], p[i]);
    for (int i = 1; i < 6; i++) {
        const double *const two[] = {p[0], p[i]};
        CHECK(cairn_difference_classes(two, 2, ITEMS, CLASSES, pairs, NULL, &status));
        CHECK(i == 1 ? pairs[1] == 0 : pairs[1] > 0);
        CHECK(i != 5 || pairs[1] < 1e-3); /* rounding alone */
    }
    CHECK_OK(status);
    cairn_dataset_free(data);
}

/* The numbers of all bends, one after the other; how many. */
static int read_bends(cairn_trainer *t, float out[16])
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_variable *const *list;
    int n = cairn_graph_variables(cairn_trainer_graph(t), &list), found = 0;
    for (int i = 0; i < n && found < 16; i++)
        if (cairn_variable_trainable(list[i]) && strstr(cairn_variable_name(list[i]), "bend"))
            cairn_variable_read(list[i], &out[found++], sizeof *out, &status);
    CHECK_OK(status);
    return found;
}

TEST(learnt_widths_are_parameters_that_move)
{
    cairn_dataset *data = points(160, CLASSES);
    cairn__smelu_run run = small_run();
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_problem problem;
    cairn_train_options o = short_training();
    float before[16], after[16];
    run.model.activation = CAIRN__GSMELU;
    run.model.learn_widths = true;
    cairn__smelu_run_problem(&run, &problem);
    cairn_train_setup setup = {.problem = &problem, .data = data, .options = &o};
    cairn_trainer *t = cairn_trainer_new(&setup, &status);
    if (CHECK(t != NULL)) {
        CHECK_INT(read_bends(t, before), 10); /* five numbers in each of two layers */
        while (cairn_trainer_advance(t, 1e9, &status)) {}
        CHECK_INT(read_bends(t, after), 10);
        for (int i = 0; i < 10; i++)
            CHECK(after[i] != before[i]);
    }
    CHECK_OK(status);
    cairn_trainer_free(t);
    cairn_dataset_free(data);
}

static void check_refused(cairn__smelu_run run, const char *part)
{
    cairn_status status = CAIRN_STATUS_INIT;
    CHECK(!cairn__smelu_run_check(&run, NULL, &status));
    CHECK_INT(status.code, CAIRN_ERR_VALUE);
    CHECK_CONTAINS(status.message, part);
}

TEST(bad_options_are_errors)
{
    cairn__smelu_run run = small_run();
    run.model.beta = -0.5;
    check_refused(run, "beta: -0.5, expected a width from 0, or -1");
    run = small_run();
    run.model.alpha = -2e-3;
    check_refused(run, "alpha: -0.002");
    run = small_run();
    run.model.learn_widths = true;
    check_refused(run, "for --activation gsmelu, and it is smelu");
    run = small_run();
    run.model.activation = CAIRN__GSMELU;
    run.model.beta = run.model.alpha = 0;
    check_refused(run, "both 0");
    run.model.beta = 1;
    run.model.learn_widths = true;
    check_refused(run, "above the floor 0.001");
    run.model.alpha = 1;
    snprintf(run.model.optimizer, CAIRN_TEXT_SIZE, "kfac");
    check_refused(run, "kfac updates dense layers only");
    run = small_run();
    run.model.activation = CAIRN_ACTIVATION_softmax;
    check_refused(run, "softmax");
    run = small_run();
    snprintf(run.model.optimizer, CAIRN_TEXT_SIZE, "locoprop");
    check_refused(run, "a method of its own");
    run = small_run();
    snprintf(run.model.layers, CAIRN_TEXT_SIZE, "8,,8");
    check_refused(run, "layers: '8,,8'");
}

TEST(predictions_are_of_the_items_asked_for)
{
    cairn_dataset *data = points(160, CLASSES);
    cairn__smelu_run run = small_run();
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_problem problem;
    double all[ITEMS * CLASSES], part[5 * CLASSES];
    cairn_train_options o = short_training();
    cairn__smelu_run_problem(&run, &problem);
    cairn_train_setup setup = {.problem = &problem, .data = data, .options = &o};
    cairn_trainer *t = cairn_trainer_new(&setup, &status);
    const cairn_graph *g = t ? cairn_trainer_graph(t) : NULL;
    cairn_predict(&problem, g, NULL, data, CAIRN_SPLIT_TEST, 0, ITEMS, all, &status);
    cairn_predict(&problem, g, NULL, data, CAIRN_SPLIT_TEST, 7, 5, part, &status);
    CHECK_OK(status);
    CHECK(memcmp(part, all + 7 * CLASSES, sizeof part) == 0);
    CHECK(!cairn_predict(&problem, g, NULL, data, CAIRN_SPLIT_TEST, 38, 5, part, &status));
    CHECK_TEXT(status.message, "predictions: items 38 to 43 of a split that has 40");
    status = (cairn_status)CAIRN_STATUS_INIT;
    problem.build_prediction = NULL;
    CHECK(!cairn_predict(&problem, g, NULL, data, CAIRN_SPLIT_TEST, 0, 5, part, &status));
    CHECK_CONTAINS(status.message, "no classifier");
    cairn_trainer_free(t);
    cairn_dataset_free(data);
}

/* The whole experiment on a small table: kept trainings are read again, to the same claims. */
TEST(reproduction_is_resumed_from_what_it_kept)
{
    cairn_dataset *data = points(400, CLASSES);
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_report_claim first[16], second[16];
    cairn__reproduction r = {.data = data, .quick = true, .directory = test_directory()};
    CHECK_INT(cairn__smelu_reproduce(&r, first, 16, &status), 8);
    double start = cairn__seconds();
    CHECK_INT(cairn__smelu_reproduce(&r, second, 16, &status), 8);
    double again = cairn__seconds() - start;
    CHECK_OK(status);
    for (int i = 0; i < 8; i++) {
        CHECK(first[i].verdict == second[i].verdict);
        CHECK(memcmp(&first[i].measured, &second[i].measured, sizeof(double)) == 0);
        CHECK(first[i].lower <= first[i].upper || isnan(first[i].lower));
    }
    CHECK(again < 60);
    volatile int stop = 1;
    r.stop = &stop;
    r.seeds = 5; /* one more model, which is not there yet */
    CHECK_INT(cairn__smelu_reproduce(&r, second, 16, &status), -1);
    CHECK_INT(status.code, CAIRN_ERR_INTERRUPTED);
    cairn_dataset_free(data);
}
