/* Allocation, counted and made to fail on request by tests; arenas on top of it. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/base.h"

static atomic_llong calls;
static atomic_llong calls_to_failure; /* counts down; 0: never */

int64_t cairn__alloc_count(void)
{
    return atomic_load_explicit(&calls, memory_order_relaxed);
}

void cairn__alloc_fail_after(int64_t n)
{
    atomic_store(&calls_to_failure, n);
}

/* Counts one call; false when this one was chosen to fail. */
static bool permitted(void)
{
    atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
    if (atomic_load_explicit(&calls_to_failure, memory_order_relaxed) <= 0)
        return true;
    return atomic_fetch_sub(&calls_to_failure, 1) != 1;
}

static size_t product(size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes) || bytes > PTRDIFF_MAX)
        return SIZE_MAX;
    return bytes ? bytes : 1;
}

void *cairn__alloc(size_t n, size_t size, cairn_status *status)
{
    if (!cairn_ok(status))
        return NULL;
    size_t bytes = product(n, size);
    void *memory = permitted() && bytes != SIZE_MAX ? calloc(1, bytes) : NULL;
    if (!memory)
        cairn__fail_memory(status, bytes);
    return memory;
}

void *cairn__resize(void *old, size_t n, size_t size, cairn_status *status)
{
    if (!cairn_ok(status))
        return NULL;
    size_t bytes = product(n, size);
    void *memory = permitted() && bytes != SIZE_MAX ? realloc(old, bytes) : NULL;
    if (!memory)
        cairn__fail_memory(status, bytes);
    return memory;
}

/* From 1 MB on in whole pages of 2 MB: a page costs one interruption instead of 512. */
void *cairn__alloc_aligned(size_t bytes, cairn_status *status)
{
    const size_t huge = (size_t)2 << 20;
    if (!cairn_ok(status))
        return NULL;
    size_t alignment = bytes >= huge / 2 ? huge : 64;
    void *memory = NULL;
    if (!permitted() || bytes > PTRDIFF_MAX - huge ||
        posix_memalign(&memory, alignment, (bytes + alignment - 1) / alignment * alignment)) {
        cairn__fail_memory(status, bytes);
        return NULL;
    }
#ifdef MADV_HUGEPAGE
    /* Only advice: a refusal costs speed at the first touch and nothing else. */
    if (alignment == huge)
        madvise(memory, (bytes + huge - 1) / huge * huge, MADV_HUGEPAGE);
#endif
    return memory;
}

void cairn__free(void *memory)
{
    free(memory);
}

/* ---- arenas ---------------------------------------------------------------------------------- */

typedef struct cairn__arena_block {
    struct cairn__arena_block *before;
    size_t used, size;
    _Alignas(max_align_t) char bytes[];
} block;

static block *block_for(cairn__arena *arena, size_t bytes, cairn_status *status)
{
    block *last = arena->last;
    if (last && last->size - last->used >= bytes)
        return last;
    size_t size = last ? 2 * last->size : 4096;
    size = CAIRN__MAX(size, bytes);
    block *new = cairn__alloc(1, sizeof *new + size, status);
    if (!new)
        return NULL;
    new->before = last;
    new->size = size;
    arena->last = new;
    return new;
}

void *cairn__arena_alloc(cairn__arena *arena, size_t n, size_t size, cairn_status *status)
{
    if (!cairn_ok(status))
        return NULL;
    const size_t unit = _Alignof(max_align_t);
    size_t bytes = product(n, size);
    if (bytes > PTRDIFF_MAX / 4) {
        cairn__fail_memory(status, bytes);
        return NULL;
    }
    bytes = (bytes + unit - 1) / unit * unit;
    block *from = block_for(arena, bytes, status);
    if (!from)
        return NULL;
    void *memory = from->bytes + from->used;
    from->used += bytes;
    return memory;
}

char *cairn__arena_text(cairn__arena *arena, cairn_status *status, const char *format, ...)
{
    /* Most texts are names: they fit here and are formatted once. */
    char small[256];
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(small, sizeof small, format, arguments);
    va_end(arguments);
    char *text = cairn__arena_alloc(arena, (size_t)length + 1, 1, status);
    if (text && (size_t)length < sizeof small)
        memcpy(text, small, (size_t)length + 1);
    else if (text)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

void cairn__arena_free(cairn__arena *arena)
{
    for (block *b = arena->last, *before; b; b = before) {
        before = b->before;
        cairn__free(b);
    }
    arena->last = NULL;
}
