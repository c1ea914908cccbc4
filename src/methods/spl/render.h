/* Untrimmed videos with weak labels, rendered: what experiments and tests read back. */
#ifndef CAIRN_SRC_SPL_RENDER_H
#define CAIRN_SRC_SPL_RENDER_H

#include "base/base.h"

enum { CAIRN__SHAPES = 6 };
extern const char *const cairn__shape_names[CAIRN__SHAPES]; /* the classes */

/* A video found by the query c is a row of segments, in each of which one bright shape moves over a
 * background that is the same throughout the video and says nothing of the class. With probability
 * `share` the shape is c, else one of the related classes c+1, c+2, c+3 (probabilities 0.6, 0.3,
 * 0.1); with `contextual` shape c is there too then, half transparent. */
typedef struct cairn__scenes {
    int64_t videos;           /* of each class */
    int64_t size;             /* of frames */
    int64_t segments, frames; /* frames of a segment */
    double share;
    bool contextual;
    int64_t seed;
} cairn__scenes;

/* Writes DIRECTORY/CLASS/NNNN.mkv without loss, with the directories that are missing. The same
 * scenes give the same frames. Errors: those of cairn_video_create(), CAIRN_ERR_FILE. */
bool cairn__scenes_write(const cairn__scenes *scenes, const char *directory, cairn_status *status);

/* Removes them and their directories. */
void cairn__scenes_remove(const cairn__scenes *scenes, const char *directory);

#endif
