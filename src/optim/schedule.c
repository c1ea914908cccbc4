/* The learning rate as a function of the step, in the graph: a program need not be told of it. */
#include <math.h>

#include "optim/rule.h"

static const char *const schedules[] = {"constant", "step",       "exponential",  "linear",
                                        "cosine",   "polynomial", "inverse_sqrt", NULL};

const cairn_option cairn_update_table[] = {
    CAIRN_OPT_CHOICE(cairn_update_options, schedule, CAIRN_SCHEDULE_CONSTANT, schedules,
                     "how the learning rate changes after the warm-up", ""),
    CAIRN_OPT_SPAN(cairn_update_options, warmup, "0", "length of the linear rise at the start", ""),
    CAIRN_OPT_SPAN(cairn_update_options, duration, "100%",
                   "when linear, cosine and polynomial arrive, counted from the start", ""),
    CAIRN_OPT_SPAN(cairn_update_options, schedule_interval, "10%",
                   "after how long step and exponential multiply by the factor once", ""),
    CAIRN_OPT_SPAN(cairn_update_options, hold, "1", "how long one rate is held", ""),
    CAIRN_OPT_FLAG(cairn_update_options, warmup_from_zero, false,
                   "start the warm-up with a rate of exactly 0", ""),
    CAIRN_OPT_REAL(cairn_update_options, schedule_factor, 0.1, 1e-6, 1,
                   "factor of step and exponential", ""),
    CAIRN_OPT_REAL(cairn_update_options, final_factor, 0, 0, 1,
                   "share of the rate at the end of linear, cosine and polynomial", ""),
    CAIRN_OPT_REAL(cairn_update_options, power, 2, 0, 100, "exponent of polynomial", ""),
    CAIRN_OPT_REAL(cairn_update_options, clip_value, 0, 0, 1e30,
                   "largest size of an element of a gradient, 0 for no limit", ""),
    CAIRN_OPT_REAL(cairn_update_options, clip_norm, 0, 0, 1e30,
                   "largest norm of all gradients together, 0 for no limit", ""),
    CAIRN_OPT_REAL(cairn_update_options, weight_decay, 0, 0, 1e3,
                   "pull of the parameters towards 0", ""),
    CAIRN_OPT_FLAG(cairn_update_options, decoupled_decay, false,
                   "decay parameters directly instead of through the gradient", ""),
    CAIRN_OPT_FLAG(cairn_update_options, decay_vectors, true,
                   "decay also parameters of fewer than two axes, such as biases", ""),
    CAIRN_OPT_END,
};

cairn_update_options cairn_update_defaults(void)
{
    cairn_update_options options;
    cairn_options_defaults(cairn_update_table, &options);
    return options;
}

void cairn_update_resolve(cairn_update_options *o, int64_t total, int64_t steps_per_epoch,
                          int64_t batch)
{
    cairn_span *const spans[] = {&o->warmup, &o->duration, &o->schedule_interval, &o->hold};
    for (size_t i = 0; i < CAIRN__COUNT(spans); i++) {
        int64_t steps = cairn_span_steps(*spans[i], total, steps_per_epoch, batch);
        *spans[i] = (cairn_span){(double)steps, CAIRN_STEPS};
    }
}

/* ---- spans in steps -------------------------------------------------------------------------- */

/* What a schedule needs, in steps; resolved and checked. */
typedef struct lengths {
    double warmup, duration, interval, hold;
} lengths;

static bool steps_of(cairn_graph *g, const char *name, cairn_span span, double least, double *steps)
{
    if (span.unit != CAIRN_STEPS)
        return cairn__graph_fail(g, CAIRN_ERR_VALUE,
                                 "learning rate: %s is not in steps; call cairn_update_resolve() "
                                 "first",
                                 name);
    *steps = span.amount;
    if (*steps < least)
        return cairn__graph_fail(g, CAIRN_ERR_VALUE,
                                 "learning rate: %s is %g steps, expected at "
                                 "least %g",
                                 name, *steps, least);
    return true;
}

static bool has_interval(int schedule)
{
    return schedule == CAIRN_SCHEDULE_STEP || schedule == CAIRN_SCHEDULE_EXPONENTIAL;
}

static bool has_end(int schedule)
{
    return schedule == CAIRN_SCHEDULE_LINEAR || schedule == CAIRN_SCHEDULE_COSINE ||
           schedule == CAIRN_SCHEDULE_POLYNOMIAL;
}

static bool resolve(cairn_graph *g, const cairn_update_options *o, lengths *l)
{
    return steps_of(g, "warmup", o->warmup, 0, &l->warmup) &&
           steps_of(g, "hold", o->hold, 1, &l->hold) &&
           (!has_interval(o->schedule) ||
            steps_of(g, "schedule_interval", o->schedule_interval, 1, &l->interval)) &&
           (!has_end(o->schedule) ||
            steps_of(g, "duration", o->duration, l->warmup + 1, &l->duration));
}

/* ---- the factor ------------------------------------------------------------------------------ */

/* floor(s / length) for whole s. The half keeps the quotient away from whole numbers, where a
 * rounding error of the division would show. */
static cairn_tensor periods(cairn_tensor s, double length)
{
    return cairn_floor(cairn_scale(cairn_add_scalar(s, 0.5), 1 / length));
}

/* 1 at the end of the warm-up, falling to 0 at the end of training: 1 - p in optim.h. */
static cairn_tensor remaining(cairn_tensor s, const lengths *l)
{
    cairn_tensor left =
        cairn_scale(cairn_add_scalar(cairn_neg(s), l->duration), 1 / (l->duration - l->warmup));
    cairn_graph *g = s.graph;
    return cairn_minimum(cairn_maximum(left, cairn_scalar(g, 0)), cairn_scalar(g, 1));
}

static cairn_tensor between(cairn_tensor share, double final_factor)
{
    return cairn_add_scalar(cairn_scale(share, 1 - final_factor), final_factor);
}

static cairn_tensor power_of(double base, cairn_tensor exponent)
{
    return cairn_exp(cairn_scale(exponent, log(base)));
}

/* x^power for x in 0..1, where pow() must not meet a logarithm of 0. */
static cairn_tensor raised(cairn_tensor x, double power)
{
    cairn_graph *g = x.graph;
    cairn_tensor positive = cairn_maximum(x, cairn_scalar(g, 1e-30));
    cairn_tensor y = cairn_exp(cairn_scale(cairn_log(positive), power));
    return cairn_select(cairn_greater(x, cairn_scalar(g, 0)), y,
                        cairn_scalar(g, power == 0 ? 1 : 0));
}

static cairn_tensor decayed(cairn_tensor s, const cairn_update_options *o, const lengths *l)
{
    cairn_tensor after = cairn_add_scalar(s, -l->warmup), left;
    switch ((cairn_schedule)o->schedule) {
    case CAIRN_SCHEDULE_CONSTANT: break;
    case CAIRN_SCHEDULE_STEP: return power_of(o->schedule_factor, periods(after, l->interval));
    case CAIRN_SCHEDULE_EXPONENTIAL:
        return power_of(o->schedule_factor, cairn_scale(after, 1 / l->interval));
    case CAIRN_SCHEDULE_LINEAR: return between(remaining(s, l), o->final_factor);
    case CAIRN_SCHEDULE_COSINE:
        /* (1 + cos(pi p)) / 2 = sin(pi (1 - p) / 2)^2, which keeps its digits near the end. */
        left = cairn_sin(cairn_scale(remaining(s, l), acos(-1.0) / 2));
        return between(cairn_square(left), o->final_factor);
    case CAIRN_SCHEDULE_POLYNOMIAL:
        return between(raised(remaining(s, l), o->power), o->final_factor);
    case CAIRN_SCHEDULE_INVERSE_SQRT: {
        double w = fmax(l->warmup, 1);
        cairn_tensor done = cairn_maximum(cairn_add_scalar(s, 1), cairn_scalar(s.graph, w));
        return cairn_rsqrt(cairn_scale(done, 1 / w));
    }
    }
    return cairn_scalar(s.graph, 1);
}

static cairn_tensor factor(cairn_tensor s, const cairn_update_options *o, const lengths *l)
{
    if (l->hold > 1)
        s = cairn_scale(periods(s, l->hold), l->hold);
    cairn_tensor later = decayed(s, o, l);
    if (l->warmup == 0)
        return later;
    cairn_tensor begun = o->warmup_from_zero ? s : cairn_add_scalar(s, 1);
    cairn_tensor rising = cairn_scale(begun, 1 / l->warmup);
    return cairn_select(cairn_less(s, cairn_scalar(s.graph, l->warmup)), rising, later);
}

cairn_tensor cairn_learning_rate(cairn_graph *g, double rate, const cairn_update_options *options)
{
    cairn_update_options o = options ? *options : cairn_update_defaults();
    lengths l = {0};
    if (!cairn__check_options(g, "update options", cairn_update_table, &o) || !resolve(g, &o, &l))
        return (cairn_tensor){g, 0};
    cairn_tensor s = cairn_cast(cairn_step(g), CAIRN_F32);
    return cairn_scale(factor(s, &o, &l), rate);
}
