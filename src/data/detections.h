/* Lists of pictures with boxes from inside. */
#ifndef CAIRN_SRC_DATA_DETECTIONS_H
#define CAIRN_SRC_DATA_DETECTIONS_H

#include "cairn/detection.h"
#include "data/data.h"

enum { CAIRN__MOST_BOX_CLASSES = 65536, CAIRN__MOST_BOX_NAME = 256 };

/* An item whose boxes are boxes[first .. first + count] of the list. */
typedef struct cairn__detection {
    const char *file; /* in the arena */
    int64_t width, height, first, count;
} cairn__detection;

typedef struct cairn__detection_list {
    cairn__detection *items; /* owned */
    int64_t n, room;
} cairn__detection_list;

struct cairn_detections {
    cairn__arena arena;
    const char *path;
    const char *kind; /* static */
    cairn_data_options options;
    cairn__detection_list lists[CAIRN__SPLITS];
    cairn_box *boxes; /* owned */
    int64_t n_boxes, box_room;
    const char **names; /* of the classes, owned; in the arena */
    int64_t classes, class_room, skipped;
    bool split; /* the source has a test split */
};

/* Adds an item without boxes; `file` must be in the arena. */
bool cairn__detections_add(cairn_detections *d, cairn_split split, const char *file, int64_t width,
                           int64_t height, cairn_status *status);

/* Adds a box to the pool, behind those of the item added last, to which it is counted when `item`
 * is not NULL. */
bool cairn__detections_add_box(cairn_detections *d, cairn__detection *item, const cairn_box *box,
                               cairn_status *status);

/* Adds the name of a class, which is copied. */
bool cairn__detections_add_class(cairn_detections *d, const char *name, cairn_status *status);

/* Warns of a box that is left out, and counts it. */
void cairn__detections_skip(cairn_detections *d, const char *file, int64_t box);

/* Fills an empty list. */
bool cairn__detections_voc(cairn_detections *d, cairn_status *status);

/* One annotation in memory, into the train split; its picture is FOLDER/NAME as the annotation
 * names it, and is not looked for. Labels are numbers in the order of appearance. */
bool cairn__voc_parse(cairn_detections *d, cairn_split split, const void *bytes, size_t size,
                      const char *name, const char *folder, cairn_status *status);

/* The same of COCO: a directory, or a file of it. */
bool cairn__detections_coco(cairn_detections *d, cairn_status *status);

/* A file in memory, with all its pictures, into a split; `folder` must be in the arena. Classes go
 * by their names behind those that are there. */
bool cairn__coco_parse(cairn_detections *d, cairn_split split, const void *bytes, size_t size,
                       const char *name, const char *folder, cairn_status *status);

/* True for what cairn_detections_open() takes; and for COCO. */
bool cairn__holds_detections(const char *path);
bool cairn__holds_coco(const char *path);

#endif
