/* Which way up a picture was taken. */
#ifndef CAIRN_SRC_DATA_EXIF_H
#define CAIRN_SRC_DATA_EXIF_H

#include "cairn/image.h"

/* The orientation that the content of a JPEG's APP1 segment gives, 1 to 8; 1, as it stands, where
 * it gives none or is damaged: a picture is not lost for that. */
int cairn__exif_orientation(const void *bytes, size_t size);

/* Turns and mirrors a picture so that it is the right way up. Errors: CAIRN_ERR_MEMORY. */
bool cairn__image_orient(cairn_image *image, int orientation, cairn_status *status);

#endif
