/* Inputs for the samples of the op table: see sampler.h. */
#include "sampler.h"

#include <stdlib.h>

int sampler_count(const cairn_op *op)
{
    int n = 0;
    while (op->samples && op->samples[n].build)
        n++;
    return n;
}

static cairn_dtype dtype_of(cairn__domain domain)
{
    return domain == CAIRN__INDEX ? CAIRN_I32 : domain == CAIRN__BITS ? CAIRN_BOOL : CAIRN_F32;
}

/* Operands end at the first whose shape is a scalar behind others, unless the op takes more. */
static int operands(const cairn__sample *s, const cairn_op *op)
{
    if (op && op->inputs > 0)
        return op->inputs;
    int n = 1;
    while (n < CAIRN__SAMPLE_INPUTS && s->shape[n].rank > 0)
        n++;
    return n;
}

int sampler_inputs(cairn_graph *g, const cairn__sample *sample, cairn_tensor *x)
{
    for (int i = 0; i < CAIRN__SAMPLE_INPUTS; i++) {
        char name[16];
        snprintf(name, sizeof name, "x%d", i);
        x[i] = cairn_input(g, name, dtype_of(sample->domain[i]), sample->shape[i]);
    }
    return operands(sample, NULL);
}

static double uniform(uint64_t seed, int64_t i)
{
    uint32_t words[4];
    cairn_random_bits(seed, 77, (uint64_t)i, words);
    return (words[0] >> 8) / 16777216.0;
}

static void draw_spd(double *x, int64_t count, int64_t n, uint64_t seed)
{
    /* Per matrix: M M^T / n + diag(1 .. n) / 2: eigenvalues well apart. */
    double *m = cairn__alloc((size_t)(n * n), sizeof *m, NULL);
    for (int64_t base = 0; base < count; base += n * n) {
        for (int64_t i = 0; i < n * n; i++)
            m[i] = uniform(seed, base + i) - 0.5;
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++) {
                double total = i == j ? 0.5 * (double)(i + 1) : 0;
                for (int64_t k = 0; k < n; k++)
                    total += m[i * n + k] * m[j * n + k] / (double)n;
                x[base + i * n + j] = (double)(float)total;
            }
    }
    cairn__free(m);
}

double *sampler_draw(const cairn__sample *sample, int i, uint64_t seed)
{
    cairn_shape shape = sample->shape[i];
    int64_t count = cairn_shape_count(shape), n = shape.rank ? shape.size[shape.rank - 1] : 1;
    double *x = cairn__alloc((size_t)count, sizeof *x, NULL);
    int64_t *order = cairn__alloc((size_t)count, sizeof *order, NULL);
    seed = seed * 31 + (uint64_t)i;
    cairn_random_permutation(seed, 78, count, order);
    for (int64_t e = 0; e < count; e++) {
        double u = uniform(seed, e);
        switch (sample->domain[i]) {
        case CAIRN__ANY: x[e] = 4 * u - 2; break;
        case CAIRN__POSITIVE: x[e] = 0.3 + 1.7 * u; break;
        case CAIRN__NONZERO: x[e] = (0.3 + 1.7 * u) * (order[e] % 2 ? 1 : -1); break;
        /* Operand i is shifted so that two operands have no ties either. */
        case CAIRN__SPREAD: x[e] = 0.0625 * (double)(order[e] - count / 2) + 0.02 * i + 0.01; break;
        case CAIRN__INDEX: x[e] = floor(u * (double)sample->limit); break;
        case CAIRN__BITS: x[e] = u < 0.5; break;
        case CAIRN__SPD: break;
        case CAIRN__LOWER: {
            int64_t row = e / n % n, column = e % n;
            x[e] = column > row ? 0 : column == row ? 1 + u : u - 0.5;
            break;
        }
        }
        x[e] = (double)(float)x[e];
    }
    if (sample->domain[i] == CAIRN__SPD)
        draw_spd(x, count, n, seed);
    cairn__free(order);
    return x;
}

bool sampler_source(const cairn_node *leaf, double *out, void *data)
{
    int64_t count = cairn_shape_count(leaf->shape);
    if (leaf->op == &cairn__op_variable) {
        const cairn_variable *v = leaf->at.data;
        void *first = cairn__alloc(v->bytes, 1, NULL);
        bool good = cairn__variable_initial(v, 0, cairn_shape_count(v->shape), first, NULL);
        cairn__to_double(v->dtype, first, out, count);
        cairn__free(first);
        return good;
    }
    const char *name = leaf->at.data;
    if (leaf->op != &cairn__op_input || name[0] != 'x')
        return false;
    memcpy(out, ((double *const *)data)[atoi(name + 1)], (size_t)count * sizeof *out);
    return true;
}

int64_t sampler_parameters(const cairn_graph *g)
{
    cairn_variable *const *list;
    int64_t total = 0;
    for (int i = 0, n = cairn_graph_variables(g, &list); i < n; i++)
        if (cairn_variable_trainable(list[i]))
            total += cairn_shape_count(cairn_variable_shape(list[i]));
    return total;
}
