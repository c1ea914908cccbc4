/* Fuzz target: a file of COCO from memory. What is accepted has pictures below the folder, and
 * boxes with an area, of classes that exist, each with one picture. */
#include <string.h>

#include "data/detections.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_detections *d = cairn__alloc(1, sizeof *d, &status);
    fuzz_check(d != NULL);
    if (!cairn__coco_parse(d, CAIRN_SPLIT_TRAIN, bytes, size, "fuzz", "folder", &status)) {
        fuzz_check(status.code != CAIRN_OK && status.message[0]);
    } else {
        int64_t boxes = 0;
        for (int64_t i = 0; i < cairn_detections_count(d, CAIRN_SPLIT_TRAIN); i++) {
            cairn_detection_item item = cairn_detections_at(d, CAIRN_SPLIT_TRAIN, i);
            fuzz_check(strncmp(item.file, "folder/", 7) == 0 && item.file[7] != '/');
            fuzz_check(!strstr(item.file, "/../") && item.width >= 1 && item.height >= 1);
            for (int64_t b = 0; b < item.count; b++) {
                fuzz_check(item.boxes[b].width > 0 && item.boxes[b].height > 0);
                fuzz_check(item.boxes[b].label >= 0 && item.boxes[b].label < d->classes);
            }
            boxes += item.count;
        }
        fuzz_check(boxes == d->n_boxes);
    }
    cairn_detections_free(d);
    return 0;
}
