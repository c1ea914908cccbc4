/* cairn bench ops: operations one by one. Each is run at a size of training, for its speed, and at
 * a smaller one that the definition in double precision can follow, for its error. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cairn/autodiff.h"
#include "cairn/loss.h"
#include "cairn/nn.h"
#include "cli/bench.h"
#include "graph/graph.h"

/* Inputs: numbers between -1 and 1, or indices that run through 0 .. limit-1. */
static cairn_tensor numbers(cairn_graph *g, const char *name, cairn_shape shape)
{
    return cairn_input(g, name, CAIRN_F32, shape);
}

static cairn_tensor indices(cairn_graph *g, const char *name, int64_t n)
{
    return cairn_input(g, name, CAIRN_I32, CAIRN_SHAPE(n));
}

/* The gradient at x of a sum of squares: the backward op of y among elementwise ones. */
static cairn_tensor gradient(cairn_tensor y, cairn_tensor x)
{
    cairn_tensor dx;
    cairn_gradients(cairn_scale(cairn_sum(cairn_square(y)), 0.5), &x, 1, &dx);
    return dx;
}

/* ---- the operations: big or small ------------------------------------------------------------ */

enum { LEAST_INDEX = 100 };

static cairn_tensor product(cairn_graph *g, bool big)
{
    const int64_t n = big ? 1024 : 128;
    return cairn_matmul(numbers(g, "a", CAIRN_SHAPE(n, n)), numbers(g, "b", CAIRN_SHAPE(n, n)));
}

static cairn_tensor product_transposed(cairn_graph *g, bool big)
{
    const int64_t rows = big ? 2048 : 200, K = big ? 768 : 96;
    cairn_tensor a = numbers(g, "a", CAIRN_SHAPE(rows, K));
    cairn_tensor b = numbers(g, "b", CAIRN_SHAPE(rows, K));
    return cairn_matmul(cairn_transpose(a, (int[]){1, 0}), b);
}

static cairn_tensor product_vector(cairn_graph *g, bool big)
{
    const int64_t n = big ? 4096 : 256;
    return cairn_matmul(numbers(g, "a", CAIRN_SHAPE(1, n)), numbers(g, "b", CAIRN_SHAPE(n, n)));
}

static cairn_tensor convolve(cairn_graph *g, bool big, int64_t k, int64_t stride, bool depthwise,
                             cairn_tensor *x)
{
    const int64_t side = big ? 32 : 9, C = big ? 128 : 24, N = big ? 8 : 2;
    cairn_conv_options o = cairn_conv_defaults();
    o.groups = depthwise ? C : 1;
    o.stride[0] = o.stride[1] = stride;
    *x = numbers(g, "a", CAIRN_SHAPE(N, side, side, C));
    cairn_tensor w = numbers(g, "b", CAIRN_SHAPE(k, k, depthwise ? 1 : C, C));
    cairn_conv_same(&o, cairn_tensor_shape(*x), CAIRN_SHAPE(k, k));
    return cairn_conv(*x, w, &o);
}

static cairn_tensor conv(cairn_graph *g, bool big)
{
    cairn_tensor x;
    return convolve(g, big, 3, 1, false, &x);
}

static cairn_tensor conv_strided(cairn_graph *g, bool big)
{
    cairn_tensor x;
    return convolve(g, big, 3, 2, false, &x);
}

static cairn_tensor conv_gradient(cairn_graph *g, bool big)
{
    cairn_tensor x, y = convolve(g, big, 3, 1, false, &x);
    return gradient(y, x);
}

static cairn_tensor conv_depthwise(cairn_graph *g, bool big)
{
    cairn_tensor x;
    return convolve(g, big, 5, 1, true, &x);
}

static cairn_tensor attend(cairn_graph *g, bool big, cairn_tensor *qkv)
{
    const int64_t T = big ? 256 : 40, heads = big ? 6 : 2, D = big ? 64 : 16, B = big ? 8 : 2;
    cairn_attention_options o = cairn_attention_defaults();
    o.causal = true;
    *qkv = numbers(g, "a", CAIRN_SHAPE(B, T, 3 * heads, D));
    return cairn_self_attention(*qkv, heads, heads, &o);
}

static cairn_tensor attention(cairn_graph *g, bool big)
{
    cairn_tensor qkv;
    return attend(g, big, &qkv);
}

static cairn_tensor attention_gradient(cairn_graph *g, bool big)
{
    cairn_tensor qkv, y = attend(g, big, &qkv);
    return gradient(y, qkv);
}

static cairn_tensor rows(cairn_graph *g, bool big)
{
    return numbers(g, "a", big ? CAIRN_SHAPE(2048, 768) : CAIRN_SHAPE(40, 96));
}

static cairn_tensor standardize(cairn_graph *g, bool big)
{
    return cairn_standardize(rows(g, big), 1e-5, true);
}

static cairn_tensor standardize_gradient(cairn_graph *g, bool big)
{
    cairn_tensor x = rows(g, big);
    cairn_tensor w = numbers(g, "b", cairn_tensor_shape(x)), dx;
    cairn_gradients(cairn_sum(cairn_mul(cairn_standardize(x, 1e-5, true), w)), &x, 1, &dx);
    return dx;
}

static cairn_tensor softmax(cairn_graph *g, bool big)
{
    return cairn_softmax(rows(g, big), -1);
}

static cairn_tensor gelu(cairn_graph *g, bool big)
{
    return cairn_gelu(rows(g, big));
}

static cairn_tensor exponential(cairn_graph *g, bool big)
{
    return cairn_exp(rows(g, big));
}

static cairn_tensor sum_rows(cairn_graph *g, bool big)
{
    return cairn_reduce_sum(rows(g, big), CAIRN_AXIS(1), false);
}

static cairn_tensor sum_columns(cairn_graph *g, bool big)
{
    return cairn_reduce_sum(rows(g, big), CAIRN_AXIS(0), false);
}

static cairn_tensor transpose(cairn_graph *g, bool big)
{
    return cairn_stop_gradient(cairn_transpose(rows(g, big), (int[]){1, 0}));
}

static cairn_tensor cross_entropy(cairn_graph *g, bool big)
{
    const int64_t n = big ? 2048 : 40, classes = big ? 8192 : 300;
    return cairn_cross_entropy(numbers(g, "a", CAIRN_SHAPE(n, classes)), indices(g, "i", n));
}

static cairn_tensor gather(cairn_graph *g, bool big)
{
    const int64_t n = big ? 8192 : 200, D = big ? 384 : 32;
    return cairn_gather(numbers(g, "a", CAIRN_SHAPE(n, D)), indices(g, "i", n), 0);
}

static cairn_tensor scatter_add(cairn_graph *g, bool big)
{
    const int64_t n = big ? 8192 : 200, D = big ? 384 : 32;
    cairn_tensor table = numbers(g, "a", CAIRN_SHAPE(n, D));
    return gradient(cairn_gather(table, indices(g, "i", n), 0), table);
}

static cairn_tensor max_pool(cairn_graph *g, bool big)
{
    const int64_t side = big ? 56 : 9, C = big ? 64 : 24;
    return cairn_max_pool(numbers(g, "a", CAIRN_SHAPE(8, side, side, C)), CAIRN_SHAPE(2, 2), NULL);
}

static cairn_tensor argsort(cairn_graph *g, bool big)
{
    const cairn_shape shape = big ? CAIRN_SHAPE(256, 4096) : CAIRN_SHAPE(8, 64);
    return cairn_cast(cairn_argsort(numbers(g, "a", shape), 1, false), CAIRN_F32);
}

static cairn_tensor cumsum(cairn_graph *g, bool big)
{
    return cairn_cumsum(rows(g, big), 1, false, false);
}

static cairn_tensor random_normal(cairn_graph *g, bool big)
{
    return cairn_random_normal(g, big ? CAIRN_SHAPE(2048, 768) : CAIRN_SHAPE(40, 96));
}

static const struct {
    const char *name;
    cairn_tensor (*build)(cairn_graph *g, bool big);
} ops[] = {
    {"matmul", product},
    {"matmul_transposed", product_transposed},
    {"matmul_vector", product_vector},
    {"conv_3x3", conv},
    {"conv_3x3_strided", conv_strided},
    {"conv_3x3_gradient", conv_gradient},
    {"conv_5x5_depthwise", conv_depthwise},
    {"attention", attention},
    {"attention_gradient", attention_gradient},
    {"standardize", standardize},
    {"standardize_gradient", standardize_gradient},
    {"softmax", softmax},
    {"gelu", gelu},
    {"exp", exponential},
    {"sum_rows", sum_rows},
    {"sum_columns", sum_columns},
    {"transpose", transpose},
    {"cross_entropy", cross_entropy},
    {"gather", gather},
    {"scatter_add", scatter_add},
    {"max_pool", max_pool},
    {"argsort", argsort},
    {"cumsum", cumsum},
    {"random_normal", random_normal},
};

/* ---- running --------------------------------------------------------------------------------- */

/* Elements of an input: the same for the program and for the definition. */
static void fill(const cairn_node *input, void *elements)
{
    const int64_t n = cairn_shape_count(input->shape);
    float *x = elements;
    int32_t *index = elements;
    if (input->dtype == CAIRN_I32) {
        for (int64_t i = 0; i < n; i++)
            index[i] = (int32_t)(i * 37 % CAIRN__MIN(n, (int64_t)LEAST_INDEX));
        return;
    }
    cairn_random_uniform_fill(1, cairn_random_stream(input->at.data), n, x);
    for (int64_t i = 0; i < n; i++)
        x[i] = 2 * x[i] - 1;
}

static bool feed(const cairn_graph *g, cairn_program *p, cairn_status *status)
{
    for (int32_t i = 0; i < g->n; i++) {
        const cairn_node *n = g->nodes[i];
        const size_t bytes = (size_t)cairn_shape_count(n->shape) * cairn_dtype_bytes(n->dtype);
        if (n->op != &cairn__op_input)
            continue;
        void *elements = cairn__alloc(bytes, 1, status);
        if (elements)
            fill(n, elements);
        if (elements)
            cairn_program_feed(p, n->at.data, elements, bytes, status);
        cairn__free(elements);
    }
    return cairn_ok(status);
}

/* Inputs and first values of variables (the step of random ops: 0), as doubles. */
static bool source(const cairn_node *leaf, double *out, void *user)
{
    const int64_t n = cairn_shape_count(leaf->shape);
    const size_t bytes = (size_t)n * cairn_dtype_bytes(leaf->dtype);
    (void)user;
    if (leaf->op != &cairn__op_input) {
        memset(out, 0, (size_t)n * sizeof *out);
        return true;
    }
    void *elements = cairn__alloc(bytes, 1, NULL);
    if (elements) {
        fill(leaf, elements);
        cairn__to_double(leaf->dtype, elements, out, n);
    }
    cairn__free(elements);
    return elements != NULL;
}

/* The largest distance, in units in the last place of the largest exact element. */
static double distance(const float *found, const double *exact, int64_t n)
{
    double largest = 0, worst = 0;
    int exponent;
    for (int64_t i = 0; i < n; i++) {
        largest = fmax(largest, fabs(exact[i]));
        worst = fmax(worst, fabs((double)found[i] - exact[i]));
    }
    frexp(largest, &exponent);
    return worst / ldexp(1, exponent - 24);
}

static double error_of(size_t op, cairn_status *status)
{
    cairn_graph *g = cairn_graph_new();
    cairn_tensor y = ops[op].build(g, false);
    cairn_output(y, "y");
    const int64_t n = cairn_shape_count(cairn_tensor_shape(y));
    float *found = cairn__alloc((size_t)n, sizeof *found, status);
    double *exact = cairn__alloc((size_t)n, sizeof *exact, status), ulp = NAN;
    cairn_program *p =
        found && exact ? cairn_compile_outputs(g, cairn_cpu(), NULL, 0, false, status) : NULL;
    if (p && feed(g, p, status) && cairn_program_run(p, status) &&
        cairn_program_fetch(p, "y", found, (size_t)n * sizeof *found, status) &&
        cairn__evaluate(g, &y, 1, &exact, source, NULL, false, status))
        ulp = distance(found, exact, n);
    cairn_program_free(p);
    cairn_graph_free(g);
    cairn__free(found);
    cairn__free(exact);
    return ulp;
}

typedef struct result {
    double median, lower, upper; /* ms */
    double flops, bytes, ulp;
    char *kernels; /* a line each: the caller's */
} result;

static bool measure(size_t op, const bench_options *o, result *r, cairn_status *status)
{
    cairn_graph *g = cairn_graph_new();
    cairn_output(ops[op].build(g, true), "y");
    double *medians = cairn__alloc((size_t)o->rounds, sizeof *medians, status);
    cairn_program *p = medians ? cairn_compile_outputs(g, cairn_cpu(), NULL, 0, false, status)
                               : NULL;
    if (p && feed(g, p, status) && bench_time(p, o, medians, status)) {
        const cairn_program_cost cost = cairn_program_costs(p);
        *r = (result){.median = medians[o->rounds / 2],
                      .lower = medians[0],
                      .upper = medians[o->rounds - 1],
                      .flops = cost.flops,
                      .bytes = cost.bytes_moved};
        r->kernels = cairn_graph_dump(g, cairn_cpu(), "kernels", "text", status);
    }
    cairn__free(medians);
    cairn_program_free(p);
    cairn_graph_free(g);
    return cairn_ok(status);
}

/* ---- printing -------------------------------------------------------------------------------- */

/* The lines of the dump but the first, without what varies: "KERNEL (declined: WHY)". A line is
 * "wave N: KERNEL, N chunks, N bytes of scratch; declined: WHY". */
static void short_kernels(cairn__text *out, const char *dump)
{
    for (const char *line = strchr(dump, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
        const char *end = strchr(line + 1, '\n'), *name = strstr(line, ": ");
        const char *to = strstr(line, " chunks"), *why = strstr(line, "; declined");
        if (!name || !to || !end || to > end)
            continue;
        while (to > name && *to != ',')
            to--;
        cairn__text_add(out, "%s%.*s", out->length ? " + " : "", (int)(to - name - 2), name + 2);
        if (why && why < end)
            cairn__text_add(out, " (%.*s)", (int)(end - why - 2), why + 2);
    }
}

/* Products are held against arithmetic, the rest against memory. */
static void print(const cli_call *call, size_t op, const result *r, const char *kernels)
{
    const bool arithmetic = r->flops > 8 * r->bytes;
    const double work = 1e-6 * (arithmetic ? r->flops : r->bytes);
    const char *unit = arithmetic ? "GFLOP/s" : "GB/s";
    if (call->json) {
        cairn__text out = {.data = NULL};
        char name[64];
        snprintf(name, sizeof name, "ops/%s", ops[op].name);
        cli_json_text(&out, "name", name);
        cli_json_number(&out, "value", work / r->median);
        cli_json_text(&out, "unit", unit);
        cli_json_number(&out, "lower", work / r->upper);
        cli_json_number(&out, "upper", work / r->lower);
        cli_json_number(&out, "ms", r->median);
        cli_json_number(&out, "ulp", r->ulp);
        cli_json_text(&out, "kernels", kernels);
        cli_json_end(&out);
        return;
    }
    printf("%-22s %9.4g ms %8.4g %-7s %8.2g ulp  %s\n", ops[op].name, r->median, work / r->median,
           unit, r->ulp, kernels);
    fflush(stdout);
}

bool bench_ops_run(const cli_call *call, const bench_options *o, cairn_status *status)
{
    bool any = false;
    for (size_t i = 0; i < CAIRN__COUNT(ops) && cairn_ok(status); i++) {
        cairn__text kernels = {.status = status};
        result r = {0};
        if (strncmp(ops[i].name, o->op, strlen(o->op)) != 0)
            continue;
        any = true;
        if (measure(i, o, &r, status)) {
            r.ulp = error_of(i, status);
            short_kernels(&kernels, r.kernels);
        }
        if (cairn_ok(status))
            print(call, i, &r, kernels.data ? kernels.data : "");
        free(r.kernels);
        cairn__free(kernels.data);
    }
    return any || cairn__fail(status, CAIRN_ERR_NAME, "op: no operation begins with '%s'", o->op);
}
