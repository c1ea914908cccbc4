/* What PaLM's training costs: see cairn/palm.h. Source: Chowdhery et al. 2022, section 4.1 and
 * appendix B. */
#include <math.h>

#include "methods/palm/model.h"

int64_t cairn_palm_parameters(const cairn_palm_options *o)
{
    int64_t d = o->width, q = o->heads * o->head_size;
    int64_t kv = cairn__palm_kv_heads(o) * o->head_size;
    int64_t block = 2 * d * q + 2 * d * kv + (o->gated ? 3 : 2) * d * cairn__palm_hidden(o);
    return o->layers * block + o->vocabulary * d;
}

cairn_palm_work cairn_palm_work_of(const cairn_palm_options *o, int64_t tokens, double recomputed,
                                   double attention_recomputed)
{
    double n = (double)cairn_palm_parameters(o);
    double products = (double)o->layers * (double)o->heads * (double)o->head_size * (double)tokens;
    cairn_palm_work w = {.parameters = n, .attention = 12 * products};
    w.model = 6 * n + w.attention;
    w.hardware = w.model + recomputed * 2 * n + attention_recomputed * 4 * products;
    return w;
}

double cairn_palm_utilisation(double work, double tokens_per_second, double peak)
{
    return peak > 0 ? tokens_per_second * work / peak : NAN;
}
