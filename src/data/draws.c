/* The random numbers of one step on one item: Philox at a position made of item, step and count, in
 * a stream of the epoch. No step disturbs another, and nothing depends on which thread draws. */
#include <math.h>

#include "base/philox.h"
#include "data/augment.h"

/* Position: 41 bits of item, 6 of step, 16 of count. */
cairn__draws cairn__draws_new(int64_t seed, int64_t epoch, int64_t item, int step)
{
    return (cairn__draws){
        .seed = (uint64_t)seed,
        .stream = cairn_random_stream("data/augment") + (uint64_t)epoch,
        .position = (uint64_t)item << 22 | (uint64_t)step << 16,
        .used = 4,
    };
}

static uint32_t word(cairn__draws *d)
{
    if (d->used == 4) {
        cairn__philox(d->seed, d->stream, d->position++, d->words);
        d->used = 0;
    }
    return d->words[d->used++];
}

double cairn__draw(cairn__draws *d)
{
    return word(d) * (1.0 / 4294967296.0);
}

double cairn__draw_between(cairn__draws *d, double a, double b)
{
    return a + (b - a) * cairn__draw(d);
}

/* The product of 32 random bits and n, of which the upper half is below n. For pictures n is far
 * below 2^32, and the bias with it below 2^-16. */
int64_t cairn__draw_below(cairn__draws *d, int64_t n)
{
    return (int64_t)((uint64_t)word(d) * (uint64_t)n >> 32);
}

/* Marsaglia and Tsang 2000, "A simple method for generating gamma variables"; below 1 by their
 * relation G(a) = G(a + 1) U^(1/a). */
static double gamma_of(cairn__draws *d, double a)
{
    double boost = a < 1 ? pow(1 - cairn__draw(d), 1 / a) : 1;
    double shape = (a < 1 ? a + 1 : a) - 1.0 / 3, c = 1 / sqrt(9 * shape);
    for (;;) {
        float normal[2];
        uint32_t words[2] = {word(d), word(d)};
        cairn__normal_pair(words, normal);
        double v = 1 + c * (double)normal[0], u = 1 - cairn__draw(d);
        if (v <= 0)
            continue;
        v = v * v * v;
        double x = (double)normal[0];
        if (log(u) < 0.5 * x * x + shape - shape * v + shape * log(v))
            return boost * shape * v;
    }
}

/* For a small alpha both gammas may underflow: then the mass lies at the two ends. */
double cairn__draw_beta(cairn__draws *d, double alpha)
{
    double a = gamma_of(d, alpha), b = gamma_of(d, alpha);
    return a + b > 0 ? a / (a + b) : cairn__draw(d) < 0.5 ? 0 : 1;
}
