/* A graph as text and as Graphviz, with what each node costs. */
#include <string.h>

#include "graph/graph.h"

double cairn__node_flops(const cairn_graph *g, const cairn_node *n)
{
    if (n->op->flops)
        return n->op->flops(g, n);
    if (n->op->kind == CAIRN__LEAF || n->op->kind == CAIRN__VIEW)
        return 0;
    return (double)cairn_shape_count(n->shape);
}

/* What tells this leaf from others: a name or a value. */
static void write_leaf(const cairn_node *n, cairn__text *out)
{
    if (n->op == &cairn__op_input)
        cairn__text_add(out, " %s", (const char *)n->at.data);
    else if (n->op == &cairn__op_variable)
        cairn__text_add(out, " %s", ((const cairn_variable *)n->at.data)->name);
    else if (n->op == &cairn__op_fill)
        cairn__text_add(out, " %g", n->at.value[0]);
}

void cairn__graph_write_text(const cairn_graph *g, cairn__text *out)
{
    char shape[CAIRN_SHAPE_TEXT];
    for (int32_t i = 0; i < g->n; i++) {
        const cairn_node *n = g->nodes[i];
        cairn__text_add(out, "%%%d = %s", i, n->op->name);
        write_leaf(n, out);
        for (int j = 0; j < n->inputs; j++)
            cairn__text_add(out, " %%%d", n->input[j]);
        if (n->op == &cairn__op_matmul)
            cairn__text_add(out, "%s%s", n->at.list[0] ? " transpose_a" : "",
                            n->at.list[1] ? " transpose_b" : "");
        cairn__text_add(out, " : %s %s", cairn_dtype_name(n->dtype),
                        cairn_shape_text(n->shape, shape));
        cairn__text_add(out, "  %.0f flop", cairn__node_flops(g, n));
        cairn__text_add(out, "%s%s\n", *n->scope ? "  # " : "", n->scope);
    }
    for (int i = 0; i < g->n_outputs; i++)
        cairn__text_add(out, "output %s = %%%d\n", g->outputs[i].name, g->outputs[i].value);
    for (int i = 0; i < g->n_assignments; i++)
        cairn__text_add(out, "assign %s = %%%d%s%s\n", g->assignments[i].variable->name,
                        g->assignments[i].value, *g->assignments[i].set ? " in " : "",
                        g->assignments[i].set);
}

void cairn__graph_write_dot(const cairn_graph *g, cairn__text *out)
{
    char shape[CAIRN_SHAPE_TEXT];
    cairn__text_add(out, "digraph cairn {\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (int32_t i = 0; i < g->n; i++) {
        const cairn_node *n = g->nodes[i];
        cairn__text_add(out, "  n%d [label=\"%s", i, n->op->name);
        write_leaf(n, out);
        cairn__text_add(out, "\\n%s %s\"%s];\n", cairn_dtype_name(n->dtype),
                        cairn_shape_text(n->shape, shape),
                        n->op->kind == CAIRN__LEAF ? ", style=rounded" : "");
        for (int j = 0; j < n->inputs; j++)
            cairn__text_add(out, "  n%d -> n%d;\n", n->input[j], i);
    }
    for (int i = 0; i < g->n_outputs; i++)
        cairn__text_add(out, "  o%d [label=\"%s\", shape=oval];\n  n%d -> o%d;\n", i,
                        g->outputs[i].name, g->outputs[i].value, i);
    for (int i = 0; i < g->n_assignments; i++)
        cairn__text_add(out, "  a%d [label=\"%s\", shape=oval, style=dashed];\n  n%d -> a%d;\n", i,
                        g->assignments[i].variable->name, g->assignments[i].value, i);
    cairn__text_add(out, "}\n");
}
