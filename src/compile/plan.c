/* A plan as text, and its end. */
#include <limits.h>

#include "compile/plan.h"

void cairn__plan_free(cairn__plan *p)
{
    if (!p)
        return;
    cairn_graph_free(p->lowered);
    cairn__arena_free(&p->arena);
    cairn__free(p);
}

int64_t cairn__plan_bytes(const cairn__plan *p)
{
    int64_t bytes = (int64_t)p->arena_bytes;
    for (int i = 0; i < p->n_values; i++)
        if (p->values[i].variable && p->values[i].producer < 0)
            bytes += (int64_t)p->values[i].bytes;
    return bytes;
}

static void write_value(const cairn__plan *p, int32_t value, cairn__text *out)
{
    const cairn__value *v = &p->values[value];
    if (v->place == CAIRN__VARIABLE)
        cairn__text_add(out, " %s", v->variable->name);
    else if (v->place == CAIRN__NOWHERE)
        cairn__text_add(out, " -");
    else
        cairn__text_add(out, " v%d@%zu", value, v->offset);
}

static void write_operand(const cairn__plan *p, const cairn__fused *f, const cairn__operand *o,
                          cairn__text *out)
{
    static const char *const access[] = {"", "/row", "/one", "/strided"};
    switch (o->kind) {
    case CAIRN__NO_OPERAND: break;
    case CAIRN__WIDE: cairn__text_add(out, " w%d", o->index); break;
    case CAIRN__NARROW: cairn__text_add(out, " n%d", o->index); break;
    case CAIRN__HEAD: cairn__text_add(out, " result"); break;
    case CAIRN__IMMEDIATE: cairn__text_add(out, " %g", (double)o->immediate); break;
    case CAIRN__LOADED:
        write_value(p, f->access[o->index].value, out);
        cairn__text_add(out, "%s", access[f->access[o->index].kind]);
        break;
    }
}

static void write_program(const cairn__plan *p, const cairn__fused *f, cairn__text *out)
{
    for (int i = 0; i < f->instructions; i++) {
        const cairn__instruction *in = &f->instruction[i];
        cairn__text_add(out, "      %c%d = %s", in->result.kind == CAIRN__NARROW ? 'n' : 'w',
                        in->result.index, in->op->name);
        for (int j = 0; j < in->operands; j++)
            write_operand(p, f, &in->operand[j], out);
        if (in->store >= 0) {
            cairn__text_add(out, "  ->");
            write_value(p, f->store[in->store].value, out);
        }
        cairn__text_add(out, "\n");
    }
}

static void write_step(const cairn__plan *p, const cairn__step *step, cairn__text *out)
{
    char shape[CAIRN_SHAPE_TEXT];
    const cairn__fused *f = &step->fused;
    cairn__text_add(out, "  %4d", (int)(step - p->steps));
    if (step->node >= 0) {
        const cairn_node *n = p->lowered->nodes[step->node];
        cairn__text_add(out, " %s %s =", n->op->name, cairn_shape_text(n->shape, shape));
        for (int i = 0; i < step->inputs; i++)
            write_value(p, step->input[i], out);
        if (n->op == &cairn__op_matmul)
            cairn__text_add(out, "%s%s", n->at.list[0] ? " transpose_a" : "",
                            n->at.list[1] ? " transpose_b" : "");
        cairn__text_add(out, " ->");
        write_value(p, step->output, out);
    }
    if (step->copy_from >= 0) {
        cairn__text_add(out, " copy");
        write_value(p, step->copy_from, out);
        cairn__text_add(out, " ->");
        write_value(p, step->output, out);
    }
    if (f->instructions)
        cairn__text_add(out, " fused %lld x %lld", (long long)f->rows,
                        (long long)CAIRN__MAX(f->row, (int64_t)1));
    cairn__text_add(out, "  %.0f flop, %.0f bytes%s%s\n", step->flops, step->bytes,
                    *step->scope ? "  # " : "", step->scope);
    write_program(p, f, out);
}

void cairn__plan_write_text(const cairn__plan *p, cairn__text *out)
{
    double flops = 0, bytes = 0;
    int wave = -1;
    for (int i = 0; i < p->n_steps; i++) {
        flops += p->steps[i].flops;
        bytes += p->steps[i].bytes;
    }
    cairn__text_add(out,
                    "%d steps in %d waves, %.4g GFLOP, %.4g MB moved, arena %.4g MB\n",
                    p->n_steps, p->n_waves, 1e-9 * flops, 1e-6 * bytes,
                    1e-6 * (double)p->arena_bytes);
    for (int i = 0; i < p->n_steps; i++) {
        if (p->steps[i].wave != wave)
            cairn__text_add(out, "wave %d\n", wave = p->steps[i].wave);
        write_step(p, &p->steps[i], out);
    }
}
