/* SPL: label spaces against values worked out by hand, Grad-CAM against float64
 * (tools/golden/spl.py), the limits in which schemes are the same, and runs from end to end. */
#include "cairn/spl.h"

#include "cairn/autodiff.h"
#include "cairn/compile.h"
#include "cairn/loss.h"
#include "cairn/nn.h"
#include "cairn/video.h"
#include "data/data.h"
#include "graph/graph.h"
#include "methods/spl/render.h"
#include "methods/spl/trials.h"
#include "test.h"

/* ---- label spaces ---------------------------------------------------------------------------- */

enum { N = 3, ITEMS = 12 };
static const int32_t weak[ITEMS] = {0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2};
static const int32_t teacher[ITEMS] = {0, 0, 1, 1, 1, 0, 2, 2, 2, 2, 1, 0};

static cairn_spl_options options_of(int scheme)
{
    cairn_spl_options o = cairn_spl_defaults();
    o.spl_space = scheme;
    return o;
}

/* Labels of the items in the space of the options; returns its size. */
static int64_t label(const cairn_spl_options *o, const int32_t *w, const int32_t *t, int64_t n,
                     int32_t *out)
{
    cairn_status status = CAIRN_STATUS_INIT;
    int64_t counts[N * N];
    cairn_spl_count(w, t, n, N, counts, &status);
    cairn_spl_space *s = cairn_spl_space_new(counts, N, o, &status);
    CHECK(s && cairn_spl_labels(s, w, t, n, out, &status));
    CHECK_OK(status);
    int64_t size = s ? cairn_spl_space_size(s) : -1;
    cairn_spl_space_free(s);
    return size;
}

static void check_labels(const cairn_spl_options *o, int64_t size, const int32_t *expected)
{
    int32_t out[ITEMS];
    CHECK_INT(label(o, weak, teacher, ITEMS, out), size);
    for (int i = 0; i < ITEMS; i++)
        CHECK_INT(out[i], expected[i]);
}

TEST(the_matrix_is_counted)
{
    static const int64_t expected[N * N] = {2, 1, 0, 1, 2, 1, 1, 1, 3};
    cairn_status status = CAIRN_STATUS_INIT;
    int64_t counts[N * N];
    CHECK(cairn_spl_count(weak, teacher, ITEMS, N, counts, &status));
    for (int i = 0; i < N * N; i++)
        CHECK_INT(counts[i], expected[i]);
}

TEST(labels_are_those_worked_out)
{
    static const struct {
        int scheme;
        int64_t size;
        int32_t labels[ITEMS];
    } cases[] = {
        {CAIRN_SPL_RAW, 9, {0, 0, 1, 4, 4, 3, 5, 8, 8, 8, 7, 6}},
        {CAIRN_SPL_OCCUPIED, 8, {0, 0, 1, 3, 3, 2, 4, 7, 7, 7, 6, 5}},
        {CAIRN_SPL_B, 6, {0, 0, 1, 2, 2, 3, 3, 4, 4, 4, 5, 5}},
        {CAIRN_SPL_WEAK, 3, {0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2}},
        {CAIRN_SPL_TEACHER, 3, {0, 0, 1, 1, 1, 0, 2, 2, 2, 2, 1, 0}},
        {CAIRN_SPL_AGREE, 3, {0, 0, -1, 1, 1, -1, -1, 2, 2, 2, -1, -1}},
        {CAIRN_SPL_MIN_COUNT, 6, {0, 0, 3, 1, 1, 4, 4, 2, 2, 2, 5, 5}},
    };
    for (size_t i = 0; i < CAIRN__COUNT(cases); i++) {
        cairn_spl_options o = options_of(cases[i].scheme);
        o.spl_min_count = 2;
        check_labels(&o, cases[i].size, cases[i].labels);
    }
}

TEST(rare_pairs_can_be_dropped_and_rows_be_those_of_the_teacher)
{
    static const int32_t dropped[ITEMS] = {0, 0, -1, 1, 1, -1, -1, 2, 2, 2, -1, -1};
    static const int32_t by_teacher[ITEMS] = {0, 0, 3, 2, 2, 1, 5, 4, 4, 4, 3, 1};
    /* Of the equal cells (0,1), (1,0), (1,2), (2,0), (2,1) the first two. */
    static const int32_t top[ITEMS] = {0, 0, 1, 3, 3, 2, 5, 4, 4, 4, 6, 6};
    cairn_spl_options o = options_of(CAIRN_SPL_MIN_COUNT);
    o.spl_min_count = 2;
    o.spl_rare = CAIRN_SPL_DROP;
    check_labels(&o, 3, dropped);
    o = options_of(CAIRN_SPL_B);
    o.spl_b_axis = CAIRN_SPL_BY_TEACHER;
    check_labels(&o, 6, by_teacher);
    o = options_of(CAIRN_SPL_TOP_K);
    o.spl_top = 2;
    check_labels(&o, 7, top);
}

/* True when one list is the other with its classes numbered anew. */
static bool same_partition(const int32_t *a, const int32_t *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++)
            if ((a[i] == a[j]) != (b[i] == b[j]))
                return false;
    return true;
}

static void draw(int32_t *w, int32_t *t, int64_t n, uint64_t stream)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits[4];
        cairn_random_bits(test_seed(), stream, (uint64_t)i, bits);
        w[i] = (int32_t)(bits[0] % N);
        t[i] = bits[1] % 3 ? w[i] : (int32_t)(bits[2] % N);
    }
}

TEST(reductions_at_their_limits_are_spl_and_spl_b)
{
    enum { MANY = 60 };
    int32_t w[MANY], t[MANY], a[MANY], b[MANY];
    for (uint64_t k = 0; k < 8; k++) {
        draw(w, t, MANY, k);
        cairn_spl_options few = options_of(CAIRN_SPL_MIN_COUNT), all = options_of(CAIRN_SPL_TOP_K);
        cairn_spl_options pairs = options_of(CAIRN_SPL_OCCUPIED), halves = options_of(CAIRN_SPL_B);
        few.spl_min_count = 1000000000000;
        all.spl_top = N * (N - 1);
        label(&few, w, t, MANY, a);
        label(&halves, w, t, MANY, b);
        CHECK(same_partition(a, b, MANY));
        int64_t size = label(&all, w, t, MANY, a);
        CHECK_INT(size, label(&pairs, w, t, MANY, b));
        CHECK(memcmp(a, b, sizeof a) == 0);
        /* A planted fault: one item moved to another class is seen. */
        b[7] = b[7] ? 0 : 1;
        CHECK(!same_partition(a, b, MANY));
    }
}

TEST(a_teacher_that_always_agrees_gives_the_weak_classes)
{
    static const int schemes[] = {CAIRN_SPL_RAW,   CAIRN_SPL_OCCUPIED,  CAIRN_SPL_B,
                                  CAIRN_SPL_TOP_K, CAIRN_SPL_MIN_COUNT, CAIRN_SPL_TEACHER,
                                  CAIRN_SPL_AGREE};
    for (size_t i = 0; i < CAIRN__COUNT(schemes); i++) {
        int32_t out[ITEMS];
        cairn_spl_options o = options_of(schemes[i]);
        int64_t size = label(&o, weak, weak, ITEMS, out);
        CHECK(same_partition(out, weak, ITEMS));
        if (schemes[i] != CAIRN_SPL_RAW && schemes[i] != CAIRN_SPL_B) {
            CHECK_INT(size, N); /* no empty classes: the labels themselves */
            CHECK(memcmp(out, weak, sizeof out) == 0);
        }
    }
}

TEST(sums_and_orders_are_kept)
{
    enum { MANY = 50 };
    cairn_status status = CAIRN_STATUS_INIT;
    int32_t w[MANY], t[MANY], a[MANY], b[MANY], back_w[MANY], back_t[MANY];
    int64_t counts[N * N], total = 0, rows[N] = {0};
    draw(w, t, MANY, 77);
    cairn_spl_count(w, t, MANY, N, counts, &status);
    for (int i = 0; i < N * N; i++) {
        total += counts[i];
        rows[i / N] += counts[i];
    }
    for (int i = 0; i < MANY; i++)
        rows[w[i]]--;
    CHECK_INT(total, MANY);
    CHECK_INT(rows[0] | rows[1] | rows[2], 0);
    /* Backwards gives the same labels backwards; a raw label says both. */
    for (int i = 0; i < MANY; i++) {
        back_w[i] = w[MANY - 1 - i];
        back_t[i] = t[MANY - 1 - i];
    }
    cairn_spl_options o = options_of(CAIRN_SPL_RAW);
    label(&o, w, t, MANY, a);
    label(&o, back_w, back_t, MANY, b);
    for (int i = 0; i < MANY; i++) {
        CHECK_INT(a[i], b[MANY - 1 - i]);
        CHECK_INT(a[i] / N, w[i]);
        CHECK_INT(a[i] % N, t[i]);
    }
}

TEST(classes_say_what_they_are)
{
    static const char *const names[N] = {"coat", "shirt", "bag"};
    cairn_status status = CAIRN_STATUS_INIT;
    int64_t counts[N * N];
    char text[64];
    cairn_spl_options o = options_of(CAIRN_SPL_MIN_COUNT);
    o.spl_min_count = 2;
    cairn_spl_count(weak, teacher, ITEMS, N, counts, &status);
    cairn_spl_space *s = cairn_spl_space_new(counts, N, &o, &status);
    CHECK_OK(status);
    CHECK_TEXT(cairn_spl_class_text(s, 1, names, text, sizeof text), "shirt / shirt");
    CHECK_TEXT(cairn_spl_class_text(s, 5, names, text, sizeof text), "bag / other");
    CHECK_TEXT(cairn_spl_class_text(s, 5, NULL, text, sizeof text), "2 / other");
    cairn_spl_class c = cairn_spl_space_class(s, 5);
    CHECK(c.rest && c.weak == 2 && c.teacher == -1);
    CHECK_INT(c.items, 2);
    CHECK_INT(c.cells, 2);
    CHECK_INT(cairn_spl_space_kept(s), ITEMS);
    /* (0, 2) was never counted: the row's disagreed class, and no fresh one. */
    CHECK_INT(cairn_spl_label(s, 0, 2), 3);
    cairn_spl_space_free(s);
    o.spl_space = CAIRN_SPL_OCCUPIED;
    s = cairn_spl_space_new(counts, N, &o, &status);
    CHECK_INT(cairn_spl_label(s, 0, 2), -1);
    cairn_spl_space_free(s);
    o.spl_space = CAIRN_SPL_AGREE;
    s = cairn_spl_space_new(counts, N, &o, &status);
    CHECK_NEAR((double)cairn_spl_space_kept(s) / ITEMS, 0.583333, 1e-6);
    cairn_spl_space_free(s);
}

TEST(labels_that_are_no_class_are_named)
{
    cairn_status status = CAIRN_STATUS_INIT;
    int64_t counts[N * N] = {1, 0, 0, 0, -4, 0, 0, 0, 0};
    int32_t bad[ITEMS];
    memcpy(bad, teacher, sizeof bad);
    bad[5] = 3;
    CHECK(!cairn_spl_count(weak, bad, ITEMS, N, counts, &status));
    CHECK_TEXT(status.message, "spl: item 5: teacher's class 3, expected 0 to 2");
    status = (cairn_status)CAIRN_STATUS_INIT;
    CHECK(!cairn_spl_count(weak, teacher, ITEMS, 1, counts, &status));
    status = (cairn_status)CAIRN_STATUS_INIT;
    CHECK(!cairn_spl_space_new(counts, N, NULL, &status));
    CHECK_TEXT(status.message, "spl: cell (1, 1) has -4 items");
    status = (cairn_status)CAIRN_STATUS_INIT;
    counts[0] = counts[4] = 0;
    CHECK(!cairn_spl_space_new(counts, N, NULL, &status));
    CHECK_CONTAINS(status.message, "the label space is empty");
}

TEST(out_of_memory_leaves_nothing_behind)
{
    cairn_status status = CAIRN_STATUS_INIT;
    int64_t counts[N * N];
    cairn_spl_count(weak, teacher, ITEMS, N, counts, &status);
    for (int scheme = CAIRN_SPL_RAW; scheme <= CAIRN_SPL_AGREE; scheme++)
        for (int k = 1; k < 40; k++) {
            cairn_spl_options o = options_of(scheme);
            status = (cairn_status)CAIRN_STATUS_INIT;
            cairn__alloc_fail_after(k);
            cairn_spl_space *s = cairn_spl_space_new(counts, N, &o, &status);
            cairn__alloc_fail_after(0);
            CHECK(s ? cairn_ok(&status) : status.code == CAIRN_ERR_MEMORY);
            cairn_spl_space_free(s);
        }
}

/* ---- graphs ---------------------------------------------------------------------------------- */

static void sines(float *to, int n, double step, double scale)
{
    for (int i = 0; i < n; i++)
        to[i] = (float)(scale * sin(step * (i + 1)));
}

/* Compiles the graph, runs it once and reads the output "y". */
static void run_graph(cairn_graph *g, cairn_tensor y, int64_t n, float *out)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_output(y, "y");
    cairn_program *p = cairn_compile(g, cairn_cpu(), &status);
    if (p && cairn_program_run(p, &status))
        cairn_program_fetch(p, "y", out, (size_t)n * sizeof *out, &status);
    CHECK_OK(status);
    cairn_program_free(p);
    cairn_graph_free(g);
}

/* The network of tools/golden/spl.py, with maps of `sizes` for class 2 and class 0. */
static void cam_of(cairn_shape sizes, float *out)
{
    float x[2 * 6 * 6 * 2], w[3 * 3 * 2 * 4], head[4 * 3];
    static const int32_t classes[2] = {2, 0};
    cairn_graph *g = cairn_graph_new();
    sines(x, (int)CAIRN__COUNT(x), 0.7, 1);
    sines(w, (int)CAIRN__COUNT(w), 1.3, 0.5);
    sines(head, (int)CAIRN__COUNT(head), 2.1, 0.8);
    cairn_tensor a =
        cairn_relu(cairn_conv(cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(2, 6, 6, 2), x),
                              cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(3, 3, 2, 4), w), NULL));
    cairn_tensor bent = cairn_add(a, cairn_scale(cairn_square(a), 0.25));
    cairn_tensor logits =
        cairn_matmul(cairn_reduce_mean(bent, CAIRN_AXIS(1) | CAIRN_AXIS(2), false),
                     cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(4, 3), head));
    cairn_tensor c = cairn_constant(g, CAIRN_I32, CAIRN_SHAPE(2), classes);
    run_graph(g, cairn_grad_cam(logits, a, c, sizes), 2 * sizes.size[0] * sizes.size[1], out);
}

TEST(grad_cam_is_that_of_float64)
{
    static const double small[32] = {
        0.000833813, 0.000435468, 0.002415181, 0.001627774, 0.001253526, 0.002465661, 0.000992495,
        0.000819553, 0.00157138,  0.000912047, 0.00039767,  0.001329675, 0.000804366, 0.000511443,
        0.002475687, 0.00151321,  0.031820943, 0.0111925,   0.035441851, 0.025909092, 0.020013955,
        0.034497723, 0.023157157, 0.031378172, 0.025236246, 0.032981884, 0.018446517, 0.021063619,
        0.030899917, 0.010860683, 0.036157389, 0.025149198};
    static const double rows[4][8] = {{0.000833813, 0.000734227, 0.000535054, 0.000930396,
                                       0.001920253, 0.002218329, 0.001824626, 0.001627774},
                                      {0.001518405, 0.001431549, 0.001257838, 0.001002439,
                                       0.000665351, 0.000683769, 0.001057693, 0.001244655},
                                      {0.031820943, 0.026663832, 0.016349611, 0.017254838,
                                       0.029379513, 0.033058661, 0.028292282, 0.025909092},
                                      {0.024365864, 0.026583029, 0.031017359, 0.029733799,
                                       0.022732349, 0.020119396, 0.021894939, 0.022782711}};
    float out[2 * 6 * 8];
    cam_of(CAIRN_SHAPE(4, 4), out);
    for (int i = 0; i < 32; i++)
        CHECK_NEAR((double)out[i], small[i], 2e-8);
    cam_of(CAIRN_SHAPE(6, 8), out);
    for (int b = 0; b < 2; b++)
        for (int k = 0; k < 8; k++) {
            CHECK_NEAR((double)out[b * 48 + k], rows[2 * b][k], 2e-8);
            CHECK_NEAR((double)out[b * 48 + 24 + k], rows[2 * b + 1][k], 2e-8);
        }
}

TEST(grad_cam_refuses_what_does_not_fit)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(2, 4, 4, 3));
    cairn_tensor z = cairn_input(g, "z", CAIRN_F32, CAIRN_SHAPE(2, 5));
    cairn_tensor c = cairn_input(g, "c", CAIRN_I32, CAIRN_SHAPE(2));
    cairn_grad_cam(z, x, c, CAIRN_SHAPE(8));
    CHECK_INT(cairn_graph_status(g).code, CAIRN_ERR_SHAPE);
    CHECK_CONTAINS(cairn_graph_status(g).message, "features [2,4,4,3]");
    cairn_graph_free(g);
}

TEST(dropped_rows_do_not_count_in_the_loss)
{
    static const float z[4 * 3] = {1, 2, 3, 0.5F, -1, 2, 4, 4, 4, -2, 0, 1};
    static const int32_t all[4] = {2, -1, 0, -1}, none[4] = {-1, -1, 3, -1};
    double expected =
        (log(exp(-2.0) + exp(-1.0) + 1) + log(3)) / 2; /* rows 0 and 2, class by class */
    for (int k = 0; k < 2; k++) {
        float loss = -1;
        cairn_graph *g = cairn_graph_new();
        cairn_tensor logits = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(4, 3), z);
        cairn_tensor labels = cairn_constant(g, CAIRN_I32, CAIRN_SHAPE(4), k ? none : all);
        run_graph(g, cairn_spl_loss(logits, labels), 1, &loss);
        CHECK_NEAR((double)loss, k ? 0 : expected, 1e-6);
    }
}

/* ---- transfer -------------------------------------------------------------------------------- */

static cairn_graph *model(uint64_t seed, int64_t units, int64_t classes)
{
    cairn_graph *g = cairn_graph_new();
    cairn_graph_seed(g, seed);
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(2, 4));
    cairn_tensor y = cairn_batch_norm_layer(cairn_linear(x, units, "body"), "norm", NULL);
    cairn_output(cairn_linear(y, classes, "head"), "y");
    cairn_output(
        cairn_state(g, "body/weight/momentum_u", CAIRN_F32, CAIRN_SHAPE(4, units), CAIRN_ONES),
        "u");
    /* Variables have values once a program uses them. */
    cairn_program_free(cairn_compile(g, cairn_cpu(), &status));
    CHECK_OK(status);
    return g;
}

/* The first element of a variable. */
static float *value_of(cairn_graph *g, const char *name, float *to, size_t n)
{
    cairn_status status = CAIRN_STATUS_INIT;
    CHECK(cairn_variable_read(cairn_graph_variable(g, name), to, n * sizeof *to, &status));
    return to;
}

TEST(the_head_stays_fresh_and_the_rest_is_taken_over)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_graph *from = model(1, 5, 9), *to = model(2, 5, 3), *other = model(2, 6, 3);
    float a[20], b[20], head[15], seven[20], mean[5] = {7, 7, 7, 7, 7};
    int64_t moved = -1;
    for (int i = 0; i < 20; i++)
        seven[i] = 7;
    CHECK(cairn_variable_write(cairn_graph_variable(from, "body/weight/momentum_u"), seven,
                               sizeof seven, &status));
    CHECK(
        cairn_variable_write(cairn_graph_variable(from, "norm/mean"), mean, sizeof mean, &status));
    value_of(to, "head/weight", head, 15);
    CHECK(cairn_spl_transfer(from, to, "head", false, &moved, &status));
    CHECK_INT(moved, 4); /* weight and bias, scale and offset */
    CHECK_NEAR((double)*value_of(to, "norm/mean", b, 5), 0, 0);
    CHECK(cairn_spl_transfer(from, to, "head", true, &moved, &status));
    CHECK_INT(moved, 6);
    CHECK_NEAR((double)*value_of(to, "norm/mean", b, 5), 7, 0);
    CHECK(memcmp(value_of(from, "body/weight", a, 20), value_of(to, "body/weight", b, 20),
                 sizeof a) == 0);
    CHECK(memcmp(head, value_of(to, "head/weight", b, 15), sizeof head) == 0);
    CHECK_NEAR((double)*value_of(to, "body/weight/momentum_u", b, 20), 1, 0); /* starts anew */
    CHECK(!cairn_spl_transfer(from, other, "head", false, NULL, &status));
    CHECK_TEXT(status.message, "body/weight: [4,5] was pre-trained, expected [4,6]");
    cairn_graph_free(from);
    cairn_graph_free(to);
    cairn_graph_free(other);
}

/* ---- experiments ----------------------------------------------------------------------------- */

TEST(rendered_videos_are_read_back_and_make_the_clips_of_an_experiment)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__scenes s = {.videos = 2,
                       .size = 24,
                       .segments = 3,
                       .frames = 5,
                       .share = 0.4,
                       .contextual = true,
                       .seed = 3};
    cairn__decode_options how = {.size = 24, .frames = 4, .stride = 1, .clips = 3, .seed = 7};
    cairn_data_options options = cairn_data_defaults();
    options.test_fraction = 0;
    if (!cairn__scenes_write(&s, test_path("scenes"), &status)) {
        CHECK_INT(status.code, CAIRN_ERR_MISSING); /* built or run without FFmpeg */
        return;
    }
    cairn_items *items = cairn_items_open(test_path("scenes"), &options, &status);
    cairn_dataset *a = cairn__dataset_decode(items, &how, &status);
    CHECK_OK(status);
    CHECK_INT(cairn_dataset_count(a, CAIRN_SPLIT_TRAIN), CAIRN__SHAPES * 2 * 3);
    const cairn_field *x = cairn_dataset_field_at(a, CAIRN_SPLIT_TRAIN, 0);
    const int32_t *label = cairn_dataset_field(a, CAIRN_SPLIT_TRAIN, "label")->data;
    for (int i = 0; i < CAIRN__SHAPES * 6; i++)
        CHECK_INT(label[i], i / 6);
    CHECK_TEXT(cairn_dataset_class_name(a, 2), "disk");
    /* FFV1 is lossless: written again the frames are the same, and clips are cut from them. */
    unsigned char clip[4 * 24 * 24 * 3];
    cairn_clip_options o = cairn_clip_defaults();
    o.frames = 4;
    o.width = o.height = 24;
    o.seed = 7;
    CHECK(cairn_items_clip(items, CAIRN_SPLIT_TRAIN, 5, &o, 2, clip, NULL, &status));
    CHECK(memcmp((const char *)x->data + (5 * 3 + 2) * sizeof clip, clip, sizeof clip) == 0);
    cairn_items_free(items);
    cairn_dataset_free(a);
    cairn__scenes_remove(&s, test_path("scenes"));
    CHECK(!cairn_items_open(test_path("scenes"), &options, &status));
}

/* 10 classes of 60 pictures whose class is the place of a bright square. */
static cairn_dataset *squares(void)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__made_split splits[2];
    for (int s = 0; s < 2; s++) {
        enum { N_ITEMS = 600 };
        uint8_t *x = cairn__alloc(N_ITEMS, 144, &status);
        splits[s] = (cairn__made_split){.features = {.name = "image",
                                                     .type = CAIRN_DATA_U8,
                                                     .rank = 3,
                                                     .shape = {N_ITEMS, 12, 12},
                                                     .data = x},
                                        .labels = cairn__alloc(N_ITEMS, sizeof(int32_t), &status)};
        for (int i = 0; i < N_ITEMS; i++) {
            int c = splits[s].labels[i] = i % 10;
            for (int k = 0; k < 9; k++)
                x[i * 144 + (c / 4 * 4 + k / 3) * 12 + c % 4 * 3 + k % 3] =
                    (uint8_t)(150 + (i * 7 + k) % 100);
        }
    }
    cairn_dataset *d = cairn__dataset_make("squares", "test", splits, 10, NULL, &status);
    CHECK_OK(status);
    return d;
}

TEST(picking_items_without_memory_leaves_nothing_behind)
{
    static const int64_t rows[3] = {5, 5, 599};
    static const int32_t labels[3] = {1, 0, 1};
    static const char *const names[2] = {"a", "b"};
    cairn_dataset *data = squares();
    for (int k = 0; k < 16; k++) {
        cairn_status status = CAIRN_STATUS_INIT;
        cairn__alloc_fail_after(k);
        cairn_dataset *d = cairn__dataset_pick(data, rows, 3, labels, 2, names, &status);
        cairn__alloc_fail_after(0);
        CHECK(d ? cairn_ok(&status) : status.code == CAIRN_ERR_MEMORY);
        if (k == 0) {
            const cairn_field *x = cairn_dataset_field_at(d, CAIRN_SPLIT_TRAIN, 0);
            const cairn_field *from = cairn_dataset_field_at(data, CAIRN_SPLIT_TRAIN, 0);
            CHECK(memcmp((const char *)x->data + 288, (const char *)from->data + 599 * 144, 144) ==
                  0);
            CHECK_INT(cairn_dataset_count(d, CAIRN_SPLIT_TEST), 0);
            CHECK_TEXT(cairn_dataset_class_name(d, 1), "b");
        }
        cairn_dataset_free(d);
    }
    cairn_dataset_free(data);
}

TEST(an_experiment_is_the_same_every_time_and_true_labels_help)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_dataset *data = squares();
    cairn__spl_bench bench = {.kind = CAIRN__SPL_CLIPS,
                              .share = 0.4,
                              .contextual = true,
                              .clean = 6,
                              .videos = 60,
                              .clips = 4,
                              .pretrain_steps = 60,
                              .fine_steps = 30,
                              .batch = 20};
    cairn__spl_trial t = {.bench = &bench,
                          .data = data,
                          .directory = test_directory(),
                          .seed = 1,
                          .arms = (1U << CAIRN__SPL_ARMS) - 1};
    double a[CAIRN__SPL_FIGURES], b[CAIRN__SPL_FIGURES];
    CHECK(cairn__spl_measure(&t, a, &status));
    CHECK(cairn__spl_measure(&t, b, &status));
    CHECK_OK(status);
    CHECK(memcmp(a, b, sizeof a) == 0);
    for (int arm = 0; arm < CAIRN__SPL_ARMS; arm++)
        CHECK(a[arm] > 0.2 && a[arm] <= 1);
    CHECK(a[CAIRN__SPL_TRUTH] > a[CAIRN__SPL_NONE]);
    /* 0.4 of the clips show the query; of the others none does. */
    CHECK_NEAR(a[CAIRN__SPL_RIGHT], 0.4, 0.1);
    CHECK(a[CAIRN__SPL_SIZE] >= 10 && a[CAIRN__SPL_SIZE] <= 100);
    bench.kind = CAIRN__SPL_FLIPS;
    CHECK(cairn__spl_measure(&t, a, &status));
    CHECK_NEAR(a[CAIRN__SPL_RIGHT], 0.76, 0.1); /* four of ten classes have no partner */
    bench.clean = 50;
    CHECK(!cairn__spl_measure(&t, a, &status));
    CHECK_CONTAINS(status.message, "60 items of class 0, expected at least 70");
    cairn_dataset_free(data);
}

TEST(an_experiment_with_videos_runs)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__spl_bench bench = {.kind = CAIRN__SPL_VIDEOS,
                              .share = 0.4,
                              .contextual = true,
                              .clean = 13,
                              .videos = 12,
                              .clips = 2,
                              .pretrain_steps = 4,
                              .fine_steps = 4,
                              .batch = 8};
    cairn__spl_trial t = {.bench = &bench,
                          .directory = test_directory(),
                          .seed = 1,
                          .arms = 1U << CAIRN__SPL_PAIRS | 1U << CAIRN__SPL_HALVES};
    double a[CAIRN__SPL_FIGURES];
    if (!cairn__spl_measure(&t, a, &status)) {
        CHECK_INT(status.code, CAIRN_ERR_MISSING);
        return;
    }
    CHECK(a[CAIRN__SPL_PAIRS] >= 0 && a[CAIRN__SPL_PAIRS] <= 1);
    CHECK(isnan(a[CAIRN__SPL_NONE]) && isnan(a[CAIRN__SPL_ON_WEAK]));
}

/* The loss of a head that has learnt nothing is near the logarithm of its classes. */
TEST(pre_training_starts_at_chance)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_dataset *data = squares();
    cairn__spl_run run = cairn__spl_run_defaults();
    cairn_problem problem;
    cairn_train_options o = cairn_train_defaults();
    double first[2];
    for (int network = CAIRN__SPL_MLP; network <= CAIRN__SPL_CONV; network++) {
        run.model.network = network;
        run.model.learning_rate = 1e-6;
        snprintf(run.model.layers, CAIRN_TEXT_SIZE, "8");
        o.batch = 100;
        o.length = (cairn_span){1, CAIRN_STEPS};
        o.evaluate.amount = 0;
        cairn__spl_scratch_problem(&run, &problem);
        problem.report = NULL;
        problem.build_evaluation = NULL;
        cairn_train_setup setup = {.problem = &problem, .data = data, .options = &o};
        cairn_trainer *t = cairn_trainer_new(&setup, &status);
        while (t && cairn_trainer_advance(t, 0, &status)) {
        }
        CHECK_OK(status);
        first[network - 1] = t ? cairn_trainer_progress(t).loss : NAN;
        CHECK_NEAR(first[network - 1], log(10), 0.4);
        cairn_trainer_free(t);
    }
    CHECK(first[0] != first[1]);
    cairn_dataset_free(data);
}
