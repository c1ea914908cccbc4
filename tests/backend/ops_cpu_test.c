/* Every sample of the op table on the processor, against the double-precision meaning: alone,
 * inside an element-wise program, and with its gradient; and the same bits on 1, 2, 3 and 7
 * threads. */
#include "cairn/autodiff.h"
#include "cairn/compile.h"
#include "sampler.h"

typedef struct run {
    cairn_graph *g;
    double *data[CAIRN__SAMPLE_INPUTS];
    cairn_program *program;
} run;

static void feed(run *r, const cairn__sample *s, cairn_status *status)
{
    for (int i = 0; i < CAIRN__SAMPLE_INPUTS; i++) {
        int64_t n = cairn_shape_count(s->shape[i]);
        cairn_dtype dtype = s->domain[i] == CAIRN__INDEX  ? CAIRN_I32
                            : s->domain[i] == CAIRN__BITS ? CAIRN_BOOL
                                                          : CAIRN_F32;
        size_t bytes = (size_t)n * cairn_dtype_bytes(dtype);
        char name[16], *exact = cairn__alloc(bytes, 1, NULL);
        snprintf(name, sizeof name, "x%d", i);
        cairn__from_double(dtype, r->data[i], exact, n);
        cairn_program_feed(r->program, name, exact, bytes, status);
        cairn__free(exact);
    }
}

/* Largest distance of an output to its meaning, relative to the largest element (at least 1). */
static double distance(run *r, const char *output, cairn_tensor meaning, uint64_t *hash)
{
    int64_t n = cairn_shape_count(cairn_tensor_shape(meaning));
    cairn_dtype dtype = cairn_tensor_dtype(meaning);
    size_t bytes = (size_t)n * cairn_dtype_bytes(dtype);
    double *exact = cairn__alloc((size_t)n, sizeof *exact, NULL), worst = 0, scale = 1;
    double *found = cairn__alloc((size_t)n, sizeof *found, NULL);
    unsigned char *raw = cairn__alloc(bytes, 1, NULL);
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__evaluate(r->g, &meaning, 1, &exact, sampler_source, r->data, false, &status);
    cairn_program_fetch(r->program, output, raw, bytes, &status);
    CHECK_OK(status);
    cairn__to_double(dtype, raw, found, n);
    for (int64_t i = 0; i < n; i++)
        scale = fmax(scale, isfinite(exact[i]) ? fabs(exact[i]) : 1);
    for (int64_t i = 0; i < n; i++)
        if (!(exact[i] == found[i] || (isnan(exact[i]) && isnan(found[i]))))
            worst = fmax(worst, isfinite(exact[i] - found[i]) ? fabs(exact[i] - found[i]) / scale
                                                              : INFINITY);
    for (size_t i = 0; i < bytes; i++)
        *hash = (*hash ^ raw[i]) * 1099511628211u;
    cairn__free(exact);
    cairn__free(found);
    cairn__free(raw);
    return worst;
}

/* The op inside a chain, so that it is fused where it can be, beside itself alone; and
 * gradients. */
static int build(run *r, const cairn_op *op, const cairn__sample *s, cairn_tensor *out)
{
    static const char *const names[] = {"alone", "chain", "dx0", "dx1"};
    cairn_tensor x[CAIRN__SAMPLE_INPUTS], dx[2], from[2];
    int n = 0, differentiated = 0;
    sampler_inputs(r->g, s, x);
    cairn_tensor y = s->build(x);
    out[n++] = y;
    if (cairn_tensor_dtype(y) == CAIRN_F32) {
        cairn_tensor chain = cairn_tanh(cairn_add_scalar(cairn_scale(y, 0.25), 0.125));
        out[n++] = chain;
        bool constant = op->first_only && !op->gradient;
        for (int i = 0; i < 2 && !constant && cairn_tensor_dtype(x[i]) == CAIRN_F32; i++)
            from[differentiated++] = x[i];
        if (differentiated)
            cairn_gradients(cairn_sum(cairn_square(chain)), from, differentiated, dx);
        for (int i = 0; i < differentiated; i++)
            out[n++] = dx[i];
    }
    for (int i = 0; i < n; i++)
        cairn_output(out[i], names[i]);
    return n;
}

static uint64_t check(const cairn_op *op, int index, int threads)
{
    static const char *const names[] = {"alone", "chain", "dx0", "dx1"};
    const cairn__sample *s = &op->samples[index];
    run r = {.g = cairn_graph_new()};
    cairn_tensor out[4];
    cairn_status status = CAIRN_STATUS_INIT;
    uint64_t hash = 14695981039346656037u;
    cairn_threads_set(threads);
    for (int i = 0; i < CAIRN__SAMPLE_INPUTS; i++)
        r.data[i] = sampler_draw(s, i, test_seed());
    int n = build(&r, op, s, out);
    r.program = cairn_compile(r.g, cairn_cpu(), &status);
    if (r.program) {
        feed(&r, s, &status);
        cairn_program_run(r.program, &status);
    }
    test_check(status.code == CAIRN_OK, __FILE__, __LINE__, "%s, sample %d: %s", op->name, index,
               status.message);
    /* 2^-24 for each rounding; a sample's values pass some dozen of them. */
    double bound = 4e-6 * (s->looser > 0 ? s->looser : 1);
    for (int i = 0; r.program && i < n; i++) {
        double d = distance(&r, names[i], out[i], &hash);
        test_check(d <= bound, __FILE__, __LINE__, "%s, sample %d, %s: off by %.3g, bound %.3g",
                   op->name, index, names[i], d, bound);
    }
    cairn_program_free(r.program);
    cairn_graph_free(r.g);
    for (int i = 0; i < CAIRN__SAMPLE_INPUTS; i++)
        cairn__free(r.data[i]);
    return hash;
}

TEST(every_sample_on_every_number_of_threads)
{
    static const int threads[] = {2, 3, 7};
    for (const cairn_op *const *op = cairn__ops; *op; op++) {
        for (int i = 0; i < sampler_count(*op); i++) {
            if ((*op)->samples[i].refusal)
                continue;
            uint64_t one = check(*op, i, 1);
            for (size_t t = 0; t < CAIRN__COUNT(threads); t++)
                test_check(check(*op, i, threads[t]) == one, __FILE__, __LINE__,
                           "%s, sample %d: other bits on %d threads", (*op)->name, i, threads[t]);
        }
    }
    cairn_threads_set(0);
}
