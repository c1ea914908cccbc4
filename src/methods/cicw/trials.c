/* One training with labels made wrong, and what is measured of it. */
#include "methods/cicw/trials.h"

#include <math.h>
#include <string.h>

#include "data/data.h"
#include "methods/suspects.h"

static cairn_noise_options noise_of(const cairn__cicw_trial *t, int64_t seed)
{
    cairn_noise_options o = cairn_noise_defaults();
    o.noise = CAIRN_NOISE_FLIP;
    o.noise_rate = t->noise;
    o.noise_seed = seed;
    return o;
}

cairn_trainer *cairn__cicw_train(const cairn__cicw_trial *t, cairn_dataset **noisy,
                                 cairn_status *status)
{
    cairn_noise_options noise = noise_of(t, 1000 + t->seed);
    cairn_train_options o = cairn_train_defaults();
    cairn_problem problem;
    o.seed = t->seed;
    o.batch = t->batch;
    o.length = (cairn_span){t->epochs, CAIRN_EPOCHS};
    o.threads = 1; /* steps this small gain nothing from more */
    o.checkpoint.amount = 0;
    o.evaluate = (cairn_span){10, CAIRN_PERCENT};
    o.evaluate_items = 1000;
    *noisy = cairn_dataset_with_noise(t->data, &noise, status);
    cairn__cicw_run_problem(t->run, &problem);
    cairn_train_setup setup = {.problem = &problem, .data = *noisy, .options = &o};
    cairn_trainer *trainer = *noisy ? cairn_trainer_new(&setup, status) : NULL;
    while (trainer && cairn_trainer_advance(trainer, 0.5, status))
        if (t->stop && *t->stop)
            cairn__fail(status, CAIRN_ERR_INTERRUPTED, "interrupted");
    return trainer;
}

/* The share of n rows whose largest number is at the label. */
static double accuracy(const double *p, int64_t classes, const int32_t *label, int64_t n)
{
    int64_t correct = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t best = 0;
        for (int64_t c = 1; c < classes; c++)
            best = p[i * classes + c] > p[i * classes + best] ? c : best;
        correct += best == label[i];
    }
    return n ? (double)correct / (double)n : NAN;
}

/* Both accuracies on the test split: with clean labels, then with labels that are as noisy. */
static bool judge(const cairn__cicw_trial *t, const cairn_problem *problem, cairn_trainer *trainer,
                  double *figures, cairn_status *status)
{
    int64_t classes = cairn_dataset_classes(t->data), n = t->items + t->tuning;
    const int32_t *label = cairn_dataset_field(t->data, CAIRN_SPLIT_TEST, "label")->data;
    cairn_noise_options noise = noise_of(t, 2000 + t->seed);
    double *p = cairn__alloc((size_t)(n * classes), sizeof *p, status);
    int32_t *wrong = cairn__alloc((size_t)CAIRN__MAX(t->tuning, (int64_t)1), sizeof *wrong, status);
    bool good =
        p && wrong &&
        cairn_predict(problem, cairn_trainer_graph(trainer), NULL, t->data, CAIRN_SPLIT_TEST, 0, n,
                      p, status) &&
        cairn_label_noise(&noise, NULL, label + t->items, t->tuning, classes, wrong, status);
    if (good) {
        figures[CAIRN__CICW_LAST] = accuracy(p, classes, label, t->items);
        figures[CAIRN__CICW_NOISY] = accuracy(p + t->items * classes, classes, wrong, t->tuning);
    }
    cairn__free(p);
    cairn__free(wrong);
    return good;
}

static bool measure(const cairn__cicw_trial *t, double *figures, cairn_status *status)
{
    cairn_dataset *noisy = NULL;
    cairn_problem problem;
    cairn__suspects found = {.list = NULL};
    cairn__cicw_run_problem(t->run, &problem);
    cairn_trainer *trainer = cairn__cicw_train(t, &noisy, status);
    bool good = trainer && cairn_ok(status) && judge(t, &problem, trainer, figures, status) &&
                cairn__suspects_find(&problem, cairn_trainer_graph(trainer), NULL, noisy, NULL, 1,
                                     &found, status);
    if (good) {
        cairn_history h = cairn_trainer_history(trainer, "test/accuracy");
        figures[CAIRN__CICW_BEST] = figures[CAIRN__CICW_LAST];
        for (int64_t i = 0; i < h.n; i++)
            figures[CAIRN__CICW_BEST] = fmax(figures[CAIRN__CICW_BEST], h.value[i]);
        figures[CAIRN__CICW_MEMORISED] = found.memorised;
        figures[CAIRN__CICW_AUC] = found.auc;
    }
    cairn__suspects_free(&found);
    cairn_trainer_free(trainer);
    cairn_dataset_free(noisy);
    return good;
}

bool cairn__cicw_measure(const void *user, double *figures, cairn_status *status)
{
    if (measure(user, figures, status))
        return true;
    if (!status || status->code != CAIRN_ERR_NUMERIC)
        return false;
    /* A training that breaks down is a bad setting. */
    *status = (cairn_status)CAIRN_STATUS_INIT;
    for (int i = 0; i < CAIRN__CICW_FIGURES; i++)
        figures[i] = i == CAIRN__CICW_MEMORISED || i == CAIRN__CICW_AUC ? NAN : 0;
    return true;
}

/* ---- two moons ------------------------------------------------------------------------------- */

static const double pi = 3.141592653589793;

/* Alternately of one and the other, so that every part of the data has both. */
static void add_point(cairn__text *text, int64_t i, int64_t seed)
{
    uint32_t w[4];
    double u[4];
    cairn_random_bits((uint64_t)seed, cairn_random_stream("two moons"), (uint64_t)i, w);
    for (int k = 0; k < 4; k++)
        u[k] = (w[k] + 0.5) / 4294967296.0;
    double angle = pi * u[0], radius = 0.15 * sqrt(-2 * log(u[1]));
    double dx = radius * cos(2 * pi * u[2]), dy = radius * sin(2 * pi * u[2]);
    bool second = i % 2;
    double x = second ? 1 - cos(angle) : cos(angle), y = second ? 0.5 - sin(angle) : sin(angle);
    cairn__text_add(text, "%.6f,%.6f,%d\n", x + dx, y + dy, (int)second);
}

cairn_dataset *cairn__two_moons(int64_t n, int64_t seed, cairn_status *status)
{
    cairn_data_options options = cairn_data_defaults();
    cairn__text text = {.status = status};
    options.test_fraction = 0.5;
    options.split_seed = seed;
    cairn__text_add(&text, "x,y,label\n");
    for (int64_t i = 0; i < n; i++)
        add_point(&text, i, seed);
    cairn_dataset *d =
        text.failed ? NULL
                    : cairn_dataset_parse(text.data, text.length, "two moons", &options, status);
    cairn__free(text.data);
    return d;
}

/* ---- the picture ----------------------------------------------------------------------------- */

enum { SIDE = CAIRN__MOONS_SIDE };
static const double left = -1.6, top = 1.75, width = 4.2; /* of the plane shown; y is shown at the
                                                           * same scale, upwards */

static void dot(uint8_t *pixels, double x, double y, const uint8_t colour[3], int size)
{
    int column = (int)lround((x - left) / width * SIDE);
    int row = (int)lround((top - y) / width * SIDE + SIDE / 10.0);
    for (int r = row - size; r <= row + size; r++)
        for (int c = column - size; c <= column + size; c++)
            if (r >= 0 && r < SIDE && c >= 0 && c < SIDE &&
                (r - row) * (r - row) + (c - column) * (c - column) <= size * size + 1)
                memcpy(pixels + 3 * (r * SIDE + c), colour, 3);
}

/* Pale colours by the probability of the second moon. */
static bool background(const cairn__cicw_trial *t, cairn_trainer *trainer,
                       const cairn_dataset *data, uint8_t *pixels, cairn_status *status)
{
    enum { N = SIDE * SIDE };
    cairn_problem problem;
    cairn_build b = {.data = data, .batch = N, .steps_per_epoch = 1, .total_steps = 1};
    float *x = cairn__alloc(N * 2, sizeof *x, status), *p = cairn__alloc(N * 2, sizeof *p, status);
    cairn_graph *g = cairn_graph_new_sharing(cairn_trainer_graph(trainer));
    cairn__cicw_run_problem(t->run, &problem);
    problem.build_prediction(problem.user, g, &b);
    cairn_program *program = cairn_compile_outputs(g, cairn_cpu(), NULL, 0, false, status);
    for (int i = 0; x && i < N; i++) {
        x[2 * i] = (float)(left + width * (i % SIDE) / SIDE);
        x[2 * i + 1] = (float)(top - width * (i / SIDE - SIDE / 10.0) / SIDE);
    }
    bool good = x && p && program &&
                cairn_program_feed(program, "x", x, N * 2 * sizeof *x, status) &&
                cairn_program_run(program, status) &&
                cairn_program_fetch(program, "probability", p, N * 2 * sizeof *p, status);
    for (int i = 0; good && i < N; i++) {
        double q = (double)p[2 * i + 1];
        pixels[3 * i] = (uint8_t)lround(205 + 45 * q);
        pixels[3 * i + 1] = (uint8_t)lround(225 - 5 * q);
        pixels[3 * i + 2] = (uint8_t)lround(250 - 50 * q);
    }
    cairn_program_free(program);
    cairn_graph_free(g);
    cairn__free(x);
    cairn__free(p);
    return good;
}

/* Points in the colour of their given label, and larger with their weight; flipped ones dark. */
static bool points(const cairn__cicw_trial *t, cairn_trainer *trainer, const cairn_dataset *noisy,
                   uint8_t *pixels, cairn_status *status)
{
    static const uint8_t colours[2][3] = {{31, 97, 190}, {205, 92, 10}};
    static const uint8_t dark[2][3] = {{10, 25, 60}, {70, 15, 0}};
    cairn_problem problem;
    cairn__suspects found;
    const float *x = cairn_dataset_field_at(noisy, CAIRN_SPLIT_TRAIN, 0)->data;
    cairn__cicw_run_problem(t->run, &problem);
    bool good = cairn__suspects_find(&problem, cairn_trainer_graph(trainer), NULL, noisy,
                                     &t->run->reweight, INT64_MAX, &found, status);
    bool weighs = t->run->reweight.reweight != CAIRN_DIVERGENCE_NONE;
    for (int64_t i = 0; good && i < found.n; i++) {
        const cairn__suspect *s = &found.list[i];
        int size = !weighs ? 2 : s->weight < 0.2 ? 1 : s->weight < 0.8 ? 2 : 3;
        dot(pixels, (double)x[2 * s->item], (double)x[2 * s->item + 1],
            s->truth == s->label ? colours[s->label & 1] : dark[s->label & 1], size);
    }
    cairn__suspects_free(&found);
    return good;
}

bool cairn__moons_picture(const cairn__cicw_trial *t, uint8_t *pixels, cairn_status *status)
{
    cairn_dataset *noisy = NULL;
    cairn_trainer *trainer = cairn__cicw_train(t, &noisy, status);
    bool good = trainer && cairn_ok(status) && background(t, trainer, noisy, pixels, status) &&
                points(t, trainer, noisy, pixels, status);
    cairn_trainer_free(trainer);
    cairn_dataset_free(noisy);
    return good;
}
