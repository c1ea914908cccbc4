/* Which instruction set this process uses. */
#include "base/isa.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"baseline", "avx2", "avx512"};

const char *cairn__isa_name(cairn__isa_level level)
{
    return names[level];
}

bool cairn__isa_supported(cairn__isa_level level)
{
#ifdef __x86_64__
    __builtin_cpu_init();
    /* These ask for the operating system's support of the wide registers too. */
    switch (level) {
    case CAIRN__ISA_BASELINE: return true;
    case CAIRN__ISA_AVX2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case CAIRN__ISA_AVX512:
        return cairn__isa_supported(CAIRN__ISA_AVX2) && __builtin_cpu_supports("avx512f") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl");
    default: return false;
    }
#else
    return level == CAIRN__ISA_BASELINE;
#endif
}

static cairn__isa_level detect(void)
{
    int best = CAIRN__ISA_LEVELS - 1;
    while (!cairn__isa_supported((cairn__isa_level)best))
        best--;
    const char *wish = getenv("CAIRN_ISA");
    for (int level = 0; wish && level < best; level++)
        if (strcmp(wish, names[level]) == 0)
            best = level;
    return (cairn__isa_level)best;
}

cairn__isa_level cairn__isa(void)
{
    /* 0 is "not yet"; threads that meet here at the start all find the same. */
    static atomic_int found;
    int level = atomic_load_explicit(&found, memory_order_relaxed);
    if (!level) {
        level = (int)detect() + 1;
        atomic_store_explicit(&found, level, memory_order_relaxed);
    }
    return (cairn__isa_level)(level - 1);
}
