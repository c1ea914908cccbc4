/* Every rule, schedule and inverse against tests/optim/golden/ (tools/golden/optim.py): in double
 * precision to rounding, and on the processor in f32. */
#include <dirent.h>
#include <stdlib.h>

#include "cairn/compile.h"
#include "optim/rule.h"
#include "test.h"

enum { MOST_PARAMETERS = 4, MOST_VARIABLES = 64 };

/* ---- words of a file ------------------------------------------------------------------------- */

typedef struct words {
    char *text, *rest;
    char word[64]; /* the last one read */
} words;

static bool words_open(words *w, const char *file)
{
    char path[1024];
    size_t n;
    snprintf(path, sizeof path, "%s/optim/golden/%s", TEST_SOURCES, file);
    w->text = test_read_file(path, &n);
    w->rest = w->text;
    return CHECK(w->text != NULL);
}

static const char *next(words *w)
{
    int used = 0;
    w->word[0] = 0;
    sscanf(w->rest, "%63s%n", w->word, &used);
    w->rest += used;
    return w->word;
}

static bool next_is(words *w, const char *expected)
{
    return strcmp(next(w), expected) == 0;
}

static double number(words *w)
{
    return strtod(next(w), NULL);
}

static double *numbers(words *w, int64_t n)
{
    double *x = cairn__alloc((size_t)n, sizeof *x, NULL);
    for (int64_t i = 0; i < n; i++)
        x[i] = number(w);
    return x;
}

/* ---- a graph's variables in double precision ------------------------------------------------- */

typedef struct doubles {
    cairn_graph *g;
    cairn_variable *const *variables;
    int n;
    double *value[MOST_VARIABLES];
    const double *fed[MOST_PARAMETERS]; /* inputs "0", "1" .. */
} doubles;

static int64_t count_of(const cairn_variable *v)
{
    return cairn_shape_count(v->shape);
}

static void doubles_open(doubles *d, cairn_graph *g)
{
    d->g = g;
    d->n = cairn_graph_variables(g, &d->variables);
    CHECK(d->n <= MOST_VARIABLES);
    for (int i = 0; i < d->n; i++) {
        const cairn_variable *v = d->variables[i];
        char *first = cairn__alloc(v->bytes, 1, NULL);
        d->value[i] = cairn__alloc((size_t)count_of(v), sizeof(double), NULL);
        CHECK(cairn__variable_initial(v, 0, count_of(v), first, NULL));
        cairn__to_double(v->dtype, first, d->value[i], count_of(v));
        /* 1e-8 as a first value, say, is not exact in f32. */
        for (int64_t j = 0; v->init.kind == CAIRN_INIT_CONSTANT && j < count_of(v); j++)
            d->value[i][j] = v->init.scale;
        cairn__free(first);
    }
}

static void doubles_close(doubles *d)
{
    for (int i = 0; i < d->n; i++)
        cairn__free(d->value[i]);
}

static bool source(const cairn_node *leaf, double *out, void *user)
{
    doubles *d = user;
    size_t bytes = (size_t)cairn_shape_count(leaf->shape) * sizeof *out;
    if (leaf->op == &cairn__op_input) {
        memcpy(out, d->fed[atoi(leaf->at.data)], bytes);
        return true;
    }
    for (int i = 0; i < d->n; i++)
        if (d->variables[i] == leaf->at.data)
            memcpy(out, d->value[i], bytes);
    return true;
}

/* All assignments of one set: new values from the old ones. */
static void doubles_run(doubles *d, const char *set)
{
    cairn_tensor wanted[MOST_VARIABLES] = {{NULL, 0}};
    double *out[MOST_VARIABLES] = {NULL};
    const cairn_variable *to[MOST_VARIABLES];
    int n = 0;
    for (int i = 0; i < d->g->n_assignments; i++) {
        const cairn__assignment *a = &d->g->assignments[i];
        if (strcmp(a->set, set) != 0)
            continue;
        to[n] = a->variable;
        wanted[n] = (cairn_tensor){d->g, a->value};
        out[n++] = cairn__alloc((size_t)count_of(a->variable), sizeof(double), NULL);
    }
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__evaluate(d->g, wanted, n, out, source, d, false, &status);
    CHECK_OK(status);
    for (int i = 0; i < d->n; i++)
        for (int k = 0; k < n; k++)
            if (d->variables[i] == to[k])
                memcpy(d->value[i], out[k], (size_t)count_of(to[k]) * sizeof(double));
    for (int k = 0; k < n; k++)
        cairn__free(out[k]);
}

static double *doubles_of(doubles *d, const char *name)
{
    for (int i = 0; i < d->n; i++)
        if (strcmp(d->variables[i]->name, name) == 0)
            return d->value[i];
    CHECK(false);
    return NULL;
}

/* ---- a case ---------------------------------------------------------------------------------- */

typedef struct example {
    const char *file;
    words w;
    char rule[32];
    _Alignas(max_align_t) char options[CAIRN__RULE_OPTIONS_SIZE];
    cairn_update_options common;
    cairn_graph *g;
    cairn_tensor parameter[MOST_PARAMETERS], gradient[MOST_PARAMETERS];
    int64_t count[MOST_PARAMETERS];
    int n;
    doubles d;
    cairn_program *program, *refresh;
    int64_t interval;
} example;

static void read_option(words *w, const cairn_option *table, void *options)
{
    char name[64];
    cairn_status status = CAIRN_STATUS_INIT;
    snprintf(name, sizeof name, "%s", next(w));
    cairn_options_set(table, options, name, next(w), &status);
    CHECK_OK(status);
}

static double *read_parameter(example *e)
{
    char name[64], input[8];
    snprintf(name, sizeof name, "%s", next(&e->w));
    cairn_shape shape = {.rank = (int)number(&e->w)};
    for (int i = 0; i < shape.rank; i++)
        shape.size[i] = (int64_t)number(&e->w);
    snprintf(input, sizeof input, "%d", e->n);
    e->parameter[e->n] = cairn_parameter(e->g, name, shape, CAIRN_ZEROS);
    e->gradient[e->n] = cairn_input(e->g, input, CAIRN_F32, shape);
    e->count[e->n] = cairn_shape_count(shape);
    return numbers(&e->w, e->count[e->n++]);
}

static void write_f32(example *e, int i, const double *x)
{
    float *values = cairn__alloc((size_t)e->count[i], sizeof *values, NULL);
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__from_double(CAIRN_F32, x, values, e->count[i]);
    cairn_variable_write(cairn_graph_variable(e->g, cairn__parameter_name(e->parameter[i])), values,
                         (size_t)e->count[i] * sizeof *values, &status);
    CHECK_OK(status);
    cairn__free(values);
}

/* Everything up to the steps. */
static bool start(example *e)
{
    cairn_status status = CAIRN_STATUS_INIT;
    double *first[MOST_PARAMETERS];
    int n = 0;
    next(&e->w); /* "rule" */
    snprintf(e->rule, sizeof e->rule, "%s", next(&e->w));
    const cairn__rule *rule = cairn__rule_find(e->rule, &status);
    if (!CHECK(rule != NULL))
        return false;
    cairn_options_defaults(rule->about.options, e->options);
    e->common = cairn_update_defaults();
    e->g = cairn_graph_new();
    for (next(&e->w); strcmp(e->w.word, "steps") != 0; next(&e->w)) {
        if (strcmp(e->w.word, "option") == 0)
            read_option(&e->w, rule->about.options, e->options);
        else if (strcmp(e->w.word, "common") == 0)
            read_option(&e->w, cairn_update_table, &e->common);
        else if (CHECK(strcmp(e->w.word, "parameter") == 0))
            first[n++] = read_parameter(e);
    }
    cairn_apply_gradients(e->parameter, e->gradient, e->n, e->rule, e->options, &e->common);
    e->interval = cairn_refresh_interval(e->rule, e->options);
    CHECK_OK(cairn_graph_status(e->g));
    doubles_open(&e->d, e->g);
    e->program = cairn_compile(e->g, cairn_cpu(), &status);
    if (e->interval)
        e->refresh = cairn_compile_updates(e->g, cairn_cpu(), CAIRN_REFRESH, NULL, 0, &status);
    CHECK_OK(status);
    for (int i = 0; i < e->n; i++) {
        write_f32(e, i, first[i]);
        memcpy(doubles_of(&e->d, cairn__parameter_name(e->parameter[i])), first[i],
               (size_t)e->count[i] * sizeof(double));
        cairn__free(first[i]);
    }
    return status.code == CAIRN_OK;
}

static void compare(const example *e, const char *how, int i, int step, const double *actual,
                    const double *expected, double tolerance)
{
    double worst = 0;
    for (int64_t j = 0; j < e->count[i]; j++) {
        double off = fabs(actual[j] - expected[j]) / fmax(1, fabs(expected[j]));
        worst = off <= worst ? worst : off;
        if (off != off)
            worst = INFINITY;
    }
    test_check(worst <= tolerance, __FILE__, __LINE__,
               "%s, %s, parameter %d after step %d: off by %.3g, tolerance %.3g", e->file, how, i,
               step + 1, worst, tolerance);
}

/* A step rounds the new value (2^-24 of it, as values stay below 8) and the step itself, which is
 * smaller by its rate; errors of steps add up. */
static double f32_tolerance(int step)
{
    return 4 * ldexp(1, -24) * (step + 1);
}

static void feed(example *e, int i, const double *x)
{
    char input[16];
    float *values = cairn__alloc((size_t)e->count[i], sizeof *values, NULL);
    cairn_status status = CAIRN_STATUS_INIT;
    snprintf(input, sizeof input, "%d", i);
    cairn__from_double(CAIRN_F32, x, values, e->count[i]);
    cairn_program_feed(e->program, input, values, (size_t)e->count[i] * sizeof *values, &status);
    CHECK_OK(status);
    e->d.fed[i] = x;
    cairn__free(values);
}

static void check_parameter(example *e, int i, int step)
{
    const char *name = cairn__parameter_name(e->parameter[i]);
    size_t bytes = (size_t)e->count[i] * sizeof(float);
    double *expected = numbers(&e->w, e->count[i]);
    double *widened = cairn__alloc((size_t)e->count[i], sizeof *widened, NULL);
    float *values = cairn__alloc(bytes, 1, NULL);
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_variable_read(cairn_graph_variable(e->g, name), values, bytes, &status);
    CHECK_OK(status);
    cairn__to_double(CAIRN_F32, values, widened, e->count[i]);
    compare(e, "double", i, step, doubles_of(&e->d, name), expected, 1e-13);
    compare(e, "f32", i, step, widened, expected, f32_tolerance(step));
    cairn__free(values);
    cairn__free(widened);
    cairn__free(expected);
}

static void take_step(example *e, int step)
{
    cairn_status status = CAIRN_STATUS_INIT;
    double *gradients[MOST_PARAMETERS];
    if (e->interval && step && step % e->interval == 0) {
        doubles_run(&e->d, CAIRN_REFRESH);
        cairn_program_run(e->refresh, &status);
    }
    for (int i = 0; i < e->n; i++) {
        gradients[i] = numbers(&e->w, e->count[i]);
        feed(e, i, gradients[i]);
    }
    doubles_run(&e->d, "");
    cairn_program_run(e->program, &status);
    CHECK_OK(status);
    for (int i = 0; i < e->n; i++) {
        check_parameter(e, i, step);
        cairn__free(gradients[i]);
    }
}

static void run_case(const char *file)
{
    example e = {.file = file};
    if (!words_open(&e.w, file))
        return;
    if (start(&e)) {
        int steps = (int)number(&e.w);
        for (int i = 0; i < steps; i++)
            take_step(&e, i);
        CHECK(next_is(&e.w, "end"));
    }
    doubles_close(&e.d);
    cairn_program_free(e.program);
    cairn_program_free(e.refresh);
    cairn_graph_free(e.g);
    cairn__free(e.w.text);
}

/* ---- schedules ------------------------------------------------------------------------------- */

static void run_rates(const char *file)
{
    words w = {0};
    if (!words_open(&w, file))
        return;
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_update_options common = cairn_update_defaults();
    CHECK(next_is(&w, "base"));
    double base = number(&w);
    while (next_is(&w, "common"))
        read_option(&w, cairn_update_table, &common);
    int steps = (int)number(&w);
    cairn_graph *g = cairn_graph_new();
    doubles d = {0};
    cairn_tensor rate = cairn_learning_rate(g, base, &common);
    cairn_output(rate, "rate");
    doubles_open(&d, g);
    cairn_program *p = cairn_compile(g, cairn_cpu(), &status);
    for (int i = 0; i < steps; i++) {
        double expected = number(&w), exact, *to = &exact;
        cairn__evaluate(g, &rate, 1, &to, source, &d, false, &status);
        test_check(fabs(exact - expected) < 1e-13, __FILE__, __LINE__,
                   "%s, step %d: %.17g, not %.17g", file, i, exact, expected);
        doubles_run(&d, "");
        cairn_program_run(p, &status);
        CHECK_NEAR(cairn_program_scalar(p, "rate", &status), expected, 8 * ldexp(1, -24));
    }
    CHECK_OK(status);
    CHECK(next_is(&w, "end"));
    cairn_program_free(p);
    doubles_close(&d);
    cairn_graph_free(g);
    cairn__free(w.text);
}

static void every_file(bool rates)
{
    int files = 0;
    DIR *folder = opendir(TEST_SOURCES "/optim/golden");
    if (!CHECK(folder != NULL))
        return;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        bool is_rate = strncmp(entry->d_name, "rate_", 5) == 0;
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "kfac.txt") == 0 || is_rate != rates)
            continue;
        (rates ? run_rates : run_case)(entry->d_name);
        files++;
    }
    closedir(folder);
    CHECK(files > (rates ? 7 : 20));
}

TEST(rules)
{
    every_file(false);
}

TEST(schedules)
{
    every_file(true);
}

/* ---- K-FAC ----------------------------------------------------------------------------------- */

static void check_inverses(words *w)
{
    int64_t n = (int64_t)number(w), m = (int64_t)number(w), size[] = {n * n, m * m, n * m};
    double damping = number(w), *x[3];
    cairn_graph *g = cairn_graph_new();
    cairn_tensor a = cairn_input(g, "0", CAIRN_F32, CAIRN_SHAPE(n, n)), a_inverse;
    cairn_tensor s = cairn_input(g, "1", CAIRN_F32, CAIRN_SHAPE(m, m)), s_inverse;
    cairn_tensor gradient = cairn_input(g, "2", CAIRN_F32, CAIRN_SHAPE(n, m));
    cairn__kfac_inverses(a, s, damping, &a_inverse, &s_inverse);
    cairn_tensor d = cairn_matmul(cairn_matmul(a_inverse, gradient), s_inverse);
    doubles values = {.g = g};
    for (int i = 0; i < 3; i++)
        values.fed[i] = x[i] = numbers(w, size[i]);
    double *expected = numbers(w, n * m), *out = cairn__alloc((size_t)(n * m), sizeof *out, NULL);
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__evaluate(g, &d, 1, &out, source, &values, false, &status);
    CHECK_OK(status);
    for (int64_t i = 0; i < n * m; i++)
        CHECK_NEAR(out[i], expected[i], 1e-10 * fmax(1, fabs(expected[i])));
    for (int i = 0; i < 3; i++)
        cairn__free(x[i]);
    cairn__free(expected);
    cairn__free(out);
    cairn_graph_free(g);
}

TEST(kfac_inverses_solve_the_damped_kronecker_system)
{
    words w = {0};
    if (!words_open(&w, "kfac.txt"))
        return;
    while (next_is(&w, "case"))
        check_inverses(&w);
    cairn__free(w.text);
}
