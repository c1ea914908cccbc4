/* Sampling of tokens: see cairn/generate.h. */
#include <math.h>
#include <stdlib.h>

#include "base/base.h"
#include "cairn/generate.h"

typedef struct candidate {
    double p; /* not normalised */
    int32_t token;
} candidate;

struct cairn_sampler {
    cairn_sampling_options options;
    int64_t vocabulary;
    candidate *list; /* [vocabulary], owned */
};

#define S cairn_sampling_options
const cairn_option cairn_sampling_table[] = {
    CAIRN_OPT_REAL(S, temperature, 1, 0, 100, "divides the logits; 0: the most likely token", ""),
    CAIRN_OPT_COUNT(S, top_k, 0, 0, INT32_MAX, "draw from so many tokens at most; 0: from all", ""),
    CAIRN_OPT_REAL(S, top_p, 1, 0, 1,
                   "draw from the fewest tokens that have this share of the probability",
                   "Holtzman et al. 2020"),
    CAIRN_OPT_COUNT(S, seed, 0, 0, INT32_MAX, "of the draws", ""),
    CAIRN_OPT_END,
};
#undef S

cairn_sampling_options cairn_sampling_defaults(void)
{
    cairn_sampling_options o;
    cairn_options_defaults(cairn_sampling_table, &o);
    return o;
}

cairn_sampler *cairn_sampler_new(int64_t vocabulary, const cairn_sampling_options *options,
                                 cairn_status *status)
{
    cairn_sampling_options o = options ? *options : cairn_sampling_defaults();
    if (!cairn__options_check(cairn_sampling_table, &o, status))
        return NULL;
    if (vocabulary < 1 || vocabulary > INT32_MAX) {
        cairn__fail(status, CAIRN_ERR_VALUE, "sampling: a vocabulary of %lld, expected 1 or more",
                    (long long)vocabulary);
        return NULL;
    }
    cairn_sampler *s = cairn__alloc(1, sizeof *s, status);
    if (!s)
        return NULL;
    s->options = o;
    s->vocabulary = vocabulary;
    s->list = cairn__alloc((size_t)vocabulary, sizeof *s->list, status);
    if (s->list)
        return s;
    cairn_sampler_free(s);
    return NULL;
}

void cairn_sampler_free(cairn_sampler *s)
{
    if (!s)
        return;
    cairn__free(s->list);
    cairn__free(s);
}

static int32_t most_likely(const float *logits, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        best = logits[i] > logits[best] ? i : best;
    return (int32_t)best;
}

static int falling(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->p != y->p)
        return x->p < y->p ? 1 : -1;
    return (x->token > y->token) - (x->token < y->token);
}

/* How many of the sorted candidates remain, and the sum of their probabilities. */
static int64_t keep(const cairn_sampler *s, double *sum)
{
    int64_t n = s->vocabulary, kept = 0;
    double all = 0;
    if (s->options.top_k > 0)
        n = CAIRN__MIN(n, s->options.top_k);
    for (int64_t i = 0; i < n; i++)
        all += s->list[i].p;
    for (*sum = 0; kept < n && (kept == 0 || *sum < s->options.top_p * all); kept++)
        *sum += s->list[kept].p;
    return kept;
}

int32_t cairn_sampler_draw(cairn_sampler *s, const float *logits, int64_t row, int64_t place)
{
    const int64_t n = s->vocabulary;
    const int32_t best = most_likely(logits, n);
    uint32_t bits[4];
    double sum;
    if (s->options.temperature == 0)
        return best;
    for (int64_t i = 0; i < n; i++)
        s->list[i] = (candidate){
            exp((double)(logits[i] - logits[best]) / s->options.temperature), (int32_t)i};
    qsort(s->list, (size_t)n, sizeof *s->list, falling);
    int64_t kept = keep(s, &sum), i = 0;
    cairn_random_bits((uint64_t)s->options.seed,
                      cairn_random_stream("generate") + (uint64_t)row, (uint64_t)place, bits);
    double left = ((double)bits[0] + 0.5) / 4294967296.0 * sum;
    while (i + 1 < kept && (left -= s->list[i].p) > 0)
        i++;
    return s->list[i].token;
}
