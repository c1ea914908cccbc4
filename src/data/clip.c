/* Clips of lists of videos: see cairn/video.h. */
#include "data/items.h"
#include "data/video.h"

cairn_clip_options cairn_clip_defaults(void)
{
    cairn_video_options video = cairn_video_defaults();
    return (cairn_clip_options){.frames = 16,
                                .stride = 1,
                                .width = 112,
                                .height = 112,
                                .random = true,
                                .pixel_limit = video.pixel_limit,
                                .frame_limit = video.frame_limit};
}

/* First frame of a clip that spans so many of n frames. */
static int64_t start_of(const cairn_clip_options *o, int64_t n, int64_t epoch, int64_t index)
{
    int64_t span = (o->frames - 1) * o->stride + 1, places = n - span + 1;
    uint32_t words[4];
    if (places <= 1)
        return 0;
    if (!o->random)
        return (places - 1) / 2;
    cairn_random_bits((uint64_t)o->seed, cairn_random_stream("data/clip") + (uint64_t)epoch,
                      (uint64_t)index, words);
    return (int64_t)((uint64_t)words[0] * (uint64_t)places >> 32); /* places is below 2^31 */
}

bool cairn_items_clip(const cairn_items *items, cairn_split split, int64_t index,
                      const cairn_clip_options *options, int64_t epoch, unsigned char *pixels,
                      int32_t *label, cairn_status *status)
{
    cairn_clip_options o = options ? *options : cairn_clip_defaults();
    cairn_video_options how = cairn_video_defaults();
    if (!cairn_ok(status))
        return false;
    if (items->media != CAIRN_MEDIA_VIDEO)
        return cairn__fail(status, CAIRN_ERR_TYPE, "%s: clips of what is not a list of videos",
                           items->path);
    if (index < 0 || index >= items->lists[split].n)
        return cairn__fail(status, CAIRN_ERR_VALUE, "%s: clip of item %lld, of %lld", items->path,
                           (long long)index, (long long)items->lists[split].n);
    if (o.frames < 1 || o.frames > 1 << 20 || o.stride < 1 || o.stride > 1 << 20 || o.width < 1 ||
        o.height < 1)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "clips of %lld frames, every %lldth, %lld x %lld, expected 1 or more",
                           (long long)o.frames, (long long)o.stride, (long long)o.width,
                           (long long)o.height);
    how.width = o.width;
    how.height = o.height;
    how.pixel_limit = o.pixel_limit;
    how.frame_limit = o.frame_limit;
    const cairn__item *item = &items->lists[split].items[index];
    cairn_video *video = cairn_video_open(item->file, &how, status);
    bool good = video &&
                cairn_video_clip(video, start_of(&o, cairn_video_about(video).frames, epoch, index),
                                 o.stride, o.frames, pixels, status);
    cairn_video_free(video);
    if (good && label)
        *label = item->label;
    return good;
}
