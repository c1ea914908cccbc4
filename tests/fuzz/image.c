/* Fuzz target: JPEG and PNG from memory. What is accepted has the pixels that its size says. */
#include "cairn/image.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_image_options options = cairn_image_defaults();
    cairn_image image = {0}, small = {0};
    options.color = CAIRN_IMAGE_STORED;
    options.pixel_limit = 1 << 20;
    if (!cairn_image_decode(bytes, size, "fuzz", &options, &image, &status)) {
        fuzz_check(status.code != CAIRN_OK && status.message[0]);
        fuzz_check(image.width == 0 && image.height == 0);
    } else {
        fuzz_check(image.width * image.height <= options.pixel_limit);
        fuzz_check((size_t)(image.width * image.height * image.channels) <= image.capacity);
        fuzz_check(cairn_image_resize(&image, 5, 3, CAIRN_FILTER_BILINEAR, &small, &status));
    }
    cairn_image_free(&image);
    cairn_image_free(&small);
    return 0;
}
