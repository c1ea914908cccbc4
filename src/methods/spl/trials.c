/* Data drawn by a seed, a teacher, and each kind of pre-training with its fine-tuning. */
#include "methods/spl/trials.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cairn/video.h"
#include "data/data.h"
#include "methods/spl/render.h"

const char *const cairn__spl_arms[CAIRN__SPL_ARMS] = {
    "no pre-training", "weak label",   "teacher label", "agreement filter", "SPL",
    "SPL-B",           "shuffled SPL", "true labels"};

void cairn__spl_setting(int arm, int s, double *rate, double *factor)
{
    static const double alone[CAIRN__SPL_SETTINGS] = {0.01, 0.03, 0.1, 0.3};
    *rate = arm == CAIRN__SPL_NONE ? alone[s] : s % 2 ? 0.1 : 0.03;
    *factor = arm == CAIRN__SPL_NONE ? 1 : s / 2 ? 0.5 : 0.1;
}

/* What a seed draws. The test split of `clean` is [test items, held-out items]. */
typedef struct material {
    cairn_dataset *clean, *weak; /* labels of weak: the weak ones */
    int32_t *truth;              /* what the weak items show; NULL: not known */
    int32_t *teacher;
    int64_t test, held_out;
} material;

/* ---- pictures -------------------------------------------------------------------------------- */

enum { MOST_CLASSES = 32, SQUARES = 4 };

/* Training items by class, in an order drawn by the seed: the first ones are the clean examples. */
typedef struct pool {
    const cairn_field *x;
    const int32_t *label;
    int64_t *order, pixels, classes;
    int64_t begin[MOST_CLASSES + 1];
} pool;

static bool open_pool(pool *p, const cairn_dataset *data, int64_t seed, cairn_status *status)
{
    int64_t n = cairn_dataset_count(data, CAIRN_SPLIT_TRAIN), at = 0;
    *p = (pool){.x = cairn_dataset_field_at(data, CAIRN_SPLIT_TRAIN, 0),
                .label = cairn_dataset_field(data, CAIRN_SPLIT_TRAIN, "label")->data,
                .classes = cairn_dataset_classes(data)};
    p->pixels = cairn__item_elements(p->x);
    p->order = cairn__alloc((size_t)n, sizeof *p->order, status);
    int64_t *mixed = cairn__alloc((size_t)n, sizeof *mixed, status);
    if (p->order && mixed)
        cairn_random_permutation((uint64_t)seed, cairn_random_stream("spl/pool"), n, mixed);
    for (int64_t c = 0; p->order && mixed && c <= p->classes; c++) {
        p->begin[c] = at;
        for (int64_t i = 0; i < n; i++)
            if (p->label[mixed[i]] == c)
                p->order[at++] = mixed[i];
    }
    cairn__free(mixed);
    return p->order && cairn_ok(status);
}

typedef struct words {
    uint32_t w[4];
} words;

static words draw(int64_t seed, const char *what, int64_t position)
{
    words d;
    cairn_random_bits((uint64_t)seed, cairn_random_stream(what), (uint64_t)position, d.w);
    return d;
}

static double unit(uint32_t word)
{
    return word / 4294967296.0;
}

/* An item of class c that is no clean example. */
static const uint8_t *pick(const pool *p, int64_t c, int64_t clean, uint32_t word)
{
    int64_t first = p->begin[c] + clean, n = p->begin[c + 1] - first;
    int64_t at = p->order[first + (int64_t)((uint64_t)word * (uint64_t)n >> 32)];
    return (const uint8_t *)p->x->data + at * p->pixels;
}

/* The item over squares of dark grey, and another at half opacity. What is brightest shows. */
static void compose(const pool *p, const uint8_t *item, const uint8_t *other, int64_t seed,
                    const char *what, int64_t video, uint8_t *out)
{
    int64_t width = p->x->shape[2], height = p->x->shape[1];
    uint8_t grey[SQUARES * SQUARES];
    for (int i = 0; i < SQUARES * SQUARES; i++)
        grey[i] = (uint8_t)(draw(seed, what, video * SQUARES * SQUARES + i).w[0] % 90);
    for (int64_t k = 0; k < p->pixels; k++) {
        int square = (int)(k / width * SQUARES / height * SQUARES + k % width * SQUARES / width);
        uint8_t v = CAIRN__MAX(item[k], grey[square]);
        out[k] = other ? (uint8_t)CAIRN__MAX(v, other[k] / 2) : v;
    }
}

/* Which class a clip of the query c shows. */
static int64_t shown(const cairn__spl_bench *b, int64_t c, int64_t classes, const words *d)
{
    static const int step[3] = {1, 2, 5};
    double u = unit(d->w[1]);
    if (unit(d->w[0]) < b->share)
        return c;
    return (c + step[u < 0.6 ? 0 : u < 0.9 ? 1 : 2]) % classes;
}

/* Which class a flip makes of the class c: those of Fashion-MNIST that look alike. */
static int64_t flipped(const cairn__spl_bench *b, int64_t c, int64_t classes, const words *d)
{
    static const int64_t to[10] = {6, 1, 4, 3, 2, 5, 0, 9, 8, 7};
    if (unit(d->w[0]) >= b->share)
        return c;
    return classes == 10 ? to[c] : (c ^ 1) % classes;
}

static void fill_weak(const cairn__spl_trial *t, const pool *p, uint8_t *x, int32_t *weak,
                      int32_t *truth)
{
    const cairn__spl_bench *b = t->bench;
    for (int64_t i = 0; i < b->videos * b->clips; i++) {
        int64_t video = i / b->clips, c = video % p->classes;
        words d = draw(t->seed, "spl/clip", video * 64 + i % b->clips);
        if (b->kind == CAIRN__SPL_FLIPS) {
            truth[i] = (int32_t)c;
            weak[i] = (int32_t)flipped(b, c, p->classes, &d);
            memcpy(x + i * p->pixels, pick(p, c, b->clean, d.w[2]), (size_t)p->pixels);
            continue;
        }
        weak[i] = (int32_t)c;
        truth[i] = (int32_t)shown(b, c, p->classes, &d);
        const uint8_t *behind =
            b->contextual && truth[i] != weak[i] ? pick(p, c, b->clean, d.w[3]) : NULL;
        compose(p, pick(p, truth[i], b->clean, d.w[2]), behind, t->seed, "spl/ground", video,
                x + i * p->pixels);
    }
}

static void fill_clean(const cairn__spl_trial *t, const pool *p, uint8_t *x, int32_t *label)
{
    for (int64_t i = 0; i < t->bench->clean * p->classes; i++) {
        int64_t c = i % p->classes, at = p->order[p->begin[c] + i / p->classes];
        const uint8_t *item = (const uint8_t *)p->x->data + at * p->pixels;
        label[i] = (int32_t)c;
        if (t->bench->kind == CAIRN__SPL_FLIPS)
            memcpy(x + i * p->pixels, item, (size_t)p->pixels);
        else
            compose(p, item, NULL, t->seed, "spl/clean ground", i, x + i * p->pixels);
    }
}

static void fill_test(const cairn__spl_trial *t, const pool *p, int64_t n, uint8_t *x,
                      int32_t *label)
{
    const cairn_field *f = cairn_dataset_field_at(t->data, CAIRN_SPLIT_TEST, 0);
    memcpy(label, cairn_dataset_field(t->data, CAIRN_SPLIT_TEST, "label")->data,
           (size_t)n * sizeof *label);
    for (int64_t i = 0; i < n; i++) {
        const uint8_t *item = (const uint8_t *)f->data + i * p->pixels;
        if (t->bench->kind == CAIRN__SPL_FLIPS)
            memcpy(x + i * p->pixels, item, (size_t)p->pixels);
        else /* the same grounds for every seed */
            compose(p, item, NULL, 1, "spl/test ground", i, x + i * p->pixels);
    }
}

static cairn__made_split new_split(const pool *p, int64_t n, cairn_status *status)
{
    cairn__made_split s = {.features = *p->x};
    s.features.shape[0] = n;
    s.features.data = cairn__alloc((size_t)CAIRN__MAX(n, (int64_t)1), (size_t)p->pixels, status);
    s.labels = cairn__alloc((size_t)CAIRN__MAX(n, (int64_t)1), sizeof *s.labels, status);
    return s;
}

static bool check_pool(const cairn__spl_trial *t, const pool *p, cairn_status *status)
{
    for (int64_t c = 0; c < p->classes; c++)
        if (p->begin[c + 1] - p->begin[c] < t->bench->clean + 20)
            return cairn__fail(status, CAIRN_ERR_VALUE,
                               "spl: %lld items of class %lld, expected at least %lld",
                               (long long)(p->begin[c + 1] - p->begin[c]), (long long)c,
                               (long long)t->bench->clean + 20);
    return true;
}

static bool make_pictures(const cairn__spl_trial *t, material *m, cairn_status *status)
{
    const cairn__spl_bench *b = t->bench;
    int64_t all = cairn_dataset_count(t->data, CAIRN_SPLIT_TEST), n = b->videos * b->clips;
    pool p = {.order = NULL};
    if (!open_pool(&p, t->data, t->seed, status) || !check_pool(t, &p, status)) {
        cairn__free(p.order);
        return false;
    }
    m->test = CAIRN__MIN(all * 2 / 3, (int64_t)4000);
    m->held_out = CAIRN__MIN(all - m->test, (int64_t)2000);
    cairn__made_split clean[2] = {new_split(&p, b->clean * p.classes, status),
                                  new_split(&p, m->test + m->held_out, status)};
    cairn__made_split weak[2] = {new_split(&p, n, status), new_split(&p, 0, status)};
    m->truth = cairn__alloc((size_t)n, sizeof *m->truth, status);
    if (cairn_ok(status)) {
        fill_clean(t, &p, (uint8_t *)clean[0].features.data, clean[0].labels);
        fill_test(t, &p, m->test + m->held_out, (uint8_t *)clean[1].features.data, clean[1].labels);
        fill_weak(t, &p, (uint8_t *)weak[0].features.data, weak[0].labels, m->truth);
    }
    m->clean = cairn__dataset_make("clean", "pictures", clean, p.classes, NULL, status);
    m->weak = cairn__dataset_make("weak", "pictures", weak, p.classes, NULL, status);
    cairn__free(p.order);
    return m->clean && m->weak;
}

/* ---- videos ---------------------------------------------------------------------------------- */

enum { FRAME = 24, CLIP = 4, SEGMENT = 6 };

static cairn_dataset *read_scenes(const cairn__scenes *s, const char *directory, double test,
                                  int64_t clips, cairn_status *status)
{
    cairn_data_options options = cairn_data_defaults();
    cairn__decode_options how = {
        .size = FRAME, .frames = CLIP, .stride = 1, .clips = clips, .seed = s->seed};
    options.test_fraction = test;
    options.split_seed = s->seed;
    cairn_items *items = cairn__scenes_write(s, directory, status)
                             ? cairn_items_open(directory, &options, status)
                             : NULL;
    cairn_dataset *d = items ? cairn__dataset_decode(items, &how, status) : NULL;
    cairn_items_free(items);
    cairn__scenes_remove(s, directory);
    return d;
}

/* Items come class by class; those measured and those held out must be of all classes. */
static bool mix_test(cairn_dataset *d, int64_t seed, cairn_status *status)
{
    const cairn_field *x = cairn_dataset_field_at(d, CAIRN_SPLIT_TEST, 0);
    const cairn_field *label = cairn_dataset_field(d, CAIRN_SPLIT_TEST, "label");
    int64_t n = x->shape[0], item = cairn__item_elements(x);
    int64_t *order = cairn__alloc((size_t)n, sizeof *order, status);
    uint8_t *pixels = cairn__alloc((size_t)n, (size_t)item, status);
    int32_t *labels = cairn__alloc((size_t)n, sizeof *labels, status);
    bool good = order && pixels && labels;
    if (good)
        cairn_random_permutation((uint64_t)seed, cairn_random_stream("spl/mix"), n, order);
    for (int64_t i = 0; good && i < n; i++) {
        memcpy(pixels + i * item, (const uint8_t *)x->data + order[i] * item, (size_t)item);
        labels[i] = ((const int32_t *)label->data)[order[i]];
    }
    if (good) {
        memcpy((void *)x->data, pixels, (size_t)(n * item));
        memcpy((void *)label->data, labels, (size_t)n * sizeof *labels);
    }
    cairn__free(order);
    cairn__free(pixels);
    cairn__free(labels);
    return good;
}

/* Clean videos are trimmed: one segment of their class. */
static bool make_videos(const cairn__spl_trial *t, material *m, cairn_status *status)
{
    enum { TEST = 110 };
    const cairn__spl_bench *b = t->bench;
    char path[CAIRN_TEXT_SIZE + 64];
    int64_t all = b->clean + TEST;
    cairn__scenes clean = {.videos = all,
                           .size = FRAME,
                           .segments = 1,
                           .frames = SEGMENT,
                           .share = 1,
                           .seed = 5000 + t->seed};
    cairn__scenes weak = clean;
    weak.videos = b->videos / CAIRN__SHAPES;
    weak.segments = b->clips;
    weak.share = b->share;
    weak.contextual = b->contextual;
    weak.seed = 9000 + t->seed;
    snprintf(path, sizeof path, "%.900s/clean-videos", t->directory);
    m->clean = read_scenes(&clean, path, (double)TEST / (double)all, 1, status);
    snprintf(path, sizeof path, "%.900s/weak-videos", t->directory);
    m->weak = m->clean ? read_scenes(&weak, path, 0, b->clips, status) : NULL;
    if (!m->weak || !mix_test(m->clean, t->seed, status))
        return false;
    int64_t n = cairn_dataset_count(m->clean, CAIRN_SPLIT_TEST);
    m->test = n * 2 / 3;
    m->held_out = n - m->test;
    return true;
}

/* ---- trainings ------------------------------------------------------------------------------- */

static cairn__spl_run run_of(const cairn__spl_bench *b, double rate, double factor)
{
    cairn__spl_run run = cairn__spl_run_defaults();
    bool videos = b->kind == CAIRN__SPL_VIDEOS;
    run.model.network = videos ? CAIRN__SPL_CONV : CAIRN__SPL_MLP;
    snprintf(run.model.layers, CAIRN_TEXT_SIZE, "%s", videos ? "8,16,32" : "128,64");
    run.model.learning_rate = rate;
    run.model.fine_factor = factor;
    return run;
}

/* Trains by `run` (borrowed until the trainer is freed) for so many steps, from what `from` has
 * learnt, if it is given. */
static cairn_trainer *train(const cairn__spl_trial *t, const cairn__spl_run *run,
                            const cairn_dataset *data, int64_t steps, cairn_trainer *from,
                            cairn_status *status)
{
    cairn_train_options o = cairn_train_defaults();
    cairn_problem problem;
    o.seed = t->seed;
    o.batch = t->bench->batch;
    o.length = (cairn_span){(double)steps, CAIRN_STEPS};
    o.threads = 1;
    o.evaluate.amount = o.checkpoint.amount = 0;
    if (from)
        cairn__spl_run_problem(run, &problem);
    else
        cairn__spl_scratch_problem(run, &problem);
    problem.build_evaluation = NULL;
    problem.report = NULL;
    cairn_train_setup setup = {.problem = &problem, .data = data, .options = &o};
    cairn_trainer *trainer = cairn_trainer_new(&setup, status);
    if (trainer && from)
        cairn_spl_transfer(cairn_trainer_graph(from), cairn_trainer_graph(trainer), CAIRN__SPL_HEAD,
                           true, NULL, status);
    while (trainer && cairn_ok(status) && cairn_trainer_advance(trainer, 0.5, status))
        if (t->stop && *t->stop)
            cairn__fail(status, CAIRN_ERR_INTERRUPTED, "interrupted");
    return trainer;
}

/* The most probable class of items first .. first + n. */
static bool classify(const cairn__spl_run *run, cairn_trainer *trainer, const cairn_dataset *data,
                     cairn_split split, int64_t first, int64_t n, int32_t *out,
                     cairn_status *status)
{
    int64_t classes = cairn_dataset_classes(data);
    cairn_problem problem;
    double *p = cairn__alloc((size_t)(n * classes), sizeof *p, status);
    cairn__spl_scratch_problem(run, &problem);
    bool good = p && cairn_predict(&problem, cairn_trainer_graph(trainer), NULL, data, split, first,
                                   n, p, status);
    for (int64_t i = 0; good && i < n; i++) {
        out[i] = 0;
        for (int32_t c = 1; c < classes; c++)
            out[i] = p[i * classes + c] > p[i * classes + out[i]] ? c : out[i];
    }
    cairn__free(p);
    return good;
}

static double agreement(const int32_t *a, const int32_t *b, int64_t n)
{
    int64_t same = 0;
    for (int64_t i = 0; i < n; i++)
        same += a[i] == b[i];
    return n ? (double)same / (double)n : NAN;
}

/* Accuracy on the test items, or on those held out. */
static bool judge(const cairn__spl_trial *t, const material *m, const cairn__spl_run *run,
                  cairn_trainer *trainer, double *accuracy, cairn_status *status)
{
    int64_t first = t->tunes ? m->test : 0, n = t->tunes ? m->held_out : m->test;
    const int32_t *label = cairn_dataset_field(m->clean, CAIRN_SPLIT_TEST, "label")->data;
    int32_t *guess = cairn__alloc((size_t)n, sizeof *guess, status);
    bool good =
        guess && classify(run, trainer, m->clean, CAIRN_SPLIT_TEST, first, n, guess, status);
    if (good)
        *accuracy = agreement(guess, label + first, n);
    cairn__free(guess);
    return good;
}

/* ---- labels of the arms ---------------------------------------------------------------------- */

/* The teacher's classes, exchanged at random among the items of each weak label. */
static void shuffle(const int32_t *weak, int64_t n, int64_t classes, const int64_t *order,
                    int32_t *teacher)
{
    for (int64_t c = 0; c < classes; c++) {
        int64_t before = -1;
        int32_t first = 0;
        for (int64_t k = 0; k < n; k++) {
            int64_t i = order[k];
            if (weak[i] != c)
                continue;
            if (before < 0)
                first = teacher[i];
            else
                teacher[before] = teacher[i];
            before = i;
        }
        if (before >= 0)
            teacher[before] = first;
    }
}

/* Pairs of an arm: what stands for the weak label and for the teacher's class. */
static bool pairs_of(const cairn__spl_trial *t, const material *m, int arm, int32_t *w, int32_t *h,
                     cairn_status *status)
{
    int64_t n = cairn_dataset_count(m->weak, CAIRN_SPLIT_TRAIN);
    const int32_t *weak = cairn_dataset_field(m->weak, CAIRN_SPLIT_TRAIN, "label")->data;
    memcpy(w, arm == CAIRN__SPL_TRUTH ? m->truth : weak, (size_t)n * sizeof *w);
    memcpy(h, m->teacher, (size_t)n * sizeof *h);
    if (arm != CAIRN__SPL_SHUFFLED)
        return true;
    /* One step along a random order of the row moves every class to another item. */
    int64_t *order = cairn__alloc((size_t)n, sizeof *order, status);
    if (order) {
        cairn_random_permutation((uint64_t)t->seed, cairn_random_stream("spl/shuffle"), n, order);
        shuffle(weak, n, cairn_dataset_classes(m->weak), order, h);
    }
    cairn__free(order);
    return order != NULL;
}

static int scheme_of(int arm)
{
    return arm == CAIRN__SPL_WEAK_LABEL || arm == CAIRN__SPL_TRUTH ? CAIRN_SPL_WEAK
           : arm == CAIRN__SPL_TEACHER_LABEL                       ? CAIRN_SPL_TEACHER
           : arm == CAIRN__SPL_FILTER                              ? CAIRN_SPL_AGREE
           : arm == CAIRN__SPL_HALVES                              ? CAIRN_SPL_B
                                                                   : CAIRN_SPL_OCCUPIED;
}

/* The items of an arm with their labels; *size: classes. */
static cairn_dataset *items_of(const cairn__spl_trial *t, const material *m, int arm, int64_t *size,
                               cairn_status *status)
{
    int64_t n = cairn_dataset_count(m->weak, CAIRN_SPLIT_TRAIN), kept = 0;
    int64_t classes = cairn_dataset_classes(m->weak);
    cairn_spl_options o = cairn_spl_defaults();
    int32_t *w = cairn__alloc((size_t)n * 3, sizeof *w, status);
    int32_t *h = w ? w + n : NULL, *label = w ? h + n : NULL;
    int64_t *rows = cairn__alloc((size_t)n, sizeof *rows, status);
    int64_t *counts = cairn__alloc((size_t)(classes * classes), sizeof *counts, status);
    cairn_spl_space *space = NULL;
    cairn_dataset *d = NULL;
    o.spl_space = scheme_of(arm);
    if (w && rows && counts && pairs_of(t, m, arm, w, h, status) &&
        cairn_spl_count(w, h, n, classes, counts, status))
        space = cairn_spl_space_new(counts, classes, &o, status);
    if (space && cairn_spl_labels(space, w, h, n, label, status)) {
        for (int64_t i = 0; i < n; i++)
            if (label[i] >= 0) {
                rows[kept] = i;
                label[kept++] = label[i];
            }
        *size = cairn_spl_space_size(space);
        d = cairn__dataset_pick(m->weak, rows, kept, label, *size, NULL, status);
    }
    cairn_spl_space_free(space);
    cairn__free(counts);
    cairn__free(rows);
    cairn__free(w);
    return d;
}

/* ---- one repetition -------------------------------------------------------------------------- */

static bool train_arm(const cairn__spl_trial *t, const material *m, int arm, double *figures,
                      cairn_status *status)
{
    double rate, factor;
    int64_t size = 0;
    cairn_dataset *data = NULL;
    cairn_trainer *before = NULL, *after = NULL;
    cairn__spl_setting(arm, t->setting[arm], &rate, &factor);
    cairn__spl_run run = run_of(t->bench, rate, factor);
    if (arm != CAIRN__SPL_NONE) {
        data = items_of(t, m, arm, &size, status);
        before = data ? train(t, &run, data, t->bench->pretrain_steps, NULL, status) : NULL;
    }
    if (cairn_ok(status))
        after = train(t, &run, m->clean, t->bench->fine_steps, before, status);
    bool good = after && cairn_ok(status) && judge(t, m, &run, after, &figures[arm], status);
    if (arm == CAIRN__SPL_PAIRS)
        figures[CAIRN__SPL_SIZE] = (double)size;
    cairn_trainer_free(after);
    cairn_trainer_free(before);
    cairn_dataset_free(data);
    if (good || !status || status->code != CAIRN_ERR_NUMERIC)
        return good;
    *status = (cairn_status)CAIRN_STATUS_INIT; /* a training that breaks down is a bad setting */
    figures[arm] = 0;
    return true;
}

/* The teacher has one setting for all. */
static bool ask_teacher(const cairn__spl_trial *t, material *m, double *figures,
                        cairn_status *status)
{
    int64_t n = cairn_dataset_count(m->weak, CAIRN_SPLIT_TRAIN);
    const int32_t *weak = cairn_dataset_field(m->weak, CAIRN_SPLIT_TRAIN, "label")->data;
    cairn__spl_run run = run_of(t->bench, 0.05, 1);
    cairn_trainer *trainer = train(t, &run, m->clean, t->bench->fine_steps, NULL, status);
    m->teacher = cairn__alloc((size_t)n, sizeof *m->teacher, status);
    bool good = trainer && m->teacher && cairn_ok(status) &&
                classify(&run, trainer, m->weak, CAIRN_SPLIT_TRAIN, 0, n, m->teacher, status) &&
                judge(t, m, &run, trainer, &figures[CAIRN__SPL_ON_TEST], status);
    cairn_trainer_free(trainer);
    if (!good)
        return false;
    figures[CAIRN__SPL_AGREED] = agreement(weak, m->teacher, n);
    if (m->truth) {
        figures[CAIRN__SPL_ON_WEAK] = agreement(m->truth, m->teacher, n);
        figures[CAIRN__SPL_RIGHT] = agreement(m->truth, weak, n);
    }
    return true;
}

bool cairn__spl_measure(const void *user, double *figures, cairn_status *status)
{
    const cairn__spl_trial *t = user;
    material m = {.clean = NULL};
    for (int i = 0; i < CAIRN__SPL_FIGURES; i++)
        figures[i] = NAN;
    bool good = t->bench->kind == CAIRN__SPL_VIDEOS ? make_videos(t, &m, status)
                                                    : make_pictures(t, &m, status);
    good = good && ask_teacher(t, &m, figures, status);
    for (int arm = 0; good && arm < CAIRN__SPL_ARMS; arm++)
        if (t->arms >> arm & 1 && (arm != CAIRN__SPL_TRUTH || m.truth))
            good = train_arm(t, &m, arm, figures, status);
    cairn_dataset_free(m.clean);
    cairn_dataset_free(m.weak);
    cairn__free(m.truth);
    cairn__free(m.teacher);
    return good;
}
