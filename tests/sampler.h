/* Inputs for the samples of the op table, and their evaluation in double precision. */
#ifndef CAIRN_TESTS_SAMPLER_H
#define CAIRN_TESTS_SAMPLER_H

#include "graph/graph.h"
#include "test.h"

/* The operands of a sample as inputs "x0", "x1" .. of g; returns how many. */
int sampler_inputs(cairn_graph *g, const cairn__sample *sample, cairn_tensor *x);

/* Elements for operand i from its domain, exactly representable in f32. The caller frees them. */
double *sampler_draw(const cairn__sample *sample, int i, uint64_t seed);

/* A leaf source for cairn__evaluate(): inputs "x0" .. are data[0] .., variables their first
 * value. */
bool sampler_source(const cairn_node *leaf, double *out, void *data);

/* How many samples an op has. */
int sampler_count(const cairn_op *op);

/* Numbers in the trainable variables of a model's graph. */
int64_t sampler_parameters(const cairn_graph *g);

#endif
