/* Cairn, generate: tokens drawn from logits. */
#ifndef CAIRN_GENERATE_H
#define CAIRN_GENERATE_H

#include "cairn/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Candidates are the top_k most likely tokens, of equal ones the lower; of these the fewest whose
 * share of their probability is at least top_p; one of them is drawn by its probability in
 * softmax(logits / temperature). Temperature 0 takes the most likely one.
 * Source of top_p: Holtzman et al. 2020. arXiv:1904.09751 */
typedef struct cairn_sampling_options {
    double temperature;
    int64_t top_k; /* 0: all */
    double top_p;
    int64_t seed;
} cairn_sampling_options;

CAIRN_API extern const cairn_option cairn_sampling_table[];
CAIRN_API cairn_sampling_options cairn_sampling_defaults(void);

typedef struct cairn_sampler cairn_sampler;

/* options: copied; NULL for the defaults. The caller owns the result: cairn_sampler_free().
 * Errors: CAIRN_ERR_VALUE, CAIRN_ERR_MEMORY. */
CAIRN_API cairn_sampler *cairn_sampler_new(int64_t vocabulary,
                                           const cairn_sampling_options *options,
                                           cairn_status *status);
CAIRN_API void cairn_sampler_free(cairn_sampler *sampler);

/* The token for logits [vocabulary]. It depends on these, the options, and the two numbers only:
 * say the row of a batch and the place in its text. */
CAIRN_API int32_t cairn_sampler_draw(cairn_sampler *sampler, const float *logits, int64_t row,
                                     int64_t place);

#ifdef __cplusplus
}
#endif

#endif
