/* What every plan must fulfil. Run after the passes of each compile: some hundred steps, a fraction
 * of a millisecond, and a fault of the compiler becomes an error instead of a wrong result. */
#include "compile/plan.h"

static bool fault(const cairn__plan *p, const cairn__step *step, cairn_status *status,
                  const char *what)
{
    return cairn__fail(status, CAIRN_ERR_STATE, "the plan is wrong at step %d (%s): %s",
                       (int)(step - p->steps), step->scope, what);
}

/* Operands are made in earlier waves and still in place. */
static bool verify_reads(const cairn__plan *p, const cairn__step *step, cairn_status *status)
{
    for (int r = 0; r < cairn__reads(step); r++) {
        int32_t value = cairn__read_value(step, r);
        if (value < 0 || value >= p->n_values)
            return fault(p, step, status, "it reads a value that does not exist");
        const cairn__value *v = &p->values[value];
        if (v->place == CAIRN__NOWHERE)
            return fault(p, step, status, "it reads a value that is never in memory");
        if (v->producer >= 0 && p->steps[v->producer].wave >= step->wave)
            return fault(p, step, status, "it reads a value that is not made yet");
        if (v->last < step->wave)
            return fault(p, step, status, "it reads a value that has ended");
    }
    return true;
}

/* A variable's old value is read in earlier waves than the new one is written, or safely by the
 * step that writes. */
static bool verify_update(const cairn__plan *p, int32_t value, cairn_status *status)
{
    const cairn__value *v = &p->values[value];
    for (int32_t old = 0; old < p->n_values; old++) {
        const cairn__value *o = &p->values[old];
        if (o->variable != v->variable || o->producer >= 0)
            continue;
        for (int i = 0; i < p->n_steps; i++) {
            const cairn__step *step = &p->steps[i];
            for (int r = 0; r < cairn__reads(step); r++) {
                if (cairn__read_value(step, r) != old)
                    continue;
                bool good = i == v->producer ? cairn__overwrites_safely(step, value, old)
                                             : step->wave < p->steps[v->producer].wave;
                if (!good)
                    return fault(p, step, status, "it reads a variable that is written already");
            }
        }
    }
    return true;
}

static bool verify_registers(const cairn__plan *p, const cairn__step *step, cairn_status *status)
{
    const cairn__fused *f = &step->fused;
    for (int i = 0; i < f->instructions; i++) {
        const cairn__instruction *in = &f->instruction[i];
        for (int j = 0; j < in->operands; j++) {
            const cairn__operand *o = &in->operand[j];
            int most = o->kind == CAIRN__WIDE     ? f->wide
                       : o->kind == CAIRN__NARROW ? f->narrow
                       : o->kind == CAIRN__LOADED ? f->accesses
                                                  : 1;
            if (o->kind == CAIRN__NO_OPERAND || o->index < 0 || o->index >= most)
                return fault(p, step, status, "an instruction has a bad operand");
        }
    }
    return true;
}

bool cairn__verify(const cairn__plan *p, cairn_status *status)
{
    for (int i = 0; i < p->n_steps; i++)
        if (!verify_reads(p, &p->steps[i], status) || !verify_registers(p, &p->steps[i], status))
            return false;
    for (int32_t a = 0; a < p->n_values; a++) {
        if (p->values[a].place == CAIRN__VARIABLE && p->values[a].producer >= 0 &&
            !verify_update(p, a, status))
            return false;
        for (int32_t b = 0; b < a && p->values[a].place == CAIRN__ARENA; b++)
            if (p->values[b].place == CAIRN__ARENA && !cairn__may_overlap(p, a, b))
                return cairn__fail(status, CAIRN_ERR_STATE,
                                   "the plan is wrong: values %d and %d overlap", a, b);
    }
    return true;
}
