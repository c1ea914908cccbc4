/* How much a LocoProp step looks like a second-order step: see direction.h. */
#include "methods/locoprop/direction.h"

#include <stdio.h>

#include "cairn/autodiff.h"
#include "cairn/loss.h"
#include "graph/graph.h"
#include "methods/locoprop/locoprop.h"
#include "optim/rule.h"

enum { TRAINED_STEPS = 60, MEASURED_BATCHES = 4 };

static cairn_tensor cosine(cairn_tensor a, cairn_tensor b)
{
    cairn_tensor lengths = cairn_mul(cairn__norm(a), cairn__norm(b));
    return cairn_div(cairn_sum(cairn_mul(a, b)),
                     cairn_maximum(lengths, cairn_scalar(a.graph, 1e-30)));
}

/* The inverse of C + damping I applied to G, where the damping is a tensor. */
static cairn_tensor preconditioned(cairn_tensor c, cairn_tensor damping, cairn_tensor gradient)
{
    int64_t n = cairn_tensor_shape(c).size[0];
    cairn_tensor row = cairn_iota(c.graph, CAIRN_I32, CAIRN_SHAPE(n, 1), 0);
    cairn_tensor column = cairn_iota(c.graph, CAIRN_I32, CAIRN_SHAPE(1, n), 1);
    cairn_tensor identity = cairn_cast(cairn_equal(row, column), CAIRN_F32);
    return cairn_solve_positive(cairn_add(c, cairn_mul(identity, damping)), gradient);
}

/* T steps of plain gradient descent on the layer's local problem. */
static cairn_tensor descend(const cairn_local_problem *p, cairn_tensor rate, int64_t steps)
{
    cairn_tensor v = p->weight, bias = p->bias, dv, db;
    for (int64_t k = 0; k < steps; k++) {
        cairn_local_gradient(p, v, bias, &dv, &db);
        v = cairn__descend(v, rate, dv);
        bias = cairn__descend(bias, rate, db);
    }
    return cairn_sub(v, p->weight);
}

static void measure_layer(const cairn_dense *layer, cairn_activation activation, cairn_tensor error,
                          cairn_tensor gradient, const cairn_locoprop_options *o,
                          cairn_tensor *second_order, cairn_tensor *first_order)
{
    cairn_local_problem p = cairn__locoprop_problem(layer, activation, error, o);
    cairn_tensor c = cairn_matmul_transposed(p.x, true, p.x, false);
    cairn_tensor rate = cairn_reciprocal(cairn__norm(c));
    cairn_tensor move = descend(&p, rate, o->locoprop_iters);
    cairn_tensor damping = cairn_scale(cairn__norm(c), 1 / (double)o->locoprop_iters);
    *second_order = cosine(move, cairn_neg(preconditioned(c, damping, gradient)));
    *first_order = cosine(move, cairn_neg(gradient));
}

static cairn_tensor build_loss(const cairn__locoprop_run *run, cairn_graph *g, int64_t batch,
                               int64_t inputs, cairn_dense *layers, int *n)
{
    cairn_tensor x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(batch, inputs));
    *n = cairn__locoprop_model_layers(run, x, inputs, layers);
    return *n ? cairn_mean(cairn_binary_cross_entropy(layers[*n - 1].y, x)) : x;
}

static void build_training(const cairn__locoprop_run *run, cairn_graph *g, int64_t batch,
                           int64_t inputs)
{
    const cairn_activation output = {CAIRN_ACTIVATION_sigmoid, 0};
    cairn_dense layers[CAIRN_MLP_LAYERS];
    int n;
    cairn_tensor loss = build_loss(run, g, batch, inputs, layers, &n);
    cairn_locoprop(loss, layers, n, &output, &run->local, NULL);
}

static void build_measure(const cairn__locoprop_run *run, cairn_graph *g, int64_t batch,
                          int64_t inputs)
{
    const cairn_activation sigmoid = {CAIRN_ACTIVATION_sigmoid, 0};
    cairn_dense layers[CAIRN_MLP_LAYERS];
    cairn_tensor from[2 * CAIRN_MLP_LAYERS], to[2 * CAIRN_MLP_LAYERS], second, first;
    cairn_tensor seconds = cairn_scalar(g, 0), firsts = cairn_scalar(g, 0);
    int n;
    cairn_tensor loss = build_loss(run, g, batch, inputs, layers, &n);
    for (int i = 0; i < n; i++) {
        from[i] = layers[i].z;
        from[n + i] = layers[i].weight;
    }
    cairn_gradients(loss, from, 2 * n, to);
    for (int i = 0; i < n; i++) {
        measure_layer(&layers[i], i == n - 1 ? sigmoid : layers[i].activation, to[i], to[n + i],
                      &run->local, &second, &first);
        seconds = cairn_add(seconds, cairn_scale(second, 1.0 / n));
        firsts = cairn_add(firsts, cairn_scale(first, 1.0 / n));
    }
    cairn_output(seconds, "second_order");
    cairn_output(firsts, "gradient");
}

/* The next batch, over the end of an epoch. */
static bool feed_next(cairn_loader *loader, cairn_program *p, size_t bytes, cairn_status *status)
{
    const cairn_batch *b = cairn_loader_next(loader, status);
    if (!b)
        b = cairn_loader_next(loader, status);
    return b && cairn_program_feed(p, "x", b->x, bytes, status) && cairn_program_run(p, status);
}

static bool run_both(cairn_loader *loader, cairn_program *training, cairn_program *measure,
                     size_t bytes, double *second_order, double *gradient, cairn_status *status)
{
    *second_order = *gradient = 0;
    for (int i = 0; i < TRAINED_STEPS; i++)
        if (!feed_next(loader, training, bytes, status))
            return false;
    for (int i = 0; i < MEASURED_BATCHES; i++) {
        if (!feed_next(loader, measure, bytes, status))
            return false;
        *second_order += cairn_program_scalar(measure, "second_order", status) / MEASURED_BATCHES;
        *gradient += cairn_program_scalar(measure, "gradient", status) / MEASURED_BATCHES;
    }
    return cairn_ok(status);
}

bool cairn__locoprop_directions(const cairn__locoprop_run *run, const cairn_dataset *data,
                                int64_t seed, int64_t batch, double *second_order, double *gradient,
                                cairn_status *status)
{
    cairn_loader_options o = cairn_loader_defaults();
    int64_t inputs = cairn__locoprop_inputs(data);
    cairn_graph *g = cairn_graph_new();
    o.batch = batch;
    o.shuffle = o.drop_last = true;
    o.seed = seed;
    cairn_graph_seed(g, (uint64_t)seed);
    build_training(run, g, batch, inputs);
    cairn_graph *h = cairn_graph_new_sharing(g);
    build_measure(run, h, batch, inputs);
    cairn_program *training = cairn_compile(g, cairn_cpu(), status);
    cairn_program *measure = cairn_compile_outputs(h, cairn_cpu(), NULL, 0, false, status);
    cairn_loader *loader = cairn_loader_new(data, CAIRN_SPLIT_TRAIN, &o, status);
    size_t bytes = (size_t)(batch * inputs) * sizeof(float);
    bool good = training && measure && loader &&
                run_both(loader, training, measure, bytes, second_order, gradient, status);
    cairn_loader_free(loader);
    cairn_program_free(training);
    cairn_program_free(measure);
    cairn_graph_free(h);
    cairn_graph_free(g);
    return good;
}
