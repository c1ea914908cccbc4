/* Fuzz target: an annotation of Pascal VOC from memory. What is accepted has a picture in the
 * folder and boxes with an area, of classes that exist. */
#include <string.h>

#include "data/detections.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_detections *d = cairn__alloc(1, sizeof *d, &status);
    fuzz_check(d != NULL);
    if (!cairn__voc_parse(d, CAIRN_SPLIT_TRAIN, bytes, size, "fuzz", "folder", &status)) {
        fuzz_check(status.code != CAIRN_OK && status.message[0]);
    } else {
        cairn_detection_item item = cairn_detections_at(d, CAIRN_SPLIT_TRAIN, 0);
        fuzz_check(strncmp(item.file, "folder/", 7) == 0 && !strchr(item.file + 7, '/'));
        fuzz_check(item.width >= 1 && item.height >= 1);
        for (int64_t i = 0; i < item.count; i++) {
            fuzz_check(item.boxes[i].width > 0 && item.boxes[i].height > 0);
            fuzz_check(item.boxes[i].label >= 0 && item.boxes[i].label < d->classes);
        }
    }
    cairn_detections_free(d);
    return 0;
}
