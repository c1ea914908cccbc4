/* Unlabelled rows beside each batch, and pictures changed for the student.
 *
 * The rows of batch number k (counted over all epochs of the labelled data) are rows k U .. k U + U
 * of an endless sequence: the pseudo-labelled rows in a new order each time they are through. So
 * what is fed follows from the batch's place alone, as a resume needs it. */
#include <string.h>

#include "data/data.h"
#include "methods/ssd/run.h"

/* ---- pictures -------------------------------------------------------------------------------- */

bool cairn__ssd_pictures(const cairn_dataset *data, int64_t size[3])
{
    const cairn_field *f = cairn_dataset_field_at(data, CAIRN_SPLIT_TRAIN, 0);
    if (f->type != CAIRN_DATA_U8 || (f->rank != 3 && f->rank != 4))
        return false;
    size[0] = f->rank == 4 ? f->shape[1] : 1;
    size[1] = f->shape[f->rank - 2];
    size[2] = f->shape[f->rank - 1];
    return size[0] == 1 || size[0] == 3;
}

/* Steps that change the numbers or mix items would make other inputs than those of the test. */
static bool check_pipeline(const cairn_pipeline *p, const int64_t size[3], cairn_status *status)
{
    if (p->pictures != p->n)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "augment: '%s' is no change of a picture, which is all that may stand "
                           "here",
                           p->steps[p->pictures].kind->name);
    if ((p->width && p->width != size[2]) || (p->height && p->height != size[1]))
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "augment: makes pictures of %lld x %lld, and those of the data are "
                           "%lld x %lld",
                           (long long)p->height, (long long)p->width, (long long)size[1],
                           (long long)size[2]);
    return true;
}

bool cairn__ssd_pipeline(const cairn__ssd_run *run, const cairn_dataset *data,
                         cairn_pipeline **pipeline, cairn_status *status)
{
    char text[CAIRN_TEXT_SIZE];
    int64_t size[3];
    bool automatic = strcmp(run->noise.augment, "auto") == 0;
    bool pictures = cairn__ssd_pictures(data, size);
    *pipeline = NULL;
    if (!*run->noise.augment || (automatic && (!pictures || size[1] != size[2])))
        return cairn_ok(status);
    if (!pictures)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "augment: the items are no 8-bit pictures; --augment '' leaves them");
    snprintf(text, sizeof text, "%s", run->noise.augment);
    if (automatic)
        snprintf(text, sizeof text, "crop(%lld, 2)", (long long)size[1]);
    *pipeline = cairn_pipeline_parse(text, status);
    if (*pipeline && check_pipeline(*pipeline, size, status))
        return true;
    cairn_pipeline_free(*pipeline);
    *pipeline = NULL;
    return false;
}

/* Planes [C,H,W] of bytes into the pixels of a picture, which grows once. */
static bool take_picture(const unsigned char *planes, const int64_t size[3], cairn_image *image,
                         cairn_status *status)
{
    int64_t channels = size[0], pixels = size[1] * size[2];
    size_t bytes = (size_t)(channels * pixels);
    if (image->capacity < bytes) {
        unsigned char *grown = cairn__resize(image->pixels, bytes, 1, status);
        if (!grown)
            return false;
        image->pixels = grown;
        image->capacity = bytes;
    }
    image->channels = (int)channels;
    image->height = size[1];
    image->width = size[2];
    for (int64_t c = 0; c < channels; c++)
        for (int64_t i = 0; i < pixels; i++)
            image->pixels[i * channels + c] = planes[c * pixels + i];
    return true;
}

/* Item `item` of a data set, changed, as numbers. draw: what its draws are counted by. */
static bool change(cairn__ssd_student *s, const cairn_dataset *data, int64_t item, int64_t epoch,
                   int64_t draw, float *out, cairn_status *status)
{
    const cairn_field *f = cairn_dataset_field_at(data, CAIRN_SPLIT_TRAIN, 0);
    int64_t size[3];
    if (!cairn__ssd_pictures(data, size))
        return cairn__fail(status, CAIRN_ERR_TYPE, "augment: the items are no 8-bit pictures");
    const unsigned char *planes = (const unsigned char *)f->data + item * s->width;
    if (!take_picture(planes, size, &s->work.image, status) ||
        !cairn__pipeline_change(s->pipeline, "augment", s->seed, epoch, draw, &s->work, status))
        return false;
    if (s->work.image.width != size[2] || s->work.image.height != size[1])
        return cairn__fail(status, CAIRN_ERR_SHAPE,
                           "augment: made a picture of %lld x %lld from %lld x %lld",
                           (long long)s->work.image.height, (long long)s->work.image.width,
                           (long long)size[1], (long long)size[2]);
    cairn__pipeline_numbers(s->pipeline, &s->work.image, true, out);
    return true;
}

/* ---- the pool -------------------------------------------------------------------------------- */

static void copy_item(const cairn__ssd_student *s, int64_t item, float *out)
{
    const cairn_field *f = cairn_dataset_field_at(s->pool, CAIRN_SPLIT_TRAIN, 0);
    size_t bytes = (size_t)s->width * cairn_data_type_bytes(f->type);
    cairn__converter_of(f->type)((const unsigned char *)f->data + (size_t)item * bytes, s->width,
                                 out);
}

static bool fill_pool(cairn__ssd_student *s, int64_t batch, cairn_status *status)
{
    int64_t n = s->pseudo->n;
    for (int64_t i = 0; i < s->rows; i++) {
        int64_t at = batch * s->rows + i, epoch = at / n;
        if (s->order_epoch != epoch)
            cairn_random_permutation(
                (uint64_t)s->seed, cairn_random_stream("ssd/pool") + (uint64_t)epoch, n, s->order);
        s->order_epoch = epoch;
        int64_t row = s->order[at % n], item = s->pseudo->item[row];
        float *out = s->u + i * s->width;
        memcpy(s->q + i * s->classes, s->pseudo->target + row * s->classes,
               (size_t)s->classes * sizeof *s->q);
        /* Copies of one item are changed each in its own way, and unlike labelled items. */
        if (!s->pipeline)
            copy_item(s, item, out);
        else if (!change(s, s->pool, item, epoch, ((int64_t)1 << 40) + row, out, status))
            return false;
    }
    return true;
}

/* ---- the problem's moment -------------------------------------------------------------------- */

bool cairn__ssd_feed_begin(cairn__ssd_student *s, int64_t batch, cairn_status *status)
{
    size_t width = (size_t)s->width * sizeof(float);
    s->order_epoch = -1;
    if (s->pipeline)
        s->x = cairn__alloc((size_t)batch, width, status);
    if (s->rows) {
        s->order = cairn__alloc((size_t)s->pseudo->n, sizeof *s->order, status);
        s->u = cairn__alloc((size_t)s->rows, width, status);
        s->q = cairn__alloc((size_t)s->rows, (size_t)s->classes * sizeof *s->q, status);
    }
    if (cairn_ok(status))
        return true;
    cairn__ssd_feed_end(s);
    return false;
}

void cairn__ssd_feed_end(cairn__ssd_student *s)
{
    cairn_pipeline_free(s->pipeline);
    cairn__work_free(&s->work);
    cairn__free(s->order);
    cairn__free(s->x);
    cairn__free(s->u);
    cairn__free(s->q);
    *s = (cairn__ssd_student){.run = s->run};
}

bool cairn__ssd_feed(const void *user, const cairn_batch *b, cairn_program *program,
                     cairn_status *status)
{
    /* The buffers are the student's own; what they hold follows from the batch. */
    cairn__ssd_student *s = (cairn__ssd_student *)user;
    size_t row = (size_t)s->width * sizeof(float);
    int64_t batch = b->shape[0], epoch_batches = cairn_dataset_count(s->labelled, 0) / batch;
    for (int64_t i = 0; s->pipeline && i < batch; i++)
        if (!change(s, s->labelled, b->items[i], b->epoch, b->items[i], s->x + i * s->width,
                    status))
            return false;
    if (s->pipeline && !cairn_program_feed(program, "x", s->x, (size_t)batch * row, status))
        return false;
    return !s->rows ||
           (fill_pool(s, b->epoch * epoch_batches + b->index, status) &&
            cairn_program_feed(program, "unlabelled", s->u, (size_t)s->rows * row, status) &&
            cairn_program_feed(program, "pseudo", s->q,
                               (size_t)(s->rows * s->classes) * sizeof *s->q, status));
}
