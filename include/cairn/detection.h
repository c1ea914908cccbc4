/* Cairn, detection: pictures with boxes, from Pascal VOC and COCO. */
#ifndef CAIRN_DETECTION_H
#define CAIRN_DETECTION_H

#include "cairn/data.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A box in pixels: (x, y) is its upper left corner, counted from 0 at the picture's corner. */
typedef struct cairn_box {
    float x, y, width, height; /* width and height above 0 */
    int32_t label;             /* class, from 0 */
    bool difficult;            /* not to be counted */
    bool crowd;                /* COCO: one box around many, which matches any of them */
    float area;                /* COCO: of the outline; otherwise width times height */
    int64_t id;                /* COCO: of the annotation; otherwise 0 */
} cairn_box;

typedef struct cairn_detection_item {
    const char *file;      /* the picture */
    int64_t width, height; /* of it, as the annotation says */
    const cairn_box *boxes;
    int64_t count; /* of boxes; may be 0 */
} cairn_detection_item;

/* Pictures with boxes; they stay in their files. */
typedef struct cairn_detections cairn_detections;

/* Opens a directory of Pascal VOC or COCO, or a file of COCO.
 *
 * VOC: Annotations/NAME.xml, JPEGImages/, and where it is there
 * ImageSets/Main/: train.txt for the train split and test.txt, or val.txt where that is absent, for
 * the test split. Without these lists, all annotations in the order of their names' bytes, of which
 * a test split is drawn. Pictures are not looked for.
 *
 * VOC counts pixels from 1 and names the last one: a box is at (xmin - 1, ymin - 1) and
 * xmax - xmin + 1 wide. A file that counts from 0 gets -1, which is kept. Classes are numbered
 * in the order of their names' bytes. Boxes whose xmax or ymax is not above xmin or ymin are left
 * out, each with a warning in the log that names file and box.
 *
 * COCO: the train split is annotations/instances_trainYEAR.json with pictures in trainYEAR/, the
 * test split the same with "val"; without that a test split is drawn, as it is from one file
 * instances_NAME.json, whose pictures are in ../NAME/. Boxes are [x, y, width, height] from 0, as
 * they are here. Classes are numbered in the order of the files' categories, and shared by name.
 * The file is mapped and read an element at a time; outlines are passed over.
 *
 * options  test_fraction, split_seed, limit and memory_limit_mib (most that one file may be);
 *          copied; NULL for the defaults
 *
 * Memory: names and boxes, and one file at a time. A document type declaration is refused.
 * The caller owns the result: cairn_detections_free().
 * Errors: CAIRN_ERR_FILE, CAIRN_ERR_FORMAT (the sentence names file and line, or
 * byte), CAIRN_ERR_MISSING (VOC, built without expat), CAIRN_ERR_MEMORY. */
CAIRN_API cairn_detections *
cairn_detections_open(const char *path, const cairn_data_options *options, cairn_status *status);
CAIRN_API void cairn_detections_free(cairn_detections *detections);

/* Items of a split, and one of them, borrowed until the list is freed; index is below the count. */
CAIRN_API int64_t cairn_detections_count(const cairn_detections *detections, cairn_split split);
CAIRN_API cairn_detection_item cairn_detections_at(const cairn_detections *detections,
                                                   cairn_split split, int64_t index);

/* Number of classes, and the name of one; NULL beyond. Boxes that were left out. */
CAIRN_API int64_t cairn_detections_classes(const cairn_detections *detections);
CAIRN_API const char *cairn_detections_class_name(const cairn_detections *detections,
                                                  int64_t index);
CAIRN_API int64_t cairn_detections_skipped(const cairn_detections *detections);

/* What the list holds, as cairn_dataset_describe() does for a data set. */
CAIRN_API char *cairn_detections_describe(const cairn_detections *detections, cairn_status *status);
CAIRN_API char *cairn_detections_describe_json(const cairn_detections *detections,
                                               cairn_status *status);

#ifdef __cplusplus
}
#endif

#endif
