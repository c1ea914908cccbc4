/* Convolutional networks: numbers of parameters as published, values and gradients against PyTorch
 * in float64 (tools/golden/convnets.py), and compiled against the same. */
#include "cairn/autodiff.h"
#include "cairn/compile.h"
#include "cairn/loss.h"
#include "cairn/nn.h"
#include "sampler.h"

enum { VARIABLES = 400 };

static int64_t finish(cairn_graph *g, cairn_tensor y, int64_t classes)
{
    CHECK_OK(cairn_graph_status(g));
    CHECK(cairn_shape_equal(cairn_tensor_shape(y), CAIRN_SHAPE(1, classes)));
    int64_t total = sampler_parameters(g);
    cairn_graph_free(g);
    return total;
}

static cairn_tensor picture(cairn_graph *g)
{
    return cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(1, 64, 64, 3));
}

static int64_t resnet(int layers)
{
    cairn_graph *g = cairn_graph_new();
    cairn_resnet_options o = cairn_resnet_defaults(layers, 1000);
    o.imagenet_stem = true;
    return finish(g, cairn_resnet(picture(g), &o), 1000);
}

static int64_t mobilenet(cairn_mobilenet_size size)
{
    cairn_graph *g = cairn_graph_new();
    cairn_mobilenet_options o = cairn_mobilenet_defaults(size, 1000);
    return finish(g, cairn_mobilenet(picture(g), &o), 1000);
}

static int64_t efficientnet(void)
{
    cairn_graph *g = cairn_graph_new();
    cairn_efficientnet_options o = cairn_efficientnet_defaults(1000);
    return finish(g, cairn_efficientnet(picture(g), &o), 1000);
}

static int64_t video_resnet(void)
{
    cairn_graph *g = cairn_graph_new();
    cairn_resnet_options o = cairn_resnet_defaults(18, 400);
    o.imagenet_stem = true;
    cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(1, 8, 32, 32, 3));
    return finish(g, cairn_resnet(x, &o), 400);
}

TEST(parameters_are_as_many_as_published)
{
    CHECK_INT(resnet(18), 11689512);
    CHECK_INT(resnet(34), 21797672);
    CHECK_INT(resnet(50), 25557032);
    CHECK_INT(mobilenet(CAIRN_MOBILENET_SMALL), 2542856);
    CHECK_INT(mobilenet(CAIRN_MOBILENET_LARGE), 5483032);
    CHECK_INT(efficientnet(), 21458488);
    CHECK_INT(video_resnet(), 33371472);
}

TEST(other_depths_are_refused)
{
    cairn_graph *g = cairn_graph_new();
    cairn_resnet_options o = cairn_resnet_defaults(20, 10);
    cairn_resnet(cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(1, 32, 32, 3)), &o);
    CHECK_CONTAINS(cairn_graph_status(g).message, "resnet: 20 layers");
    cairn_graph_free(g);
}

/* ---- golden values --------------------------------------------------------------------------- */

/* Number i of a stream: value() of the script. */
static double value(uint32_t stream, int64_t i)
{
    uint32_t h = (uint32_t)((uint64_t)i * 2654435761u + (uint64_t)stream * 40503u);
    h ^= h >> 15;
    h *= 2246822519u;
    h ^= h >> 13;
    return h / 4294967296.0 - 0.5;
}

typedef struct net {
    cairn_graph *g;
    cairn_variable *const *variables;
    int n, batch, frames, size; /* frames of videos, else 0 */
    double bound;               /* of differences in double precision */
} net;

static bool ends_with(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

static double first_value(const net *m, int index, int64_t i)
{
    const cairn_variable *v = m->variables[index];
    double u = value((uint32_t)index + 1, i), fan = 1;
    for (int a = 0; a < v->shape.rank - 1; a++)
        fan *= (double)v->shape.size[a];
    if (v->shape.rank >= 4)
        return u * sqrt(24 / fan);
    if (v->shape.rank == 2)
        return u * sqrt(12 / fan);
    return ends_with(v->name, "/scale") || ends_with(v->name, "/variance") ? u + 1 : u;
}

static bool source(const cairn_node *leaf, double *out, void *user)
{
    const net *m = user;
    int64_t count = cairn_shape_count(leaf->shape);
    int index = -1;
    for (int i = 0; i < m->n; i++)
        if (leaf->at.data == m->variables[i])
            index = i;
    for (int64_t i = 0; i < count; i++)
        out[i] = index >= 0                 ? first_value(m, index, i)
                 : leaf->dtype == CAIRN_I32 ? (double)i
                                            : value(1000, i);
    return true;
}

typedef struct wanted {
    cairn_tensor list[VARIABLES + 2]; /* of each variable its gradient or new value; logits, loss */
    double *out[VARIABLES + 2];
    char name[VARIABLES + 2][16];
    int n;
} wanted;

static cairn_tensor new_value(const cairn_graph *g, const cairn_variable *v)
{
    for (int i = 0; i < g->n_assignments; i++)
        if (g->assignments[i].variable == v)
            return (cairn_tensor){(cairn_graph *)g, g->assignments[i].value};
    return (cairn_tensor){NULL, 0};
}

/* The first line of a file. */
typedef struct description {
    char model[16];
    int variant, imagenet_stem, width, classes;
} description;

static cairn_tensor logits_of(cairn_tensor x, const description *d)
{
    if (strcmp(d->model, "mobilenet") == 0) {
        cairn_mobilenet_options o =
            cairn_mobilenet_defaults((cairn_mobilenet_size)d->variant, d->classes);
        o.width = d->width / 64.0;
        o.dropout = 0;
        return cairn_mobilenet(x, &o);
    }
    if (strcmp(d->model, "efficientnet") == 0) {
        cairn_efficientnet_options o = cairn_efficientnet_defaults(d->classes);
        o.width = d->width / 64.0;
        o.depth = d->variant / 100.0;
        o.dropout = o.stochastic_depth = 0;
        return cairn_efficientnet(x, &o);
    }
    cairn_resnet_options o = cairn_resnet_defaults(d->variant, d->classes);
    o.imagenet_stem = d->imagenet_stem;
    o.width = d->width / 64.0;
    return cairn_resnet(x, &o);
}

static cairn_shape input_shape(const net *m)
{
    return m->frames ? CAIRN_SHAPE(m->batch, m->frames, m->size, m->size, 3)
                     : CAIRN_SHAPE(m->batch, m->size, m->size, 3);
}

static void build(net *m, wanted *w, const description *d)
{
    m->g = cairn_graph_new();
    cairn_tensor x = cairn_input(m->g, "x", CAIRN_F32, input_shape(m));
    cairn_tensor label = cairn_input(m->g, "label", CAIRN_I32, CAIRN_SHAPE(m->batch));
    cairn_tensor logits = logits_of(x, d);
    cairn_tensor loss = cairn_mean(cairn_cross_entropy(logits, label));
    m->n = cairn_graph_variables(m->g, &m->variables);
    w->n = m->n + 2;
    for (int i = 0; i < m->n; i++) {
        cairn_tensor v = cairn__variable_tensor(m->g, m->variables[i]);
        if (cairn_variable_trainable(m->variables[i]))
            cairn_gradients(loss, &v, 1, &w->list[i]);
        else
            w->list[i] = new_value(m->g, m->variables[i]);
    }
    w->list[m->n] = logits;
    w->list[m->n + 1] = loss;
    CHECK_OK(cairn_graph_status(m->g));
    for (int i = 0; i < w->n; i++) {
        int64_t count = cairn_shape_count(cairn_tensor_shape(w->list[i]));
        w->out[i] = cairn__alloc((size_t)count, sizeof(double), NULL);
        snprintf(w->name[i], sizeof w->name[i], "y%d", i);
        cairn_output(w->list[i], w->name[i]);
    }
}

static void feed(const net *m, cairn_program *p, cairn_status *status)
{
    int64_t most = cairn_shape_count(input_shape(m));
    for (int i = 0; i < m->n; i++)
        most = CAIRN__MAX(most, cairn_shape_count(m->variables[i]->shape));
    float *room = cairn__alloc((size_t)most, sizeof *room, status);
    int32_t label[16];
    for (int i = 0; i < m->n; i++) {
        int64_t count = cairn_shape_count(m->variables[i]->shape);
        for (int64_t e = 0; e < count; e++)
            room[e] = (float)first_value(m, i, e);
        cairn_variable_write(m->variables[i], room, (size_t)count * sizeof *room, status);
    }
    int64_t count = cairn_shape_count(input_shape(m));
    for (int64_t e = 0; e < count; e++)
        room[e] = (float)value(1000, e);
    for (int i = 0; i < m->batch; i++)
        label[i] = i;
    cairn_program_feed(p, "x", room, (size_t)count * sizeof *room, status);
    cairn_program_feed(p, "label", label, (size_t)m->batch * sizeof *label, status);
    cairn__free(room);
}

/* Root mean square distance of what the program gives to the exact values, relative to theirs. */
static void check_program(const net *m, const wanted *w, double tolerance)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_program *p = cairn_compile(m->g, cairn_cpu(), &status);
    if (p) {
        feed(m, p, &status);
        cairn_program_run(p, &status);
    }
    for (int i = 0; p && i < w->n; i++) {
        int64_t count = cairn_shape_count(cairn_tensor_shape(w->list[i]));
        float *found = cairn__alloc((size_t)count, sizeof *found, NULL);
        double off = 0, all = 1e-6;
        cairn_program_fetch(p, w->name[i], found, (size_t)count * sizeof *found, &status);
        for (int64_t e = 0; e < count; e++) {
            off += pow(found[e] - w->out[i][e], 2);
            all += pow(w->out[i][e], 2);
        }
        test_check(off <= tolerance * tolerance * all, __FILE__, __LINE__,
                   "variable %d of %d: off by %.3g", i, m->n, sqrt(off / all));
        cairn__free(found);
    }
    CHECK_OK(status);
    cairn_program_free(p);
}

static double near(const net *m, double exact)
{
    return m->bound * (1 + fabs(exact));
}

/* Sum, sum of squares and, of gradients, the first element. */
static void check_line(FILE *file, const net *m, const wanted *w, bool parameter)
{
    int index = -1;
    long long count = -1;
    double sum = 0, squares = 0, first = 0, expected[3] = {NAN, NAN, NAN};
    CHECK(fscanf(file, "%d %lld %lf %lf", &index, &count, &expected[0], &expected[1]) == 4);
    CHECK(!parameter || fscanf(file, "%lf", &expected[2]) == 1);
    if (!CHECK(index >= 0 && index < m->n))
        return;
    CHECK_INT(cairn_shape_count(m->variables[index]->shape), count);
    CHECK(m->variables[index]->trainable == parameter);
    first = w->out[index][0];
    for (int64_t i = 0; i < count; i++) {
        sum += w->out[index][i];
        squares += w->out[index][i] * w->out[index][i];
    }
    CHECK_NEAR(sum, expected[0], near(m, sqrt((double)count * expected[1])));
    CHECK_NEAR(squares, expected[1], near(m, expected[1]));
    if (parameter)
        CHECK_NEAR(first, expected[2], near(m, sqrt(expected[1])));
}

static void check_golden(const char *path, double bound, double tolerance)
{
    FILE *file = fopen(path, "r");
    description d = {.variant = 0};
    int count = 0, lines = 0;
    net m = {.bound = bound};
    wanted w = {.n = 0};
    char word[16] = "";
    double expected = 0;
    cairn_status status = CAIRN_STATUS_INIT;
    if (!CHECK(file != NULL) ||
        !CHECK(fscanf(file, "case %15s %d %d %d %d %d %d logits %d", d.model, &d.variant,
                      &d.imagenet_stem, &m.size, &m.batch, &d.width, &d.classes, &count) == 8))
        return;
    m.frames = strcmp(d.model, "video") == 0 ? m.size / 4 : 0;
    build(&m, &w, &d);
    cairn__evaluate(m.g, w.list, w.n, w.out, source, &m, false, &status);
    CHECK_OK(status);
    CHECK_INT(count, m.batch * d.classes);
    for (int i = 0; i < count; i++) {
        CHECK(fscanf(file, "%lf", &expected) == 1);
        CHECK_NEAR(w.out[m.n][i], expected, near(&m, expected));
    }
    CHECK(fscanf(file, " loss %lf", &expected) == 1);
    CHECK_NEAR(*w.out[m.n + 1], expected, near(&m, expected));
    for (; fscanf(file, "%15s", word) == 1 && strcmp(word, "end") != 0; lines++)
        check_line(file, &m, &w, strcmp(word, "parameter") == 0);
    CHECK_INT(lines, m.n);
    check_program(&m, &w, tolerance);
    for (int i = 0; i < w.n; i++)
        cairn__free(w.out[i]);
    cairn_graph_free(m.g);
    fclose(file);
}

TEST(resnet18_as_in_float64)
{
    check_golden(TEST_SOURCES "/nn/golden/resnet18.txt", 1e-9, 1e-3);
}

/* Rounding grows in each of 53 normalisations over as few as 8 elements, and some gradients nearly
 * cancel. */
TEST(resnet50_as_in_float64)
{
    check_golden(TEST_SOURCES "/nn/golden/resnet50.txt", 1e-9, 2e-2);
}

/* The graph's constants are f32, and 1/6 and 0.001 are not exact there. */
TEST(mobilenet_as_in_float64)
{
    check_golden(TEST_SOURCES "/nn/golden/mobilenet.txt", 1e-8, 1e-2);
}

TEST(efficientnet_as_in_float64)
{
    check_golden(TEST_SOURCES "/nn/golden/efficientnet.txt", 1e-8, 1e-2);
}

TEST(resnet_of_videos_as_in_float64)
{
    check_golden(TEST_SOURCES "/nn/golden/video.txt", 1e-9, 1e-2);
}
