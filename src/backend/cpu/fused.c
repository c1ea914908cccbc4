/* Running element-wise programs.
 *
 *     for each tile:   stage   operands that are not f32 in order are brought into wide registers
 *                      run     each instruction is one call of a kernel over the tile
 *                      store   f32 results are computed in place; others are converted behind
 *                              their instruction, since a later one may take the register
 *
 * A tile is TILE elements, or as many whole rows as fit. With one row in a tile a value for each
 * row is a plain number; with several it is spread over a wide register before use.
 *
 * An operand that repeats itself (a bias, the scale of a norm) needs no staging for each tile: a
 * tile is a multiple of its period, so that one copy serves all tiles of a run; or a long period
 * is a multiple of tiles, and the operand is read where it is. */
#include "backend/cpu/fused_program.h"

#include <string.h>

enum { TILE = 1024, ALIGN = 16 /* floats */ };

/* An operand that must be converted or picked by strides first. */
typedef struct staged {
    const cairn__access *access;
    const void *base;
    int result; /* wide register */
    bool once;  /* the same for every tile of a run but the last, which may be shorter */
} staged;

struct cairn__cpu_fused {
    const cairn__vectormath *k;
    int64_t rows, row; /* row 0: no rows */
    int64_t tile_units, tile;
    int64_t period; /* of an operand longer than a tile, which tiles may not cross; or 0 */
    int wide, narrow;
    instruction *instruction;
    staged *staged;
    int instructions, n_staged;
};

/* ---- resolving ------------------------------------------------------------------------------- */

static const struct {
    const cairn_op *op;
    size_t kernel, right, left;
    form form;
} kernels[] = {
#define CAIRN_X(name) {&cairn__op_##name, offsetof(cairn__vectormath, name), 0, 0, MAP1},
    CAIRN__UNARY_KERNELS(CAIRN_X)
#undef CAIRN_X
#define CAIRN_X(name)                                                                              \
    {&cairn__op_##name, offsetof(cairn__vectormath, name),                                         \
     offsetof(cairn__vectormath, name##_right), offsetof(cairn__vectormath, name##_left), MAP2},
    CAIRN__BINARY_KERNELS(CAIRN_X)
#undef CAIRN_X
#define CAIRN_X(name) {&cairn__op_##name, offsetof(cairn__vectormath, name), 0, 0, FOLD},
    CAIRN__ROW_KERNELS(CAIRN_X)
#undef CAIRN_X
    {&cairn__op_select, 0, 0, 0, SELECT},
};

static bool find_kernel(const cairn__vectormath *k, const cairn_op *op, instruction *in,
                        cairn_status *status)
{
    for (size_t i = 0; i < CAIRN__COUNT(kernels); i++) {
        if (kernels[i].op != op)
            continue;
        const char *table = (const char *)k;
        in->form = kernels[i].form;
        if (in->form == MAP1)
            memcpy(&in->map1, table + kernels[i].kernel, sizeof in->map1);
        if (in->form == FOLD)
            memcpy(&in->fold, table + kernels[i].kernel, sizeof in->fold);
        if (in->form == MAP2) {
            memcpy(&in->map2, table + kernels[i].kernel, sizeof in->map2);
            memcpy(&in->right, table + kernels[i].right, sizeof in->right);
            memcpy(&in->left, table + kernels[i].left, sizeof in->left);
        }
        return true;
    }
    return cairn__fail(status, CAIRN_ERR_STATE, "no element-wise kernel for '%s'", op->name);
}

static operand resolve(const cairn__fused *plan, const cairn__operand *o,
                       const int *staged_in, cairn__address_of *address, const void *context)
{
    switch (o->kind) {
    case CAIRN__WIDE: return (operand){.from = FROM_WIDE, .index = o->index};
    case CAIRN__NARROW: return (operand){.from = FROM_NARROW, .index = o->index};
    case CAIRN__HEAD: return (operand){.from = FROM_HEAD};
    case CAIRN__NO_OPERAND:
    case CAIRN__IMMEDIATE: return (operand){.from = FROM_NUMBER, .number = o->immediate};
    case CAIRN__LOADED: break;
    }
    const cairn__access *a = &plan->access[o->index];
    void *base = address(context, a->value);
    if (a->kind == CAIRN__SINGLE)
        return (operand){.from = FROM_SINGLE,
                         .single = (char *)base + (size_t)a->offset * cairn_dtype_bytes(a->dtype),
                         .dtype = a->dtype};
    if (staged_in[o->index] >= 0)
        return (operand){.from = a->kind == CAIRN__ROW ? FROM_NARROW : FROM_WIDE,
                         .index = staged_in[o->index]};
    if (a->kind == CAIRN__STRIDED)
        return (operand){.from = FROM_PERIOD, .base = (const float *)base + a->offset};
    return (operand){.from = a->kind == CAIRN__ROW ? FROM_ROWS : FROM_MEMORY, .base = base};
}

/* The period of an operand that repeats its innermost elements, all of them side by side, or 0. */
static int64_t period_of(const cairn__access *a)
{
    return a->kind == CAIRN__STRIDED && a->rank == 2 && a->stride[0] == 0 && a->stride[1] == 1
               ? a->size[1]
               : 0;
}

/* Tiles that suit operands which repeat themselves: of the first such operand. */
static void choose_tile(cairn__cpu_fused *f, const cairn__fused *plan)
{
    f->tile_units = plan->row ? CAIRN__MAX(TILE / plan->row, (int64_t)1) : TILE;
    for (int i = 0; i < plan->accesses; i++) {
        const int64_t period = period_of(&plan->access[i]);
        if (period && !plan->row && period <= TILE) {
            f->tile_units = TILE / period * period;
            break;
        }
        if (period > TILE && (!plan->row || plan->row == period)) {
            f->period = period;
            /* Equal parts: a last short one would cost as many calls. */
            const int64_t parts = (period + TILE - 1) / TILE;
            if (!plan->row)
                f->tile_units = ((period + parts - 1) / parts + ALIGN - 1) / ALIGN * ALIGN;
            break;
        }
    }
    f->tile = plan->row ? f->tile_units * plan->row : f->tile_units;
}

/* Registers for operands that cannot be read where they are. */
static void stage(cairn__cpu_fused *f, const cairn__fused *plan, int *staged_in,
                  cairn__address_of *address, const void *context)
{
    for (int i = 0; i < plan->accesses; i++) {
        const cairn__access *a = &plan->access[i];
        staged_in[i] = -1;
        if (a->kind == CAIRN__SINGLE ||
            (a->dtype == CAIRN_F32 && (a->kind == CAIRN__FULL || a->kind == CAIRN__ROW)))
            continue;
        const int64_t period = period_of(a);
        if (a->dtype == CAIRN_F32 && period && period == f->period)
            continue;
        staged_in[i] = a->kind == CAIRN__ROW ? f->narrow++ : f->wide++;
        f->staged[f->n_staged++] = (staged){a, address(context, a->value), staged_in[i],
                                            period && !f->period && f->tile % period == 0};
    }
}

/* Operands of wide instructions that hold one value a row need room to be spread, unless a tile is
 * a single row. So do numbers where a kernel takes arrays only. */
static void reserve_spare(cairn__cpu_fused *f, instruction *in)
{
    for (int j = 0; j < in->operands; j++)
        in->spare[j] = f->wide++;
}

static void resolve_store(const cairn__fused *plan, int index, instruction *in,
                          cairn__address_of *address, const void *context)
{
    const cairn__store *s = &plan->store[index];
    void *to = address(context, s->value);
    if (s->dtype == CAIRN_F32)
        in->direct = to;
    else
        in->small = to;
    in->small_bool = s->dtype == CAIRN_BOOL;
}

static bool resolve_all(cairn__cpu_fused *f, const cairn__fused *plan, int *staged_in,
                        cairn__address_of *address, const void *context, cairn_status *status)
{
    stage(f, plan, staged_in, address, context);
    for (int i = 0; i < plan->instructions; i++) {
        const cairn__instruction *from = &plan->instruction[i];
        instruction *in = &f->instruction[f->instructions++];
        if (!find_kernel(f->k, from->op, in, status))
            return false;
        in->narrow = from->result.kind == CAIRN__NARROW;
        in->operands = from->operands;
        in->result = from->result.index;
        for (int j = 0; j < from->operands; j++)
            in->operand[j] = resolve(plan, &from->operand[j], staged_in, address, context);
        if (from->store >= 0)
            resolve_store(plan, from->store, in, address, context);
    }
    f->instructions = cairn__cpu_join(f->instruction, f->instructions, f->k);
    int registers = f->wide; /* spare ones are shared by all instructions */
    for (int i = 0; i < f->instructions; i++) {
        int before = f->wide;
        f->wide = registers;
        reserve_spare(f, &f->instruction[i]);
        f->wide = CAIRN__MAX(before, f->wide);
    }
    return true;
}

cairn__cpu_fused *cairn__cpu_fused_new(const cairn__fused *plan, cairn__isa_level level,
                                       cairn__address_of *address, const void *context,
                                       cairn_status *status)
{
    cairn__cpu_fused *f = cairn__alloc(1, sizeof *f, status);
    int *staged_in = cairn__alloc((size_t)plan->accesses, sizeof *staged_in, status);
    if (f && staged_in) {
        f->k = cairn__vectormath_at(level);
        f->rows = plan->rows;
        f->row = plan->row;
        choose_tile(f, plan);
        f->wide = plan->wide;
        f->narrow = plan->narrow;
        f->instruction =
            cairn__alloc((size_t)plan->instructions, sizeof *f->instruction, status);
        f->staged = cairn__alloc((size_t)plan->accesses, sizeof *f->staged, status);
    }
    bool good = f && f->instruction && f->staged && staged_in &&
                resolve_all(f, plan, staged_in, address, context, status);
    cairn__free(staged_in);
    if (good)
        return f;
    cairn__cpu_fused_free(f);
    return NULL;
}

void cairn__cpu_fused_free(cairn__cpu_fused *f)
{
    if (!f)
        return;
    cairn__free(f->instruction);
    cairn__free(f->staged);
    cairn__free(f);
}

static int64_t padded(int64_t n)
{
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

size_t cairn__cpu_fused_scratch(const cairn__cpu_fused *f)
{
    int64_t floats = f->wide * padded(f->tile) + f->narrow * padded(f->tile_units);
    size_t pointers = (size_t)(f->wide + f->narrow) * sizeof(float *);
    size_t numbers = OPERANDS * (size_t)f->instructions * sizeof(float);
    return (size_t)floats * sizeof(float) + pointers + numbers;
}

int64_t cairn__cpu_fused_unit(const cairn__cpu_fused *f)
{
    return CAIRN__MAX(f->row, (int64_t)1);
}

int64_t cairn__cpu_fused_piece(const cairn__cpu_fused *f)
{
    enum { ELEMENTS = 16 * TILE };
    if (f->period && !f->row)
        return CAIRN__MAX(ELEMENTS / f->period, (int64_t)1) * f->period;
    int64_t tiles = CAIRN__MAX(ELEMENTS / f->tile, (int64_t)1);
    return tiles * f->tile_units;
}

/* ---- staging --------------------------------------------------------------------------------- */

static void convert(const cairn__vectormath *k, float *out, cairn_dtype dtype, const void *from,
                    int64_t first, int64_t n)
{
    switch (dtype) {
    case CAIRN_F32: memcpy(out, (const float *)from + first, (size_t)n * sizeof *out); break;
    case CAIRN_I32: k->from_i32(out, (const int32_t *)from + first, n); break;
    case CAIRN_U8:
    case CAIRN_BOOL: k->from_u8(out, (const uint8_t *)from + first, n); break;
    }
}

static float convert_one(cairn_dtype dtype, const void *from)
{
    switch (dtype) {
    case CAIRN_F32: return *(const float *)from;
    case CAIRN_I32: return (float)*(const int32_t *)from;
    case CAIRN_U8:
    case CAIRN_BOOL: return (float)*(const uint8_t *)from;
    }
    return 0;
}

/* n elements along the innermost axis, `stride` apart in memory. */
static void pick_run(const cairn__vectormath *k, float *out, cairn_dtype dtype, const void *base,
                     int64_t from, int64_t stride, int64_t n)
{
    size_t size = cairn_dtype_bytes(dtype);
    const char *at = (const char *)base + (size_t)from * size;
    if (stride == 1)
        convert(k, out, dtype, base, from, n);
    else if (stride == 0)
        k->fill(out, convert_one(dtype, at), n);
    else if (dtype == CAIRN_F32)
        for (int64_t i = 0; i < n; i++)
            out[i] = ((const float *)(const void *)at)[i * stride];
    else
        for (int64_t i = 0; i < n; i++)
            out[i] = convert_one(dtype, at + (size_t)(i * stride) * size);
}

/* Elements first .. first+n of a strided access: counts through the axes like an odometer. */
static void pick(const cairn__vectormath *k, float *out, const cairn__access *a, const void *base,
                 int64_t first, int64_t n)
{
    int64_t index[CAIRN_MAX_RANK], from = a->offset, rest = first;
    int inner = a->rank - 1;
    for (int i = inner; i >= 0; i--) {
        index[i] = rest % a->size[i];
        rest /= a->size[i];
        from += index[i] * a->stride[i];
    }
    while (n > 0) {
        int64_t run = CAIRN__MIN(n, a->size[inner] - index[inner]);
        pick_run(k, out, a->dtype, base, from, a->stride[inner], run);
        out += run;
        n -= run;
        index[inner] += run;
        from += run * a->stride[inner];
        for (int i = inner; i > 0 && index[i] == a->size[i]; i--) {
            from += a->stride[i - 1] - a->size[i] * a->stride[i];
            index[i] = 0;
            index[i - 1]++;
        }
    }
}

/* ---- running --------------------------------------------------------------------------------- */

typedef struct tile {
    const cairn__cpu_fused *f;
    int64_t first_unit, units, first, n; /* units and elements of the tile */
    int64_t phase; /* of the first element in the period */
    bool begins;   /* the first tile of a run */
    float *wide_room, *narrow_room;
    float **wide, **narrow; /* where each register is now */
    const float *numbers;   /* single elements, OPERANDS for each instruction */
    const float *head;
} tile;

static float *wide_room(const tile *t, int r)
{
    return t->wide_room + r * padded(t->f->tile);
}

static float *narrow_room(const tile *t, int r)
{
    return t->narrow_room + r * padded(t->f->tile_units);
}

/* One operand of one instruction in this tile: an array, or else a number. */
typedef struct argument {
    const float *array;
    float number;
} argument;

static argument spread(const tile *t, const float *narrow, int spare)
{
    if (t->units == 1)
        return (argument){NULL, narrow[0]};
    float *out = wide_room(t, spare);
    for (int64_t r = 0; r < t->units; r++)
        t->f->k->fill(out + r * t->f->row, narrow[r], t->f->row);
    return (argument){out, 0};
}

static argument find(const tile *t, const instruction *in, int index, int j)
{
    const operand *o = &in->operand[j];
    bool wide = !in->narrow || in->form == FOLD;
    switch (o->from) {
    case FROM_WIDE: return (argument){t->wide[o->index], 0};
    case FROM_MEMORY: return (argument){o->base + t->first, 0};
    case FROM_PERIOD: return (argument){o->base + t->phase, 0};
    case FROM_HEAD: return (argument){t->head + t->first, 0};
    case FROM_NUMBER: return (argument){NULL, o->number};
    case FROM_SINGLE: return (argument){NULL, t->numbers[OPERANDS * index + j]};
    case FROM_NARROW:
    case FROM_ROWS: break;
    }
    const float *narrow = o->from == FROM_NARROW ? t->narrow[o->index] : o->base + t->first_unit;
    return wide ? spread(t, narrow, in->spare[j]) : (argument){narrow, 0};
}

/* The array of an argument; a number is written out first. */
static const float *as_array(const tile *t, const instruction *in, argument a, int j, int64_t n)
{
    if (a.array)
        return a.array;
    float *out = wide_room(t, in->spare[j]);
    t->f->k->fill(out, a.number, n);
    return out;
}

static void run_fold(const tile *t, const instruction *in, argument a, float *out)
{
    const float *from = as_array(t, in, a, 0, t->n);
    for (int64_t r = 0; r < t->units; r++)
        out[r] = in->fold(from + r * t->f->row, t->f->row);
}

static void run_instruction(tile *t, const instruction *in, int index)
{
    argument a[OPERANDS];
    int64_t n = in->narrow ? t->units : t->n;
    float *out = in->narrow ? narrow_room(t, in->result) : wide_room(t, in->result);
    if (in->direct)
        out = in->direct + (in->narrow ? t->first_unit : t->first);
    for (int j = 0; j < in->operands; j++)
        a[j] = find(t, in, index, j);
    switch (in->form) {
    case MAP1: in->map1(out, as_array(t, in, a[0], 0, n), n); break;
    case FOLD: run_fold(t, in, a[0], out); break;
    case MAP2:
        if (a[0].array && a[1].array)
            in->map2(out, a[0].array, a[1].array, n);
        else if (a[0].array)
            in->right(out, a[0].array, a[1].number, n);
        else
            in->left(out, a[0].number, as_array(t, in, a[1], 1, n), n);
        break;
    case COMBINE:
        t->f->k->combine(out, a[0].array, a[1].number, a[2].array, in->sign * a[3].number, n);
        break;
    case COMBINE_SQUARE:
        t->f->k->combine_square(out, a[0].array, a[1].number, a[2].array, in->sign * a[3].number,
                                n);
        break;
    case AFFINE: t->f->k->affine(out, a[0].array, a[1].number, a[2].number, n); break;
    case SELECT:
        t->f->k->select(out, as_array(t, in, a[0], 0, n), as_array(t, in, a[1], 1, n),
                        as_array(t, in, a[2], 2, n), n);
        break;
    }
    (in->narrow ? t->narrow : t->wide)[in->result] = out;
    if (in->small)
        (in->small_bool ? t->f->k->to_bool : t->f->k->to_u8)(
            in->small + (in->narrow ? t->first_unit : t->first), out, n);
}

static void run_tile(tile *t)
{
    const cairn__cpu_fused *f = t->f;
    for (int i = 0; i < f->n_staged; i++) {
        const staged *s = &f->staged[i];
        bool rows = s->access->kind == CAIRN__ROW;
        float *out = rows ? narrow_room(t, s->result) : wide_room(t, s->result);
        (rows ? t->narrow : t->wide)[s->result] = out;
        if (s->once && !t->begins)
            continue;
        if (rows)
            convert(f->k, out, s->access->dtype, s->base, t->first_unit, t->units);
        else if (s->access->kind == CAIRN__FULL)
            convert(f->k, out, s->access->dtype, s->base, t->first, t->n);
        else
            pick(f->k, out, s->access, s->base, t->first, t->n);
    }
    for (int i = 0; i < f->instructions; i++)
        run_instruction(t, &f->instruction[i], i);
}

void cairn__cpu_fused_run(const cairn__cpu_fused *f, int64_t first, int64_t count,
                          const float *head, void *scratch)
{
    tile t = {.f = f, .head = head, .wide_room = scratch};
    float *numbers;
    t.narrow_room = t.wide_room + f->wide * padded(f->tile);
    t.wide = (float **)(void *)(t.narrow_room + f->narrow * padded(f->tile_units));
    t.narrow = t.wide + f->wide;
    t.numbers = numbers = (float *)(void *)(t.narrow + f->narrow);
    for (int i = 0; i < f->instructions; i++)
        for (int j = 0; j < f->instruction[i].operands; j++)
            if (f->instruction[i].operand[j].from == FROM_SINGLE)
                numbers[OPERANDS * i + j] = convert_one(f->instruction[i].operand[j].dtype,
                                                 f->instruction[i].operand[j].single);
    int64_t unit = cairn__cpu_fused_unit(f);
    for (int64_t u = first; u < first + count; u += t.units) {
        t.begins = u == first;
        t.first_unit = u;
        t.units = CAIRN__MIN(f->tile_units, first + count - u);
        t.first = u * unit;
        if (f->period && !f->row) {
            t.phase = u % f->period;
            t.units = CAIRN__MIN(t.units, f->period - t.phase);
        }
        t.n = t.units * unit;
        run_tile(&t);
    }
}
