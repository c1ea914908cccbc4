/* Augmentations: each is a record with an option table and a function, listed in augment.def; a
 * pipeline is a text of them. See augment.c. */
#ifndef CAIRN_SRC_DATA_AUGMENT_H
#define CAIRN_SRC_DATA_AUGMENT_H

#include "data/image.h"
#include "data/sound.h"

/* ---- random numbers of one item ---------------------------------------------------------------
 *
 * Draws are counted for each (seed, epoch, item, step): what one step draws depends on no other. */

typedef struct cairn__draws {
    uint64_t seed, stream, position;
    uint32_t words[4];
    int used; /* of words */
} cairn__draws;

cairn__draws cairn__draws_new(int64_t seed, int64_t epoch, int64_t item, int step);
double cairn__draw(cairn__draws *draws);                             /* uniform in [0, 1) */
double cairn__draw_between(cairn__draws *draws, double a, double b); /* uniform in [a, b) */
int64_t cairn__draw_below(cairn__draws *draws, int64_t n);           /* 0 .. n-1 */
double cairn__draw_beta(cairn__draws *draws, double alpha);          /* Beta(alpha, alpha) */

/* ---- one step ---------------------------------------------------------------------------------
 */

/* A picture or a sound on its way. A step that cannot work in place fills `spare` or `other` and
 * swaps. A log-mel picture is a sound whose channels are the bins and whose samples the frames. */
typedef struct cairn__work {
    cairn_image image, spare, scratch;
    cairn_sound sound, other;
    cairn_logmel *logmel; /* for logmel_options, or NULL */
    cairn_logmel_options logmel_options;
} cairn__work;

void cairn__work_free(cairn__work *work);

typedef enum cairn__stage {
    CAIRN__STAGE_DECODE,   /* first */
    CAIRN__STAGE_PICTURE,  /* then any number; of a sound its samples */
    CAIRN__STAGE_NUMBERS,  /* then at most one */
    CAIRN__STAGE_FEATURES, /* then any number, of sounds only: changes of the log-mel */
    CAIRN__STAGE_BATCH     /* last */
} cairn__stage;

enum { CAIRN__MOST_PARAMETERS = 128 /* bytes of an option struct */, CAIRN__MOST_STEPS = 32 };

typedef struct cairn__augmentation {
    const char *name;
    cairn__stage stage;
    const cairn_option *table; /* the parameters in the order in which they may be given */
    size_t size;               /* of the struct that it describes */
    const char *help;          /* one line */
    const char *source;        /* paper or behaviour that is followed, or "" */

    /* Relations between parameters that a table cannot say; may be NULL. */
    bool (*check)(const void *parameters, cairn_status *status);

    /* PICTURE: changes work->image. For sounds, all stages but the last: changes work->sound. */
    bool (*apply)(const void *parameters, cairn__work *work, cairn__draws *draws,
                  cairn_status *status);

    /* PICTURE: sets the size of the result, 0 where that depends on the picture; NULL where the
     * size stays as it is. Of sounds the height is the length, and the width 1 or the bins. */
    void (*size_of)(const void *parameters, int64_t *width, int64_t *height);
} cairn__augmentation;

#define CAIRN_AUGMENT(name) extern const cairn__augmentation cairn__augment_##name;
#define CAIRN_AUGMENT_SOUND(name) CAIRN_AUGMENT(name)
#include "data/augment.def"

/* Does `resize` and the `centre_crop` behind it in one, with the same result; false in *done where
 * the steps must run one after the other. */
bool cairn__resize_and_crop(const void *resize, const void *crop, cairn__work *work, bool *done,
                            cairn_status *status);

/* The records for pictures, and for sounds, in the order of augment.def; NULL-terminated. */
extern const cairn__augmentation *const cairn__augmentations[];
extern const cairn__augmentation *const cairn__sound_augmentations[];

/* ---- parameters that others read ----------------------------------------------------------------
 */

typedef struct cairn__decode_parameters {
    int color; /* cairn_image_color */
    int64_t scale;
    bool orient;
} cairn__decode_parameters;

typedef struct cairn__sound_parameters {
    int64_t rate;
    int scale; /* cairn_sound_scale */
} cairn__sound_parameters;

typedef struct cairn__normalise_parameters {
    double red, green, blue;          /* mean */
    double red_sd, green_sd, blue_sd; /* standard deviation */
} cairn__normalise_parameters;

typedef struct cairn__mix_parameters {
    double alpha;
} cairn__mix_parameters;

/* ---- pipelines ----------------------------------------------------------------------------------
 */

typedef struct cairn__step {
    const cairn__augmentation *kind;
    union {
        unsigned char bytes[CAIRN__MOST_PARAMETERS];
        double alignment;
    } parameters;
} cairn__step;

struct cairn_pipeline {
    cairn_media media;
    int n, pictures;       /* steps; the first so many run for each item, on its picture or sound */
    int64_t width, height; /* of every result, or 0 when that depends on the picture */
    int channels;          /* of every result, or 0 */
    cairn__step steps[CAIRN__MOST_STEPS];
};

/* Decodes and changes one picture: everything before NUMBERS. The result is work->image. */
bool cairn__pipeline_run(const cairn_pipeline *pipeline, const void *bytes, size_t size,
                         const char *name, int64_t seed, int64_t epoch, int64_t item,
                         cairn__work *work, cairn_status *status);

/* The same for a picture that is in work->image already. */
bool cairn__pipeline_change(const cairn_pipeline *pipeline, const char *name, int64_t seed,
                            int64_t epoch, int64_t item, cairn__work *work, cairn_status *status);

/* The same for a sound: everything before BATCH. The result is work->sound. */
bool cairn__pipeline_run_sound(const cairn_pipeline *pipeline, const void *bytes, size_t size,
                               const char *name, int64_t seed, int64_t epoch, int64_t item,
                               cairn__work *work, cairn_status *status);

/* True when a step turns sounds into log-mel. */
bool cairn__pipeline_has_features(const cairn_pipeline *pipeline);

/* Writes a picture as numbers, normalised where the pipeline says so, else divided by 255: planes
 * [C,H,W], or pixels [H,W,C]. */
void cairn__pipeline_numbers(const cairn_pipeline *pipeline, const cairn_image *image, bool planes,
                             float *out);

/* Mixes n rows of a batch in place, row i with row n-1-i; sets `other` to the labels of those and
 * share to the part of a row that is its own. Without a BATCH step: false, and nothing is done. */
bool cairn__pipeline_mix(const cairn_pipeline *pipeline, int64_t seed, int64_t epoch, int64_t index,
                         int64_t n, const int64_t size[3], bool planes, float *x,
                         const int32_t *label, int32_t *other, float *share);

/* True when the last steps of the pipeline mix a batch. */
bool cairn__pipeline_mixes(const cairn_pipeline *pipeline);

#endif
