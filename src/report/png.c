/* Pictures as PNG files, through libpng. */
#include <setjmp.h>
#include <stdio.h>

#include "config.h"
#include "report/report.h"

enum { LONGEST_SIDE = 8192 };

static bool valid(const cairn_report_picture *p, cairn_status *status)
{
    if (p->channels != 1 && p->channels != 3)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "picture with %lld channels, expected 1 (grey) or 3 (red, green, blue)",
                           (long long)p->channels);
    if (p->width < 1 || p->height < 1 || p->width > LONGEST_SIDE || p->height > LONGEST_SIDE)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "picture of %lld by %lld pixels, expected 1 to %d a side",
                           (long long)p->width, (long long)p->height, LONGEST_SIDE);
    if (p->stride && p->stride < p->width * p->channels)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "picture rows of %lld bytes that are %lld bytes apart",
                           (long long)(p->width * p->channels), (long long)p->stride);
    return true;
}

#if CAIRN__HAVE_PNG
#include <png.h>

bool cairn__png_built_in(void)
{
    return true;
}

/* What the callbacks need; libpng reports errors by a jump to `back`. */
typedef struct state {
    png_structp png;
    png_infop info;
    cairn__text *out;
    cairn_status status;
    jmp_buf back;
} state;

static void on_error(png_structp png, png_const_charp message)
{
    state *s = png_get_error_ptr(png);
    cairn__fail(&s->status, CAIRN_ERR_VALUE, "picture cannot be written as PNG: %s", message);
    longjmp(s->back, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png, (void)message;
}

static png_voidp allocate(png_structp png, png_alloc_size_t bytes)
{
    state *s = png_get_mem_ptr(png);
    return cairn__alloc(1, bytes, &s->status);
}

static void release(png_structp png, png_voidp memory)
{
    (void)png;
    cairn__free(memory);
}

static void on_bytes(png_structp png, png_bytep bytes, png_size_t n)
{
    state *s = png_get_io_ptr(png);
    cairn__text_add_bytes(s->out, bytes, n);
    if (s->out->failed)
        png_error(png, "out of memory");
}

static void on_flush(png_structp png)
{
    (void)png;
}

/* Everything that changes between setjmp and a jump back lives in *s, outside this function: its
 * own variables would be lost. */
static bool encode(state *s, const cairn_report_picture *p)
{
    if (setjmp(s->back))
        return false;
    s->png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, s, on_error, on_warning, s, allocate,
                                       release);
    s->info = s->png ? png_create_info_struct(s->png) : NULL;
    if (!s->info)
        return false;
    png_set_write_fn(s->png, s, on_bytes, on_flush);
    png_set_IHDR(s->png, s->info, (png_uint_32)p->width, (png_uint_32)p->height, 8,
                 p->channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(s->png, s->info);
    for (int64_t row = 0; row < p->height; row++)
        png_write_row(s->png, p->pixels + row * (p->stride ? p->stride : p->width * p->channels));
    png_write_end(s->png, s->info);
    return true;
}

bool cairn__png_encode(const cairn_report_picture *picture, cairn__text *out, cairn_status *status)
{
    state s = {.out = out};
    size_t before = out->length;
    if (!cairn_ok(status) || !valid(picture, status))
        return false;
    bool good = encode(&s, picture);
    png_destroy_write_struct(&s.png, &s.info);
    if (good)
        return true;
    out->length = before;
    cairn__fail_memory(&s.status, sizeof s); /* libpng gave up without a word */
    return cairn__fail(status, s.status.code, "%s", s.status.message);
}

#else

bool cairn__png_built_in(void)
{
    return false;
}

bool cairn__png_encode(const cairn_report_picture *picture, cairn__text *out, cairn_status *status)
{
    (void)out;
    if (!cairn_ok(status) || !valid(picture, status))
        return false;
    return cairn__fail(status, CAIRN_ERR_MISSING, "pictures need libpng, which is not built in");
}

#endif
