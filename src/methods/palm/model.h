/* The layers of PaLM, shared by the model that reads whole rows of tokens and the one that reads
 * one token at a time. */
#ifndef CAIRN_SRC_PALM_MODEL_H
#define CAIRN_SRC_PALM_MODEL_H

#include "cairn/palm.h"

/* Checks what no single option can; false with the graph in error. */
bool cairn__palm_check(cairn_graph *g, const cairn_palm_options *o);

/* Sizes that options stand for. */
int64_t cairn__palm_kv_heads(const cairn_palm_options *o);
int64_t cairn__palm_hidden(const cairn_palm_options *o);

/* The matrices of a block, as variables in the current scope. */
typedef struct cairn__palm_matrices {
    cairn_tensor query, key, value, attention_output;
    cairn_tensor gate, hidden, output; /* gate: graph NULL without `gated` */
} cairn__palm_matrices;

cairn__palm_matrices cairn__palm_matrices_of(cairn_graph *g, const cairn_palm_options *o);

/* The table of tokens; "block3" in `name`. */
cairn_tensor cairn__palm_table(cairn_graph *g, const cairn_palm_options *o);
enum { CAIRN__PALM_NAME = 32 };
const char *cairn__palm_block(int64_t layer, char name[CAIRN__PALM_NAME]);

/* activation(a) o b, or activation(b) without `gated`. */
cairn_tensor cairn__palm_gate(cairn_tensor a, cairn_tensor b, const cairn_palm_options *o);

/* The rows [n, width] behind the last block to logits [n, vocabulary]. */
cairn_tensor cairn__palm_logits(cairn_tensor x, cairn_tensor table, const cairn_palm_options *o);

/* tokens [B,T] to the rows [B T, width] behind the last block. qkv: room for the turned queries,
 * keys and values of each layer, [B,T,heads + 2 kv_heads,head_size], or NULL. */
cairn_tensor cairn__palm_rows(cairn_tensor tokens, cairn_tensor table, const cairn_palm_options *o,
                              cairn_tensor *qkv);

#endif
