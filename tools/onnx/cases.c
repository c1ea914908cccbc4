/* Models for tools/onnx/check.py: every sample of the op table that can be written as ONNX, and the
 * models of `cairn bench`, each as DIR/NAME.onnx with DIR/NAME.safetensors: "in.INPUT" and
 * "out.OUTPUT", flat and as f32 whatever their dtype. The expected values of ops come from their
 * references in double precision, those of models from the compiled program.
 *
 *     onnx_cases DIR */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cairn/data.h"
#include "cairn/weights.h"
#include "cli/models.h"
#include "graph/graph.h"
#include "sampler.h"
#include "weights/onnx.h"

enum { MOST_FIELDS = 8 };

typedef struct record {
    cairn_field fields[MOST_FIELDS];
    char names[MOST_FIELDS][80];
    int n;
} record;

static void add(record *r, const char *kind, const char *name, float *values, int64_t count)
{
    snprintf(r->names[r->n], sizeof r->names[0], "%s.%s", kind, name);
    r->fields[r->n] = (cairn_field){.name = r->names[r->n],
                                    .type = CAIRN_DATA_F32,
                                    .rank = 1,
                                    .shape = {count},
                                    .data = values};
    r->n++;
}

static float *rounded(const double *x, int64_t count)
{
    float *values = malloc((size_t)count * sizeof *values + 1);
    for (int64_t i = 0; i < count; i++)
        values[i] = (float)x[i];
    return values;
}

static bool write_case(cairn_graph *g, const char *directory, const char *name, record *r)
{
    cairn_status status = CAIRN_STATUS_INIT;
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.onnx", directory, name);
    bool good = cairn_onnx_save(g, NULL, 0, path, &status);
    snprintf(path, sizeof path, "%s/%s.safetensors", directory, name);
    good = good && cairn_safetensors_write(path, r->fields, r->n, NULL, &status);
    if (!good)
        fprintf(stderr, "%s: %s\n", name, status.message);
    for (int i = 0; i < r->n; i++)
        free((void *)r->fields[i].data);
    return good;
}

/* ---- ops ------------------------------------------------------------------------------------- */

static bool refused(const cairn_graph *g)
{
    for (int32_t i = 0; i < g->n; i++)
        if (cairn__onnx_find(g->nodes[i]->op)->refused)
            return true;
    return false;
}

static bool write_sample(const cairn_op *op, int index, const char *directory)
{
    const cairn__sample *sample = &op->samples[index];
    cairn_graph *g = cairn_graph_new();
    cairn_tensor x[CAIRN__SAMPLE_INPUTS];
    cairn_status status = CAIRN_STATUS_INIT;
    double *data[CAIRN__SAMPLE_INPUTS];
    record r = {.n = 0};
    char name[64];
    sampler_inputs(g, sample, x);
    cairn_tensor y = sample->build(x);
    bool good = true;
    if (cairn_graph_status(g).code == CAIRN_OK && !refused(g)) {
        const int64_t count = cairn_shape_count(cairn_tensor_shape(y));
        double *out = calloc((size_t)count + 1, sizeof *out);
        for (int i = 0; i < CAIRN__SAMPLE_INPUTS; i++) {
            data[i] = sampler_draw(sample, i, 1);
            snprintf(name, sizeof name, "x%d", i);
            add(&r, "in", name, rounded(data[i], cairn_shape_count(sample->shape[i])),
                cairn_shape_count(sample->shape[i]));
        }
        cairn_output(y, "y");
        good = cairn__evaluate(g, &y, 1, &out, sampler_source, data, false, &status);
        add(&r, "out", "y", rounded(out, count), count);
        snprintf(name, sizeof name, "op-%s-%d", op->name, index);
        good = good && write_case(g, directory, name, &r);
        for (int i = 0; i < CAIRN__SAMPLE_INPUTS; i++)
            cairn__free(data[i]);
        free(out);
    }
    cairn_graph_free(g);
    return good;
}

/* ---- models ---------------------------------------------------------------------------------- */

/* The values that bench_model_feed() fed. */
static void add_inputs(record *r, const bench_model *m)
{
    const int64_t n = m->batch * m->pixels, k = m->batch * m->indices;
    float *x = malloc((size_t)n * sizeof *x), *index = malloc((size_t)k * sizeof *index);
    cairn_random_uniform_fill(1, 1, n, x);
    for (int64_t i = 0; i < k; i++)
        index[i] = (float)(i % m->limit);
    add(r, "in", "x", x, n);
    add(r, "in", "tokens", index, k);
}

static bool write_model(const bench_model *model, const char *directory)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_graph *g = cairn_graph_new();
    bench_model m = *model;
    m.batch = CAIRN__MIN(m.batch, (int64_t)2);
    cairn_graph_seed(g, 5);
    m.build(g, m.batch, false);
    cairn_program *p = cairn_compile_outputs(g, cairn_cpu(), NULL, 0, false, &status);
    record r = {.n = 0};
    bool good = p && bench_model_feed(&m, p, &status) && cairn_program_run(p, &status);
    if (good) {
        const char *output = cairn_program_output(p, 0);
        const int64_t count = cairn_shape_count(g->nodes[g->outputs[0].value]->shape);
        float *values = malloc((size_t)count * sizeof *values);
        good = cairn_program_fetch(p, output, values, (size_t)count * sizeof *values, &status);
        add_inputs(&r, &m);
        add(&r, "out", output, values, count);
        good = good && write_case(g, directory, m.name, &r);
    }
    if (!cairn_ok(&status))
        fprintf(stderr, "%s: %s\n", m.name, status.message);
    cairn_program_free(p);
    cairn_graph_free(g);
    return good;
}

int main(int count, char **arguments)
{
    bool good = count == 2;
    if (count != 2)
        fprintf(stderr, "usage: %s DIR\n", arguments[0]);
    for (const cairn_op *const *op = cairn__ops; good && *op; op++)
        for (int i = 0; i < sampler_count(*op); i++)
            good = ((*op)->samples[i].refusal || write_sample(*op, i, arguments[1])) && good;
    for (const bench_model *m = bench_models; count == 2 && m->name; m++)
        good = write_model(m, arguments[1]) && good;
    return !good;
}
