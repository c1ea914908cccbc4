/* PaLM, one token at a time: see cairn/palm.h.
 *
 *     prompt    [B, P] tokens, all at once; keys and values go to the first places of the cache
 *     next      [B] tokens, each at a place of its own row: rows may differ in length
 *
 * What stands in the cache behind a row's place, of padding or of an earlier text, is hidden by the
 * mask, and written over when the row gets there. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cairn/compile.h"
#include "cairn/nn.h"
#include "graph/graph.h"
#include "methods/palm/model.h"

struct cairn_palm_decoder {
    cairn_palm_options options;
    int64_t batch, prompt, capacity;
    cairn_program *first, *next;
    int64_t *length; /* [B]: tokens of each row; all 0 before a prompt */
    int32_t *place;  /* [B] */
    float *logits;   /* [B, vocabulary] */
};

/* ---- the cache ------------------------------------------------------------------------------- */

int64_t cairn_palm_cache_bytes(const cairn_palm_options *o, int64_t batch, int64_t capacity)
{
    return (int64_t)sizeof(float) * 2 * o->layers * batch * capacity * cairn__palm_kv_heads(o) *
           o->head_size;
}

/* what: "key" or "value". The sizes are in the name: a decoder of others has its own. */
static cairn_tensor cache(cairn_graph *g, const cairn_palm_decoder *d, const char *what,
                          int64_t layer)
{
    char name[96];
    const cairn_palm_options *o = &d->options;
    snprintf(name, sizeof name, "cache_%lld_%lld/%s%lld", (long long)d->batch,
             (long long)d->capacity, what, (long long)layer + 1);
    return cairn_state(g, name, CAIRN_F32,
                       CAIRN_SHAPE(d->batch, d->capacity, cairn__palm_kv_heads(o), o->head_size),
                       CAIRN_ZEROS);
}

/* ---- the prompt ------------------------------------------------------------------------------ */

static void keep(cairn_graph *g, const cairn_palm_decoder *d, const char *what, int64_t layer,
                 cairn_tensor qkv, int64_t head)
{
    cairn_tensor x = cairn_slice(qkv, 2, head, cairn__palm_kv_heads(&d->options), 1);
    cairn_assign(cache(g, d, what, layer), cairn_pad(x, 1, 0, d->capacity - d->prompt, 0));
}

static void build_prompt(cairn_graph *g, const cairn_palm_decoder *d, cairn_tensor *qkv)
{
    const cairn_palm_options *o = &d->options;
    cairn_tensor tokens = cairn_input(g, "tokens", CAIRN_I32, CAIRN_SHAPE(d->batch, d->prompt));
    cairn_tensor last = cairn_input(g, "last", CAIRN_I32, CAIRN_SHAPE(d->batch)); /* of rows B P */
    cairn_tensor table = cairn__palm_table(g, o);
    cairn_tensor x = cairn__palm_rows(tokens, table, o, qkv);
    if (g->status.code != CAIRN_OK)
        return;
    for (int64_t i = 0; i < o->layers; i++) {
        keep(g, d, "key", i, qkv[i], o->heads);
        keep(g, d, "value", i, qkv[i], o->heads + cairn__palm_kv_heads(o));
    }
    cairn_output(cairn__palm_logits(cairn_gather(x, last, 0), table, o), "logits");
}

/* ---- one token ------------------------------------------------------------------------------- */

/* What all layers of a step share. */
typedef struct step {
    cairn_tensor cosine, sine; /* [B, 1, head_size / 2] of each row's place */
    cairn_tensor here;         /* bool [B, capacity, 1, 1]: the row's place */
    cairn_tensor mask;         /* [B, 1, 1, capacity]: 0 up to it, -inf behind */
} step;

/* The angles in double precision, as rotary positions have them. */
static cairn_tensor angles(cairn_graph *g, const cairn_palm_decoder *d, double (*f)(double),
                           cairn_tensor place)
{
    int64_t half = d->options.head_size / 2;
    float *table = cairn__alloc((size_t)(d->capacity * half), sizeof *table, &g->status);
    if (!table)
        return place;
    for (int64_t t = 0; t < d->capacity; t++)
        for (int64_t i = 0; i < half; i++)
            table[t * half + i] =
                (float)f((double)t * pow(d->options.rotary_base, -(double)i / (double)half));
    cairn_tensor x = cairn_constant(g, CAIRN_F32, CAIRN_SHAPE(d->capacity, half), table);
    cairn__free(table);
    return cairn_reshape(cairn_gather(x, place, 0), CAIRN_SHAPE(d->batch, 1, half));
}

static step step_of(cairn_graph *g, const cairn_palm_decoder *d, cairn_tensor place)
{
    int64_t B = d->batch, C = d->capacity;
    cairn_tensor all = cairn_iota(g, CAIRN_I32, CAIRN_SHAPE(B, C), 1);
    cairn_tensor at = cairn_broadcast(cairn_reshape(place, CAIRN_SHAPE(B, 1)), CAIRN_SHAPE(B, C));
    cairn_tensor mask = cairn_select(cairn_less_equal(all, at), cairn_scalar(g, 0),
                                     cairn_scalar(g, -INFINITY));
    return (step){.cosine = angles(g, d, cos, place),
                  .sine = angles(g, d, sin, place),
                  .here = cairn_reshape(cairn_equal(all, at), CAIRN_SHAPE(B, C, 1, 1)),
                  .mask = cairn_reshape(mask, CAIRN_SHAPE(B, 1, 1, C))};
}

/* x: [B, heads, head_size]. */
static cairn_tensor turn(cairn_tensor x, const step *s, int64_t head_size)
{
    int64_t half = head_size / 2;
    cairn_tensor a = cairn_slice(x, 2, 0, half, 1), b = cairn_slice(x, 2, half, half, 1);
    const cairn_tensor parts[] = {
        cairn_sub(cairn_mul(a, s->cosine), cairn_mul(b, s->sine)),
        cairn_add(cairn_mul(a, s->sine), cairn_mul(b, s->cosine)),
    };
    return cairn_concat(parts, 2, 2);
}

/* The cache with x [B, kv_heads, head_size] at each row's place. */
static cairn_tensor with(cairn_tensor x, const cairn_palm_decoder *d, const step *s,
                         cairn_tensor old)
{
    const cairn_palm_options *o = &d->options;
    x = cairn_reshape(x, CAIRN_SHAPE(d->batch, 1, cairn__palm_kv_heads(o), o->head_size));
    x = cairn_select(s->here, x, old);
    cairn_assign(old, x);
    return x;
}

static cairn_tensor attend(cairn_tensor u, const cairn_palm_decoder *d, const step *s,
                           const cairn__palm_matrices *m, cairn_tensor keys, cairn_tensor values)
{
    const cairn_palm_options *o = &d->options;
    int64_t B = d->batch, kv = cairn__palm_kv_heads(o), Q = o->head_size;
    const cairn_attention_options attention = {.bias = s->mask};
    cairn_tensor q = cairn_reshape(cairn_matmul(u, m->query), CAIRN_SHAPE(B, o->heads, Q));
    cairn_tensor k = cairn_reshape(cairn_matmul(u, m->key), CAIRN_SHAPE(B, kv, Q));
    keys = with(turn(k, s, Q), d, s, keys);
    values = with(cairn_matmul(u, m->value), d, s, values);
    q = cairn_reshape(turn(q, s, Q), CAIRN_SHAPE(B, 1, o->heads, Q));
    cairn_tensor y = cairn_attention(q, keys, values, &attention);
    return cairn_matmul(cairn_reshape(y, CAIRN_SHAPE(B, o->heads * Q)), m->attention_output);
}

static cairn_tensor feed(cairn_tensor u, const cairn_palm_options *o,
                         const cairn__palm_matrices *m)
{
    cairn_tensor up = cairn_matmul(u, m->hidden);
    cairn_tensor gate = o->gated ? cairn_matmul(u, m->gate) : up;
    return cairn_matmul(cairn__palm_gate(gate, up, o), m->output);
}

static cairn_tensor block(cairn_tensor x, const cairn_palm_decoder *d, const step *s,
                          cairn_tensor keys, cairn_tensor values)
{
    const cairn_palm_options *o = &d->options;
    const cairn__palm_matrices m = cairn__palm_matrices_of(x.graph, o);
    cairn_tensor u = cairn_layer_norm(x, "norm", o->epsilon, false);
    cairn_tensor a = attend(u, d, s, &m, keys, values);
    if (o->parallel)
        return cairn_add(x, cairn_add(a, feed(u, o, &m)));
    x = cairn_add(x, a);
    return cairn_add(x, feed(cairn_layer_norm(x, "norm2", o->epsilon, false), o, &m));
}

static void build_next(cairn_graph *g, const cairn_palm_decoder *d)
{
    const cairn_palm_options *o = &d->options;
    char name[CAIRN__PALM_NAME];
    cairn_tensor token = cairn_input(g, "token", CAIRN_I32, CAIRN_SHAPE(d->batch));
    cairn_tensor place = cairn_input(g, "place", CAIRN_I32, CAIRN_SHAPE(d->batch));
    cairn_tensor table = cairn__palm_table(g, o), x = cairn_gather(table, token, 0);
    const step s = step_of(g, d, place);
    for (int64_t i = 0; i < o->layers && g->status.code == CAIRN_OK; i++) {
        cairn_tensor keys = cache(g, d, "key", i), values = cache(g, d, "value", i);
        cairn_scope_push(g, cairn__palm_block(i, name));
        x = block(x, d, &s, keys, values);
        cairn_scope_pop(g);
    }
    cairn_output(cairn__palm_logits(x, table, o), "logits");
}

/* ---- making ---------------------------------------------------------------------------------- */

static bool compile(cairn_palm_decoder *d, const cairn_graph *graph, cairn_status *status)
{
    cairn_graph *first = cairn_graph_new_sharing(graph), *next = cairn_graph_new_sharing(graph);
    cairn_tensor *qkv = cairn__alloc((size_t)d->options.layers, sizeof *qkv, status);
    if (qkv) {
        build_prompt(first, d, qkv);
        build_next(next, d);
        d->first = cairn_compile(first, cairn_cpu(), status);
        d->next = cairn_compile(next, cairn_cpu(), status);
    }
    cairn__free(qkv);
    cairn_graph_free(first);
    cairn_graph_free(next);
    return d->first && d->next;
}

static bool check(const cairn_palm_options *o, int64_t batch, int64_t prompt, int64_t capacity,
                  cairn_status *status)
{
    cairn_graph *g = cairn_graph_new();
    bool good = cairn__palm_check(g, o);
    if (!good)
        cairn__fail(status, g->status.code, "%s", g->status.message);
    cairn_graph_free(g);
    if (!good)
        return false;
    return (batch > 0 && prompt > 0 && capacity >= prompt && capacity < INT32_MAX / batch) ||
           cairn__fail(status, CAIRN_ERR_VALUE,
                       "palm: %lld rows of %lld tokens, %lld of them of a prompt, expected 1 or "
                       "more of each and a prompt that fits",
                       (long long)batch, (long long)capacity, (long long)prompt);
}

cairn_palm_decoder *cairn_palm_decoder_new(const cairn_graph *graph, const cairn_palm_options *o,
                                           int64_t batch, int64_t prompt, int64_t capacity,
                                           cairn_status *status)
{
    if (!cairn_ok(status) || !check(o, batch, prompt, capacity, status))
        return NULL;
    cairn_palm_decoder *d = cairn__alloc(1, sizeof *d, status);
    if (!d)
        return NULL;
    d->options = *o;
    d->batch = batch;
    d->prompt = prompt;
    d->capacity = capacity;
    d->length = cairn__alloc((size_t)batch, sizeof *d->length, status);
    d->place = cairn__alloc((size_t)batch, sizeof *d->place, status);
    d->logits = cairn__alloc((size_t)(batch * o->vocabulary), sizeof *d->logits, status);
    if (d->length && d->place && d->logits && compile(d, graph, status))
        return d;
    cairn_palm_decoder_free(d);
    return NULL;
}

void cairn_palm_decoder_free(cairn_palm_decoder *d)
{
    if (!d)
        return;
    cairn_program_free(d->first);
    cairn_program_free(d->next);
    cairn__free(d->length);
    cairn__free(d->place);
    cairn__free(d->logits);
    cairn__free(d);
}

/* ---- running --------------------------------------------------------------------------------- */

static bool run(cairn_palm_decoder *d, cairn_program *p, cairn_status *status)
{
    size_t bytes = (size_t)(d->batch * d->options.vocabulary) * sizeof *d->logits;
    cairn_program_run(p, status);
    return cairn_program_fetch(p, "logits", d->logits, bytes, status);
}

bool cairn_palm_decoder_prompt(cairn_palm_decoder *d, const int32_t *ids, const int64_t *lengths,
                               cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    for (int64_t b = 0; b < d->batch; b++) {
        if (lengths[b] < 1 || lengths[b] > d->prompt)
            return cairn__fail(status, CAIRN_ERR_VALUE,
                               "palm: the prompt of row %lld has %lld tokens, expected 1 to %lld",
                               (long long)b, (long long)lengths[b], (long long)d->prompt);
        d->place[b] = (int32_t)(b * d->prompt + lengths[b] - 1);
    }
    cairn_program_feed(d->first, "tokens", ids, (size_t)(d->batch * d->prompt) * sizeof *ids,
                       status);
    cairn_program_feed(d->first, "last", d->place, (size_t)d->batch * sizeof *d->place, status);
    if (!run(d, d->first, status))
        return false;
    memcpy(d->length, lengths, (size_t)d->batch * sizeof *lengths);
    return true;
}

bool cairn_palm_decoder_next(cairn_palm_decoder *d, const int32_t *ids, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    for (int64_t b = 0; b < d->batch; b++) {
        if (ids[b] >= 0 && (d->length[b] == 0 || d->length[b] == d->capacity))
            return cairn__fail(status, CAIRN_ERR_STATE,
                               d->length[b] ? "palm: row %lld has %lld tokens, and room for no more"
                                            : "palm: row %lld has %lld tokens, expected a prompt",
                               (long long)b, (long long)d->length[b]);
        d->place[b] = ids[b] >= 0 ? (int32_t)d->length[b] : -1; /* -1: nowhere, nothing is seen */
    }
    cairn_program_feed(d->next, "token", ids, (size_t)d->batch * sizeof *ids, status);
    cairn_program_feed(d->next, "place", d->place, (size_t)d->batch * sizeof *d->place, status);
    if (!run(d, d->next, status))
        return false;
    for (int64_t b = 0; b < d->batch; b++)
        d->length[b] += ids[b] >= 0;
    return true;
}

const float *cairn_palm_decoder_logits(const cairn_palm_decoder *d)
{
    return d->logits;
}
