/* Reading videos: see cairn/video.h.
 *
 * Opening steps over all packets and keeps for each frame its time (frames in the order in which
 * they are shown) and for each key frame its time: so numbers of frames are exact, which headers
 * and seeking alone are not. A clip is decoded from the last key frame at or before its start, and
 * where a format cannot go to a place, from the start of the file. */
#include "data/video.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

cairn_video_options cairn_video_defaults(void)
{
    return (cairn_video_options){.filter = CAIRN_FILTER_BILINEAR,
                                 .pixel_limit = (int64_t)1 << 26,
                                 .frame_limit = (int64_t)1 << 20};
}

#if CAIRN__HAVE_FFMPEG
#include "data/ffmpeg_input.h"
#include "data/file.h"

static const cairn__ffmpeg_kind kind = {
    .media = AVMEDIA_TYPE_VIDEO,
    .missing = "FFmpeg, which reads videos,",
    .none = "no video in the file",
    .unreadable = "no video that can be read (MP4, MOV, Matroska, WebM, AVI, GIF, MPEG, Ogg)",
    .formats = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,mpeg,mpegts,mpegvideo,ogg",
    .decoders = "h264,hevc,libdav1d,av1,vp8,vp9,mpeg1video,mpeg2video,mpeg4,h263,mjpeg,ffv1,"
                "theora,gif,png,rawvideo",
};

struct cairn_video {
    cairn_video_options options;
    cairn__ffmpeg_input in;
    char *name; /* owned */
    int file;   /* owned; -1: in memory */
    cairn_status ignored;
    int64_t *times; /* [frames], owned: in units of the stream, rising */
    int64_t *keys;  /* [n_keys], owned: those of key frames, rising */
    int64_t frames, n_keys, room, key_room;
    int64_t stored_width, stored_height, width, height;
    double rate, unit; /* seconds a unit */
    char codec[32];
    cairn_image stored, resized, scratch;
};

/* ---- the index ------------------------------------------------------------------------------- */

static bool add_time(int64_t **times, int64_t *n, int64_t *room, int64_t time, cairn_status *status)
{
    if (*n == *room) {
        int64_t more = CAIRN__MAX(2 * *room, 256);
        int64_t *grown = cairn__resize(*times, (size_t)more, sizeof *grown, status);
        if (!grown)
            return false;
        *times = grown;
        *room = more;
    }
    (*times)[(*n)++] = time;
    return true;
}

static int rising(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static int64_t time_of_packet(const AVPacket *packet, int64_t number)
{
    return packet->pts != AV_NOPTS_VALUE   ? packet->pts
           : packet->dts != AV_NOPTS_VALUE ? packet->dts
                                           : number;
}

/* Times may lie anywhere in 64 bits: their differences must too. */
enum { MOST_TIME_BITS = 60 };

static bool add_packet(cairn_video *v, const AVPacket *packet, cairn_status *status)
{
    int64_t time = time_of_packet(packet, v->frames);
    if (packet->flags & AV_PKT_FLAG_DISCARD)
        return true;
    if (v->frames == v->options.frame_limit)
        return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: more than the limit of %lld frames",
                           v->name, (long long)v->options.frame_limit);
    if (llabs(time) >> MOST_TIME_BITS)
        return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: frame %lld: impossible time %lld",
                           v->name, (long long)v->frames, (long long)time);
    return add_time(&v->times, &v->frames, &v->room, time, status) &&
           (!(packet->flags & AV_PKT_FLAG_KEY) ||
            add_time(&v->keys, &v->n_keys, &v->key_room, time, status));
}

static bool make_index(cairn_video *v, cairn_status *status)
{
    for (;;) {
        int found = cairn__ffmpeg_packet(&v->in);
        if (found <= 0) {
            if (found < 0)
                return false;
            break;
        }
        bool good = add_packet(v, v->in.packet, status);
        v->in.ff->av_packet_unref(v->in.packet);
        if (!good)
            return false;
    }
    if (v->frames == 0)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: a video without frames, expected at least one", v->name);
    qsort(v->times, (size_t)v->frames, sizeof *v->times, rising);
    if (v->n_keys)
        qsort(v->keys, (size_t)v->n_keys, sizeof *v->keys, rising);
    return true;
}

/* ---- opening --------------------------------------------------------------------------------- */

static double ratio(AVRational r)
{
    return r.num > 0 && r.den > 0 ? (double)r.num / (double)r.den : 0;
}

/* What the file announces, or what the times say; a single frame has whatever there is. */
static double rate_of(const cairn_video *v, const AVStream *stream)
{
    double span = (double)(v->times[v->frames - 1] - v->times[0]) * v->unit;
    double announced = ratio(stream->avg_frame_rate), guess = ratio(stream->r_frame_rate);
    if (announced > 0 && announced <= 10000)
        return announced;
    if (v->frames > 1 && span > 0)
        return (double)(v->frames - 1) / span;
    return guess > 0 && guess <= 10000 ? guess : 25;
}

/* Sizes that frames are handed out with. */
static bool choose_size(cairn_video *v, cairn_status *status)
{
    double w = (double)v->stored_width, h = (double)v->stored_height;
    /* Where it is beyond the limit, FFmpeg does not say it. */
    if (v->stored_width <= 0 || v->stored_height <= 0)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: the size of the frames is not known, or more than the limit of "
                           "%lld pixels",
                           v->name, (long long)v->options.pixel_limit);
    if (!cairn__image_announced(v->name, (uint64_t)v->stored_width, (uint64_t)v->stored_height,
                                v->options.pixel_limit, status))
        return false;
    v->width = v->options.width;
    v->height = v->options.height;
    if (!v->width && !v->height) {
        v->width = v->stored_width;
        v->height = v->stored_height;
    } else if (!v->width) {
        v->width = CAIRN__MAX((int64_t)lrint(w * (double)v->height / h), (int64_t)1);
    } else if (!v->height) {
        v->height = CAIRN__MAX((int64_t)lrint(h * (double)v->width / w), (int64_t)1);
    }
    return (v->width <= CAIRN__MOST_SIDE && v->height <= CAIRN__MOST_SIDE) ||
           cairn__fail(status, CAIRN_ERR_SHAPE, "%s: resized to %lld x %lld, expected at most %d",
                       v->name, (long long)v->width, (long long)v->height, CAIRN__MOST_SIDE);
}

static bool check_options(const cairn_video_options *o, cairn_status *status)
{
    if (o->width < 0 || o->height < 0 || o->width > CAIRN__MOST_SIDE ||
        o->height > CAIRN__MOST_SIDE)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "video: frames of %lld x %lld, expected sides of 0 to %d",
                           (long long)o->width, (long long)o->height, CAIRN__MOST_SIDE);
    if (o->filter < 0 || o->filter > CAIRN_FILTER_BOX)
        return cairn__fail(status, CAIRN_ERR_VALUE, "video: filter %d is unknown", o->filter);
    return (o->pixel_limit >= 1 && o->frame_limit >= 1 && o->frame_limit <= (int64_t)1 << 30) ||
           cairn__fail(status, CAIRN_ERR_VALUE,
                       "video: pixel_limit %lld and frame_limit %lld, expected 1 or more, and at "
                       "most 2^30 frames",
                       (long long)o->pixel_limit, (long long)o->frame_limit);
}

/* Opens, or opens again at the start. */
static bool start(cairn_video *v, cairn_status *status)
{
    cairn__ffmpeg_close(&v->in);
    v->in.status = status;
    return cairn__ffmpeg_open(&v->in);
}

static bool fill(cairn_video *v, cairn_status *status)
{
    v->in.kind = &kind;
    v->in.name = v->name;
    v->in.pixel_limit = v->options.pixel_limit;
    if (!start(v, status))
        return false;
    const AVStream *stream = v->in.format->streams[v->in.stream];
    v->stored_width = v->in.decoder->width;
    v->stored_height = v->in.decoder->height;
    v->unit = ratio(stream->time_base);
    snprintf(v->codec, sizeof v->codec, "%s", v->in.decoder->codec->name);
    if (!choose_size(v, status) || !make_index(v, status))
        return false;
    v->rate = rate_of(v, stream);
    return true;
}

static cairn_video *new_video(const char *name, const cairn_video_options *options,
                              cairn_status *status)
{
    cairn_video_options standard = cairn_video_defaults();
    options = options ? options : &standard;
    if (!cairn_ok(status) || !check_options(options, status))
        return NULL;
    cairn_video *v = cairn__alloc(1, sizeof *v, status);
    size_t n = strlen(name) + 1;
    if (!v)
        return NULL;
    v->options = *options;
    v->file = v->in.file = -1;
    v->name = cairn__alloc(n, 1, status);
    if (v->name) {
        memcpy(v->name, name, n);
        return v;
    }
    cairn_video_free(v);
    return NULL;
}

static bool open_file(cairn_video *v, cairn_status *status)
{
    v->file = v->in.file = cairn__open_regular(v->name, &v->in.size, status);
    return v->file >= 0;
}

cairn_video *cairn_video_open(const char *path, const cairn_video_options *options,
                              cairn_status *status)
{
    cairn_video *v = new_video(path, options, status);
    if (v && open_file(v, status) && fill(v, status))
        return v;
    cairn_video_free(v);
    return NULL;
}

cairn_video *cairn_video_parse(const void *bytes, size_t size, const char *name,
                               const cairn_video_options *options, cairn_status *status)
{
    cairn_video *v = new_video(name, options, status);
    if (v) {
        v->in.bytes = bytes;
        v->in.size = size;
        if (fill(v, status))
            return v;
    }
    cairn_video_free(v);
    return NULL;
}

void cairn_video_free(cairn_video *v)
{
    if (!v)
        return;
    cairn__ffmpeg_close(&v->in);
    if (v->file >= 0)
        close(v->file);
    cairn__free(v->name);
    cairn__free(v->times);
    cairn__free(v->keys);
    cairn_image_free(&v->stored);
    cairn_image_free(&v->resized);
    cairn_image_free(&v->scratch);
    cairn__free(v);
}

cairn_video_info cairn_video_about(const cairn_video *v)
{
    cairn_video_info info = {.stored_width = v->stored_width,
                             .stored_height = v->stored_height,
                             .width = v->width,
                             .height = v->height,
                             .frames = v->frames,
                             .rate = v->rate,
                             .seconds = (double)v->frames / v->rate};
    memcpy(info.codec, v->codec, sizeof info.codec);
    return info;
}

/* ---- times ----------------------------------------------------------------------------------- */

double cairn_video_time(const cairn_video *v, int64_t frame)
{
    frame = CAIRN__MAX(CAIRN__MIN(frame, v->frames - 1), (int64_t)0);
    return (double)(v->times[frame] - v->times[0]) * v->unit;
}

/* The last of n rising times that is at most `time`; -1 if there is none. */
static int64_t last_until(const int64_t *times, int64_t n, int64_t time)
{
    int64_t low = 0, high = n;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (times[middle] <= time)
            low = middle + 1;
        else
            high = middle;
    }
    return low - 1;
}

/* Times are whole units: a time that was made from one must come back to it. */
int64_t cairn_video_frame_at(const cairn_video *v, double seconds)
{
    double units = v->unit > 0 ? seconds / v->unit : 0;
    if (!(units > 0))
        return 0;
    if (units >= (double)(v->times[v->frames - 1] - v->times[0]))
        return v->frames - 1;
    return CAIRN__MAX(last_until(v->times, v->frames, v->times[0] + (int64_t)(units + 1e-6)),
                      (int64_t)0);
}

/* ---- decoding -------------------------------------------------------------------------------- */

static int64_t time_of_frame(const AVFrame *frame, int64_t number)
{
    return frame->best_effort_timestamp != AV_NOPTS_VALUE ? frame->best_effort_timestamp : number;
}

/* Goes to the key frame before a frame and decodes the first one from there. False where the place
 * cannot be trusted, since what comes first there is after the frame that is wanted. */
static bool go_near(cairn_video *v, int64_t first)
{
    int64_t key = last_until(v->keys, v->n_keys, v->times[first]);
    if (key < 0 || v->keys[key] <= v->times[0])
        return false;
    if (v->in.ff->av_seek_frame(v->in.format, v->in.stream, v->keys[key], AVSEEK_FLAG_BACKWARD) < 0)
        return false;
    v->in.ff->avcodec_flush_buffers(v->in.decoder);
    v->in.ended = false;
    /* What goes wrong here is tried again from the start, which has the last word. */
    v->ignored = (cairn_status)CAIRN_STATUS_INIT;
    v->in.status = &v->ignored;
    return cairn__ffmpeg_next(&v->in) == 1 &&
           time_of_frame(v->in.frame, INT64_MAX) <= v->times[first];
}

/* Converts the frame that was decoded, and writes it as the next one of the clip. */
static bool put_frame(cairn_video *v, unsigned char *to, cairn_status *status)
{
    const AVFrame *frame = v->in.frame;
    cairn_image *image = &v->stored;
    if (!cairn__image_announced(v->name, (uint64_t)CAIRN__MAX(frame->width, 0),
                                (uint64_t)CAIRN__MAX(frame->height, 0), v->options.pixel_limit,
                                status) ||
        !cairn__frame_to_rgb(v->in.ff, frame, v->name, image, status))
        return false;
    if (image->width != v->width || image->height != v->height) {
        image = &v->resized;
        if (!cairn__part_resize(cairn__whole_of(&v->stored), v->width, v->height,
                                (cairn_filter)v->options.filter, image, &v->scratch, status))
            return false;
    }
    memcpy(to, image->pixels, (size_t)(v->width * v->height * 3));
    return true;
}

/* The frames of a clip, in order, from whatever place the decoder stands at. A decoder that leaves
 * out a frame has the next one stand for it. */
static bool take(cairn_video *v, bool decoded, int64_t first, int64_t stride, int64_t count,
                 unsigned char *pixels, cairn_status *status)
{
    size_t bytes = (size_t)(v->width * v->height * 3);
    int64_t done = 0, number = 0;
    bool any = false;
    v->in.status = status;
    while (done < count && first + done * stride < v->frames) {
        int found = decoded ? 1 : cairn__ffmpeg_next(&v->in);
        decoded = false;
        if (found < 0)
            return false;
        if (found == 0)
            break;
        int64_t time = time_of_frame(v->in.frame, v->times[CAIRN__MIN(number, v->frames - 1)]);
        number++;
        any = true;
        bool due = time >= v->times[first + done * stride];
        if (due && !put_frame(v, pixels + (size_t)done * bytes, status))
            return false;
        done += due;
        while (due && done < count && first + done * stride < v->frames &&
               v->times[first + done * stride] <= time && stride > 0) {
            memcpy(pixels + (size_t)done * bytes, pixels + (size_t)(done - 1) * bytes, bytes);
            done++;
        }
    }
    if (done == 0)
        return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: frame %lld cannot be decoded%s", v->name,
                           (long long)first,
                           any ? ": the video ends before it" : ": there is no picture at all");
    for (; done < count; done++)
        memcpy(pixels + (size_t)done * bytes, pixels + (size_t)(done - 1) * bytes, bytes);
    return true;
}

bool cairn_video_clip(cairn_video *v, int64_t first, int64_t stride, int64_t count,
                      unsigned char *pixels, cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    if (first < 0 || first >= v->frames || stride < 1 || count < 1 || stride > ((int64_t)1 << 31) ||
        count > ((int64_t)1 << 31))
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "%s: %lld frames from %lld on, every %lldth, expected at least one of "
                           "the frames 0 to %lld",
                           v->name, (long long)count, (long long)first, (long long)stride,
                           (long long)v->frames - 1);
    bool near = v->in.format && v->in.decoder && v->in.frame && go_near(v, first);
    bool good = near || start(v, status);
    good = good && take(v, near, first, stride, count, pixels, status);
    if (v->in.frame)
        v->in.ff->av_frame_unref(v->in.frame);
    v->in.status = NULL;
    return good;
}

bool cairn_video_frame(cairn_video *v, int64_t frame, cairn_image *image, cairn_status *status)
{
    bool good = cairn__image_shape(image, v->width, v->height, 3, status) &&
                cairn_video_clip(v, frame, 1, 1, image->pixels, status);
    if (!good)
        image->width = image->height = 0;
    return good;
}

#else

static cairn_video *missing(const char *name, cairn_status *status)
{
    cairn__fail(status, CAIRN_ERR_MISSING, "%s: this build lacks FFmpeg, which reads videos", name);
    return NULL;
}

cairn_video *cairn_video_open(const char *path, const cairn_video_options *options,
                              cairn_status *status)
{
    (void)options;
    return missing(path, status);
}

cairn_video *cairn_video_parse(const void *bytes, size_t size, const char *name,
                               const cairn_video_options *options, cairn_status *status)
{
    (void)bytes, (void)size, (void)options;
    return missing(name, status);
}

/* There is no video that these could be called with. */
void cairn_video_free(cairn_video *video)
{
    (void)video;
}

cairn_video_info cairn_video_about(const cairn_video *video)
{
    (void)video;
    return (cairn_video_info){0};
}

double cairn_video_time(const cairn_video *video, int64_t frame)
{
    (void)video, (void)frame;
    return 0;
}

int64_t cairn_video_frame_at(const cairn_video *video, double seconds)
{
    (void)video, (void)seconds;
    return 0;
}

bool cairn_video_clip(cairn_video *video, int64_t start, int64_t stride, int64_t count,
                      unsigned char *pixels, cairn_status *status)
{
    (void)video, (void)start, (void)stride, (void)count, (void)pixels;
    return missing("video", status) != NULL;
}

bool cairn_video_frame(cairn_video *video, int64_t frame, cairn_image *image, cairn_status *status)
{
    (void)video, (void)frame, (void)image;
    return missing("video", status) != NULL;
}

#endif
