/* A classifier that is pre-trained on sub-pseudo labels: options, network, problems. */
#include "methods/spl/run.h"

#include <stdio.h>
#include <string.h>

#include "cairn/loss.h"
#include "data/data.h"
#include "graph/graph.h"
#include "methods/layers.h"

/* ---- options --------------------------------------------------------------------------------- */

static const char *const networks[] = {"auto", "mlp", "conv", NULL};
static const char *const untils[] = {"end", "labels", NULL};

#define M cairn__spl_model
static const cairn_option model_table[] = {
    CAIRN_OPT_CHOICE(M, network, CAIRN__SPL_AUTO, networks,
                     "dense layers, or convolutions of pictures and clips; auto: by the data", ""),
    CAIRN_OPT_TEXT(M, layers, "",
                   "hidden sizes or channels; empty: 128,64 of mlp and 16,32,64 of conv", ""),
    CAIRN_OPT_REAL(M, learning_rate, 0.05, 0, 100, "step size at the start of each stage", ""),
    CAIRN_OPT_REAL(M, momentum, 0.9, 0, 1, "of the optimiser, whose schedule is a cosine", ""),
    CAIRN_OPT_REAL(M, weight_decay, 0, 0, 1, "coupled weight decay", ""),
    CAIRN_OPT_REAL(M, fine_factor, 0.1, 0, 1,
                   "fine-tuning moves what was pre-trained at this share of the rate", ""),
    CAIRN_OPT_END,
};
#undef M

#define S cairn__spl_source
static const cairn_option source_table[] = {
    CAIRN_OPT_PATH(S, weak, "",
                   "items with weak labels: class folders of pictures or videos, IDX, CSV", ""),
    CAIRN_OPT_COUNT(S, weak_skip, 0, 0, 1e15,
                    "leave out the first so many weak items, such as the clean ones", ""),
    CAIRN_OPT_COUNT(S, weak_limit, 0, 0, 1e15, "use so many weak items; 0: all", ""),
    CAIRN_OPT_REAL(S, weak_noise_rate, 0, 0, 1,
                   "for experiments: share of the weak labels that weak_noise_pairs changes", ""),
    CAIRN_OPT_TEXT(S, weak_noise_pairs, "", "which class becomes which: from>to,from>to", ""),
    CAIRN_OPT_COUNT(S, picture_size, 32, 4, 1024,
                    "sides to which pictures and frames of folders are brought", ""),
    CAIRN_OPT_COUNT(S, clip_frames, 8, 1, 256, "frames of a clip", ""),
    CAIRN_OPT_COUNT(S, clip_stride, 1, 1, 1024, "frames from one of them to the next", ""),
    CAIRN_OPT_COUNT(S, clips, 4, 1, 1024, "clips cut from each weakly labelled video", ""),
    CAIRN_OPT_END,
};
#undef S

#define L cairn__spl_lengths
static const cairn_option lengths_table[] = {
    CAIRN_OPT_PATH(L, teacher, "",
                   "model.safetensors of a teacher with this network; empty: trained", ""),
    CAIRN_OPT_SPAN(L, teacher_length, "30ep", "of the teacher's training, on the clean items", ""),
    CAIRN_OPT_SPAN(L, pretrain_length, "20ep", "of pre-training, on the weak items", ""),
    CAIRN_OPT_CHOICE(L, until, CAIRN__SPL_END, untils,
                     "labels: stop when the label space is made, with a page about it", ""),
    CAIRN_OPT_END,
};
#undef L

const cairn__method_section cairn__spl_sections[] = {
    {"model", model_table, offsetof(cairn__spl_run, model)},
    {"weak", source_table, offsetof(cairn__spl_run, source)},
    {"labels", cairn_spl_table, offsetof(cairn__spl_run, space)},
    {"stages", lengths_table, offsetof(cairn__spl_run, lengths)},
    {NULL, NULL, 0},
};

cairn__spl_run cairn__spl_run_defaults(void)
{
    cairn__spl_run run;
    for (const cairn__method_section *s = cairn__spl_sections; s->name; s++)
        cairn_options_defaults(s->table, (char *)&run + s->offset);
    return run;
}

/* ---- the network ----------------------------------------------------------------------------- */

/* Spatial sizes and channels of an item; 0 spatial axes: it is a row of numbers. */
typedef struct item_shape {
    int axes;
    int64_t size[3], channels;
    bool planes; /* channels first */
} item_shape;

static item_shape shape_of(const cairn_dataset *data)
{
    const cairn_field *f = cairn_dataset_field_at(data, CAIRN_SPLIT_TRAIN, 0);
    item_shape s = {.axes = 0, .channels = 1};
    if (strcmp(f->name, "image") != 0 || f->rank < 3 || f->rank > 5)
        return s;
    s.planes = f->rank == 4 && (f->shape[1] == 1 || f->shape[1] == 3);
    s.axes = f->rank == 5 ? 3 : 2;
    s.channels = f->rank == 3 ? 1 : s.planes ? f->shape[1] : f->shape[f->rank - 1];
    for (int i = 0; i < s.axes; i++)
        s.size[i] = f->shape[(s.planes ? 2 : 1) + i];
    return s;
}

static bool is_conv(const cairn__spl_run *run, const cairn_dataset *data)
{
    return run->model.network == CAIRN__SPL_CONV ||
           (run->model.network == CAIRN__SPL_AUTO && shape_of(data).axes > 0);
}

static int layer_sizes(const cairn__spl_run *run, bool conv, int64_t *sizes, cairn_status *status)
{
    const char *text = *run->model.layers ? run->model.layers : conv ? "16,32,64" : "128,64";
    return cairn__sizes_parse(text, sizes, CAIRN_MLP_LAYERS - 1, status);
}

/* x [B, elements] as [B, sizes.., channels]. */
static cairn_tensor as_pictures(cairn_tensor x, const item_shape *s)
{
    static const int channels_last[] = {0, 2, 3, 1};
    int64_t batch = cairn_tensor_shape(x).size[0];
    cairn_shape shape = {.rank = s->axes + 2, .size = {batch}};
    if (s->planes) {
        x = cairn_reshape(x, CAIRN_SHAPE(batch, s->channels, s->size[0], s->size[1]));
        return cairn_transpose(x, channels_last);
    }
    for (int i = 0; i < s->axes; i++)
        shape.size[i + 1] = s->size[i];
    shape.size[s->axes + 1] = s->channels;
    return cairn_reshape(x, shape);
}

/* Windows of 3 along each axis; pictures are halved by each layer, the time of clips from the
 * second on. Then the mean over all positions. */
static cairn_tensor add_convolutions(cairn_tensor x, const item_shape *s, const int64_t *channels,
                                     int n, cairn_tensor *features)
{
    unsigned positions = 0;
    x = as_pictures(x, s);
    for (int i = 0; i < n && !cairn__none(x); i++) {
        char name[24];
        cairn_conv_layer_options o = cairn_conv_layer_defaults(channels[i], 3);
        o.bias = true;
        for (int axis = 0; axis < s->axes; axis++)
            o.conv.stride[axis] = s->axes == 3 && axis == 0 && i == 0 ? 1 : 2;
        cairn_conv_same(&o.conv, cairn_tensor_shape(x), CAIRN_SHAPE(3, 3, 3));
        snprintf(name, sizeof name, "conv%d", i + 1);
        x = cairn_relu(cairn_conv_layer(x, name, &o));
    }
    *features = x;
    for (int axis = 0; axis < s->axes; axis++)
        positions |= CAIRN_AXIS(axis + 1);
    return cairn_reduce_mean(x, positions, false);
}

static cairn_tensor add_dense(cairn_tensor x, const int64_t *units, int n)
{
    for (int i = 0; i < n; i++) {
        char name[24];
        cairn_dense_options o = cairn_dense_defaults(units[i]);
        o.activation.kind = CAIRN_ACTIVATION_relu;
        o.weight_init = (cairn_init){CAIRN_INIT_HE_NORMAL, 1};
        snprintf(name, sizeof name, "layer%d", i + 1);
        x = cairn_dense_layer(x, name, &o).y;
    }
    return x;
}

cairn__spl_built cairn__spl_build(const cairn__spl_run *run, cairn_graph *g,
                                  const cairn_dataset *data, int64_t batch)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn__spl_built m = {.good = false};
    int64_t sizes[CAIRN_MLP_LAYERS];
    const cairn_field *f = cairn_dataset_field_at(data, CAIRN_SPLIT_TRAIN, 0);
    item_shape s = shape_of(data);
    bool conv = is_conv(run, data);
    int n = layer_sizes(run, conv, sizes, &status);
    if (!n) {
        cairn__graph_fail(g, status.code, "%s", status.message);
        return m;
    }
    m.x = cairn_input(g, "x", CAIRN_F32, CAIRN_SHAPE(batch, cairn__item_elements(f)));
    cairn_tensor top =
        conv ? add_convolutions(m.x, &s, sizes, n, &m.features) : add_dense(m.x, sizes, n);
    m.logits = cairn_linear(top, cairn_dataset_classes(data), CAIRN__SPL_HEAD);
    m.good = !cairn__none(m.logits);
    return m;
}

/* ---- the problems ---------------------------------------------------------------------------- */

enum { MOST_PARAMETERS = 2 * CAIRN_MLP_LAYERS + 2 };

/* One call of the optimiser for the head and one for the rest, which differ in their rates. */
static void add_update(const cairn__spl_run *run, cairn_graph *g, const cairn_build *b,
                       cairn_tensor loss, double factor)
{
    cairn_tensor all[MOST_PARAMETERS], part[MOST_PARAMETERS];
    cairn_update_options common = cairn_update_defaults();
    int n = cairn_graph_parameters(g, all, MOST_PARAMETERS);
    common.schedule = CAIRN_SCHEDULE_COSINE;
    common.weight_decay = run->model.weight_decay;
    cairn_update_resolve(&common, b->total_steps, b->steps_per_epoch, b->batch);
    for (int head = 0; head < 2; head++) {
        cairn_momentum_options o = {run->model.learning_rate * (head ? 1 : factor),
                                    run->model.momentum};
        int k = 0;
        for (int i = 0; i < n && i < MOST_PARAMETERS; i++) {
            const cairn_node *node = cairn__get(all[i]);
            const char *name = node ? cairn_variable_name(node->at.data) : "";
            bool in_head = strncmp(name, CAIRN__SPL_HEAD "/", strlen(CAIRN__SPL_HEAD "/")) == 0;
            if (in_head == (head == 1))
                part[k++] = all[i];
        }
        if (k > 0)
            cairn_minimize_over(loss, part, k, "momentum", &o, &common);
    }
}

static void build(const cairn__spl_run *run, cairn_graph *g, const cairn_build *b, double factor)
{
    cairn__spl_built m = cairn__spl_build(run, g, b->data, b->batch);
    if (!m.good)
        return;
    cairn_tensor label = cairn_input(g, "label", CAIRN_I32, CAIRN_SHAPE(b->batch));
    cairn_tensor loss = cairn_spl_loss(m.logits, label);
    cairn_output(loss, "loss");
    add_update(run, g, b, loss, factor);
}

static void build_scratch(const void *user, cairn_graph *g, const cairn_build *b)
{
    build(user, g, b, 1);
}

static void build_fine(const void *user, cairn_graph *g, const cairn_build *b)
{
    build(user, g, b, ((const cairn__spl_run *)user)->model.fine_factor);
}

static void build_evaluation(const void *user, cairn_graph *g, const cairn_build *b)
{
    cairn__spl_built m = cairn__spl_build(user, g, b->data, b->batch);
    if (!m.good)
        return;
    cairn_tensor label = cairn_input(g, "label", CAIRN_I32, CAIRN_SHAPE(b->batch));
    cairn_output(cairn_cross_entropy(m.logits, label), "loss");
    cairn_output(cairn_correct(m.logits, label), "accuracy");
}

static void build_prediction(const void *user, cairn_graph *g, const cairn_build *b)
{
    cairn__spl_built m = cairn__spl_build(user, g, b->data, b->batch);
    if (m.good)
        cairn_output(cairn_softmax(m.logits, 1), "probability");
}

static bool report(const void *user, struct cairn_trainer *trainer, struct cairn_report *report,
                   cairn_status *status)
{
    return cairn__spl_report_maps(user, cairn_trainer_graph(trainer), cairn_trainer_data(trainer),
                                  report, status);
}

void cairn__spl_scratch_problem(const void *run, cairn_problem *problem)
{
    *problem = (cairn_problem){.user = run,
                               .build = build_scratch,
                               .build_evaluation = build_evaluation,
                               .build_prediction = build_prediction,
                               .report = report};
}

void cairn__spl_run_problem(const void *run, cairn_problem *problem)
{
    cairn__spl_scratch_problem(run, problem);
    problem->build = build_fine;
}

/* ---- checks ---------------------------------------------------------------------------------- */

bool cairn__spl_run_check(const void *options, const cairn_dataset *data, cairn_status *status)
{
    const cairn__spl_run *run = options;
    int64_t sizes[CAIRN_MLP_LAYERS];
    if (!layer_sizes(run, true, sizes, status))
        return false;
    if (data && run->model.network == CAIRN__SPL_CONV && shape_of(data).axes == 0)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "network: conv is for pictures and clips, and the data are rows of "
                           "numbers");
    if (data && cairn_dataset_classes(data) < 2)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "a classifier needs labels of at least two classes, and the data has "
                           "none");
    return (run->source.weak_noise_rate > 0) == (*run->source.weak_noise_pairs != 0) ||
           cairn__fail(status, CAIRN_ERR_VALUE,
                       "weak_noise_rate and weak_noise_pairs: one is given without the other");
}
