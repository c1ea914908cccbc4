/* Fewer instructions for element-wise programs: a product by a number and the sum that it feeds
 * become one instruction, which saves a pass over the tile and a rounding.
 *
 *     w0 = mul m 0.9
 *     w1 = mul g 0.1            ->    w0 = combine m 0.9 g 0.1
 *     w0 = add w0 w1
 *
 * The choice depends on the program alone, so results keep their bits from run to run. */
#include "backend/cpu/fused_program.h"

enum { MOST = 256, NOBODY = -1 };

typedef struct joiner {
    instruction *list;
    int n;
    const cairn__vectormath *k;
    int producer[MOST][OPERANDS]; /* of the wide register that an operand reads */
    int readers[MOST];
    bool gone[MOST];
} joiner;

static void find_producers(joiner *s)
{
    int writer[MOST];
    for (int r = 0; r < MOST; r++)
        writer[r] = NOBODY;
    for (int i = 0; i < s->n; i++) {
        instruction *in = &s->list[i];
        for (int j = 0; j < in->operands; j++) {
            const operand *o = &in->operand[j];
            int p = o->from == FROM_WIDE && o->index < MOST ? writer[o->index] : NOBODY;
            s->producer[i][j] = p;
            if (p != NOBODY)
                s->readers[p]++;
        }
        if (!in->narrow && in->result < MOST)
            writer[in->result] = i;
    }
}

static bool is_array(const operand *o)
{
    return o->from == FROM_WIDE || o->from == FROM_MEMORY || o->from == FROM_PERIOD ||
           o->from == FROM_HEAD;
}

static bool is_number(const operand *o)
{
    return o->from == FROM_NUMBER || o->from == FROM_SINGLE;
}

/* Whether an array that instruction `from` reads is still the same when `to` runs. */
static bool survives(const joiner *s, const operand *o, int from, int to)
{
    for (int i = from; i < to; i++) {
        const instruction *in = &s->list[i];
        if (s->gone[i])
            continue;
        if (o->from == FROM_WIDE && !in->narrow && in->result == o->index && i != from)
            return false;
        if (o->from == FROM_MEMORY && in->direct == o->base)
            return false;
    }
    /* The joined instruction itself may have written over its operand's register. */
    const instruction *first = &s->list[from];
    return !(o->from == FROM_WIDE && !first->narrow && first->result == o->index);
}

/* A value that only `reader` needs, and only from its register. */
static bool is_private(const joiner *s, int p)
{
    return p != NOBODY && !s->gone[p] && s->readers[p] == 1 && !s->list[p].direct &&
           !s->list[p].small && !s->list[p].narrow;
}

/* Operand j of instruction i as array times number. A plain array is one times 1. */
typedef struct term {
    operand array, number;
    int from;    /* the product that is taken over, or NOBODY */
    int square;  /* the square before it, or NOBODY */
    bool good;
} term;

static const operand one = {.from = FROM_NUMBER, .number = 1};

static term plain(const operand *o)
{
    return (term){*o, one, NOBODY, NOBODY, is_array(o)};
}

/* The operand of a private square, if `o` reads one. */
static bool take_square(const joiner *s, int reader, int j, int i, term *t)
{
    int p = s->producer[reader][j];
    if (!is_private(s, p) || s->list[p].form != MAP1 || s->list[p].map1 != s->k->square)
        return false;
    const operand *x = &s->list[p].operand[0];
    if (!is_array(x) || !survives(s, x, p, i))
        return false;
    t->array = *x;
    t->square = p;
    return true;
}

static term term_of(const joiner *s, int i, int j, bool squares)
{
    const operand *o = &s->list[i].operand[j];
    int p = o->from == FROM_WIDE ? s->producer[i][j] : NOBODY;
    term t = plain(o);
    if (!is_private(s, p) || s->list[p].form != MAP2 || s->list[p].map2 != s->k->mul)
        return t;
    for (int x = 0; x < 2; x++) {
        const operand *array = &s->list[p].operand[x], *number = &s->list[p].operand[1 - x];
        if (!is_array(array) || !is_number(number))
            continue;
        term product = {*array, *number, p, NOBODY, true};
        if (squares && take_square(s, p, x, i, &product))
            return product;
        if (survives(s, array, p, i))
            return product;
    }
    return t;
}

static void take(joiner *s, const term *t)
{
    if (t->from != NOBODY)
        s->gone[t->from] = true;
    if (t->square != NOBODY)
        s->gone[t->square] = true;
}

static void replace(instruction *in, form kind, const term *a, const term *b, float sign)
{
    in->form = kind;
    in->sign = sign;
    in->operands = 4;
    in->operand[0] = a->array;
    in->operand[1] = a->number;
    in->operand[2] = b->array;
    in->operand[3] = b->number;
}

/* x + number, where x is a product. */
static bool join_affine(joiner *s, int i, bool subtract)
{
    instruction *in = &s->list[i];
    int number = is_number(&in->operand[1]) ? 1 : is_number(&in->operand[0]) ? 0 : -1;
    if (number < 0 || subtract)
        return false;
    term t = term_of(s, i, 1 - number, false);
    if (!t.good || t.from == NOBODY)
        return false;
    operand plus = in->operand[number];
    take(s, &t);
    in->form = AFFINE;
    in->operands = 3;
    in->operand[0] = t.array;
    in->operand[1] = t.number;
    in->operand[2] = plus;
    return true;
}

static void join_sum(joiner *s, int i)
{
    instruction *in = &s->list[i];
    bool add = in->map2 == s->k->add, subtract = in->map2 == s->k->sub;
    if (in->form != MAP2 || in->narrow || (!add && !subtract) || join_affine(s, i, subtract))
        return;
    term a = term_of(s, i, 0, add), b = term_of(s, i, 1, true);
    if (a.square != NOBODY && b.square != NOBODY)
        a = term_of(s, i, 0, false);
    if (a.square != NOBODY) { /* the square comes second */
        term swap = a;
        a = b;
        b = swap;
    }
    if (!a.good || !b.good || (a.from == NOBODY && b.from == NOBODY))
        return;
    take(s, &a);
    take(s, &b);
    replace(in, b.square != NOBODY ? COMBINE_SQUARE : COMBINE, &a, &b, subtract ? -1 : 1);
}

int cairn__cpu_join(instruction *list, int n, const cairn__vectormath *k)
{
    joiner s = {.list = list, .n = n, .k = k};
    int kept = 0;
    if (n > MOST)
        return n;
    find_producers(&s);
    for (int i = 0; i < n; i++)
        join_sum(&s, i);
    for (int i = 0; i < n; i++)
        if (!s.gone[i])
            list[kept++] = list[i];
    return kept;
}
