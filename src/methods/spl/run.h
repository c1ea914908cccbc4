/* A classifier that is pre-trained on sub-pseudo labels: the options of `cairn train spl`, its
 * network, and the problems of its stages, shared with the experiments behind the claims. */
#ifndef CAIRN_SRC_SPL_RUN_H
#define CAIRN_SRC_SPL_RUN_H

#include "cairn/optim.h"
#include "cairn/spl.h"
#include "methods/method.h"

typedef enum cairn__spl_network {
    CAIRN__SPL_AUTO,
    CAIRN__SPL_MLP,
    CAIRN__SPL_CONV
} cairn__spl_network;

typedef struct cairn__spl_model {
    int network;                  /* cairn__spl_network */
    char layers[CAIRN_TEXT_SIZE]; /* hidden sizes, or channels; empty: by the network */
    double learning_rate, momentum, weight_decay;
    double fine_factor; /* of the rate, for what was pre-trained, while it is fine-tuned */
} cairn__spl_model;

/* Where the weakly labelled items come from. */
typedef struct cairn__spl_source {
    char weak[CAIRN_TEXT_SIZE];
    int64_t weak_skip, weak_limit;
    double weak_noise_rate;
    char weak_noise_pairs[CAIRN_TEXT_SIZE];
    int64_t picture_size, clip_frames, clip_stride, clips;
} cairn__spl_source;

typedef enum cairn__spl_until { CAIRN__SPL_END, CAIRN__SPL_UNTIL_LABELS } cairn__spl_until;

typedef struct cairn__spl_lengths {
    char teacher[CAIRN_TEXT_SIZE]; /* a model.safetensors; empty: one is trained */
    cairn_span teacher_length, pretrain_length;
    int until; /* cairn__spl_until */
} cairn__spl_lengths;

typedef struct cairn__spl_run {
    cairn__spl_model model;
    cairn__spl_source source;
    cairn_spl_options space;
    cairn__spl_lengths lengths;
} cairn__spl_run;

extern const cairn__method_section cairn__spl_sections[];
extern const cairn__preparation cairn__spl_preparation;

cairn__spl_run cairn__spl_run_defaults(void);
bool cairn__spl_run_check(const void *run, const cairn_dataset *data, cairn_status *status);

/* The clean examples; and those with weak labels, numbered as in `clean` by the names of their
 * classes where both have names. The caller frees them. */
cairn_dataset *cairn__spl_open(const void *run, const cairn_data_options *options,
                               cairn_status *status);
cairn_dataset *cairn__spl_open_weak(const cairn__spl_run *run, const cairn_dataset *clean,
                                    const cairn_data_options *options, cairn_status *status);

/* A network from scratch, as for teacher and pre-training (`run` is borrowed); and with what was
 * pre-trained at a smaller rate than the head: the problem of the run itself. */
void cairn__spl_scratch_problem(const void *run, cairn_problem *problem);
void cairn__spl_run_problem(const void *run, cairn_problem *problem);

/* The network of the data for `batch` items: its input, logits for each class of the data, and the
 * last feature map (graph == NULL: it has none). */
typedef struct cairn__spl_built {
    cairn_tensor x, logits, features;
    bool good; /* false: the graph is in error */
} cairn__spl_built;
cairn__spl_built cairn__spl_build(const cairn__spl_run *run, cairn_graph *g,
                                  const cairn_dataset *data, int64_t batch);

/* The parameters of the last layer are below this. */
#define CAIRN__SPL_HEAD "head"

/* What the pages of a run show (report.c). */

/* Pictures of items with the Grad-CAM maps of the classes that `label` gives them, for the largest
 * classes; nothing where the network has no maps or the items are no pictures. */
bool cairn__spl_report_maps(const cairn__spl_run *run, const cairn_graph *trained,
                            const cairn_dataset *data, cairn_report *report, cairn_status *status);

/* What is known before pre-training: the matrix as pictures, the classes, what each row agrees in,
 * the largest cells off the diagonal with items. counts: [N, N] */
typedef struct cairn__spl_labelled {
    const cairn_dataset *weak; /* its labels are the weak ones */
    const int32_t *teacher;
    const double *confidence;
    const int64_t *counts;
    const cairn_spl_space *space;
    double teacher_accuracy; /* on clean test items; NaN: there are none */
} cairn__spl_labelled;
void cairn__spl_report_labels(const cairn__spl_labelled *labelled, cairn_report *report);

/* Item `index` of the training split as RGB, height x width; a clip by its middle frame. False
 * where items are no pictures. pixels may be NULL: the size alone. */
bool cairn__spl_item_picture(const cairn_dataset *data, int64_t index, int64_t *height,
                             int64_t *width, uint8_t *pixels);

/* Measures the claims: the `reproduce` of the method. */
int cairn__spl_reproduce(const cairn__reproduction *r, cairn_report_claim *claims, int most,
                         cairn_status *status);

#endif
