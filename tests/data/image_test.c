/* Pictures: the pixels that Pillow gives, and files that are cut, damaged or lying. */
#include "data/image.h"

#include <stdlib.h>

#include "config.h"
#include "pictures.h"

static int find(const char *const *names, const char *name)
{
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

static bool built_in(const char *name)
{
    return strstr(name, ".jpg") ? CAIRN__HAVE_JPEG : CAIRN__HAVE_PNG;
}

static void check_decode(const char *name, const char *color, int width, int height,
                         uint64_t expected)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_image_options options = cairn_image_defaults();
    cairn_image image = {0};
    char path[1024];
    snprintf(path, sizeof path, "%s%s", FOLDER, name);
    options.color = find(cairn__color_names, color);
    CHECK(cairn_image_read(path, 1 << 20, &options, &image, &status));
    CHECK_OK(status);
    CHECK_INT(image.width, width);
    CHECK_INT(image.height, height);
    test_check(hash(&image) == expected, __FILE__, __LINE__, "%s as %s has other pixels", name,
               color);
    cairn_image_free(&image);
}

TEST(decoding_and_resizing_give_the_bytes_of_pillow)
{
    size_t n;
    char *text = test_read_file(FOLDER "golden.txt", &n), *next = NULL;
    int rows = 0;
    if (!CHECK(text != NULL))
        return;
    for (char *line = strtok_r(text, "\n", &next); line; line = strtok_r(NULL, "\n", &next)) {
        char name[64], word[64];
        int width, height, channels, w, h;
        unsigned long long expected;
        if (sscanf(line, "decode %63s %63s %d %d %llx", name, word, &w, &h, &expected) == 5) {
            rows++;
            if (built_in(name))
                check_decode(name, word, w, h, expected);
            else
                printf("    skipped: %s, no library for it\n", name);
        } else if (sscanf(line, "resize %d %d %d %d %d %63s %llx", &width, &height, &channels, &w,
                          &h, word, &expected) == 7) {
            cairn_status status = CAIRN_STATUS_INIT;
            cairn_image from = {0}, to = {0};
            make_picture(&from, width, height, channels);
            CHECK(cairn_image_resize(&from, w, h, (cairn_filter)find(cairn__filter_names, word),
                                     &to, &status));
            test_check(hash(&to) == expected, __FILE__, __LINE__, "other pixels: %s", line);
            cairn_image_free(&from);
            cairn_image_free(&to);
            rows++;
        }
    }
    CHECK(rows > 60);
    cairn__free(text);
}

TEST(the_hash_sees_one_changed_pixel)
{
    cairn_image image = {0};
    make_picture(&image, 40, 30, 3);
    uint64_t before = hash(&image);
    image.pixels[1777] ^= 1;
    CHECK(hash(&image) != before);
    cairn_image_free(&image);
}

TEST(a_file_cut_anywhere_is_refused_by_name)
{
    static const char *const names[] = {"half.jpg", "progressive.jpg", "rgb.png", "palette.png"};
    for (size_t i = 0; i < CAIRN__COUNT(names); i++) {
        size_t n;
        char path[1024];
        snprintf(path, sizeof path, "%s%s", FOLDER, names[i]);
        char *bytes = test_read_file(path, &n);
        if (!CHECK(bytes != NULL) || !built_in(names[i])) {
            cairn__free(bytes);
            continue;
        }
        for (size_t cut = 0; cut < n - 2; cut += cut < 700 ? 1 : 17) {
            cairn_status status = CAIRN_STATUS_INIT;
            cairn_image image = {0};
            unsigned char *exact = malloc(cut ? cut : 1);
            memcpy(exact, bytes, cut);
            CHECK(!cairn_image_decode(exact, cut, "cut.img", NULL, &image, &status));
            CHECK_INT(status.code, CAIRN_ERR_FORMAT);
            CHECK_CONTAINS(status.message, "cut.img: ");
            CHECK_INT(image.width, 0);
            cairn_image_free(&image);
            free(exact);
        }
        cairn__free(bytes);
    }
}

TEST(sizes_are_checked_before_memory_is_taken)
{
    static const char *const names[] = {"half.jpg", "rgb.png"};
    for (size_t i = 0; i < CAIRN__COUNT(names); i++) {
        cairn_status status = CAIRN_STATUS_INIT;
        cairn_image_options options = cairn_image_defaults();
        cairn_image image = {0};
        char path[1024];
        snprintf(path, sizeof path, "%s%s", FOLDER, names[i]);
        options.pixel_limit = 37 * 29 - 1;
        if (!built_in(names[i]))
            continue;
        CHECK(!cairn_image_read(path, 1 << 20, &options, &image, &status));
        CHECK_CONTAINS(status.message, "37 x 29 pixels, more than the limit of 1072 pixels");
        CHECK(image.pixels == NULL);
        options.pixel_limit++;
        status = (cairn_status)CAIRN_STATUS_INIT;
        CHECK(cairn_image_read(path, 1 << 20, &options, &image, &status));
        cairn_image_free(&image);
    }
}

TEST(a_png_that_announces_more_than_its_bytes_can_hold)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_image image = {0};
    size_t n;
    char *bytes = test_read_file(FOLDER "grey.png", &n);
    if (!CHECK(bytes != NULL))
        return;
    /* Width and height, and the checksum of the header that goes with them. */
    memcpy(bytes + 16, "\x00\x00\x23\x28\x00\x00\x23\x28", 8);
    uint32_t crc = 0xFFFFFFFFu;
    for (int i = 12; i < 29; i++) {
        crc ^= (unsigned char)bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    for (int i = 0; i < 4; i++)
        bytes[29 + i] = (char)(~crc >> (24 - 8 * i));
    if (CAIRN__HAVE_PNG) {
        CHECK(!cairn_image_decode(bytes, n, "a.png", NULL, &image, &status));
        CHECK_CONTAINS(status.message, "a.png: PNG: 9000 x 9000 pixels cannot come from");
        CHECK(image.pixels == NULL);
    }
    cairn__free(bytes);
}

TEST(scaled_decoding_and_other_refusals)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_image_options options = cairn_image_defaults();
    cairn_image image = {0}, small = {0};
    options.scale = 4;
    if (CAIRN__HAVE_JPEG) {
        CHECK(cairn_image_read(FOLDER "half.jpg", 1 << 20, &options, &image, &status));
        CHECK_INT(image.width, 10);
        CHECK_INT(image.height, 8);
    }
    options.scale = 3;
    CHECK(!cairn_image_read(FOLDER "half.jpg", 1 << 20, &options, &image, &status));
    CHECK_TEXT(status.message, "decode: scale 3, expected 1, 2, 4 or 8");
    status = (cairn_status)CAIRN_STATUS_INIT;
    CHECK(!cairn_image_decode("GIF89a", 6, "a.gif", NULL, &image, &status));
    CHECK_TEXT(status.message, "a.gif: starts neither as JPEG nor as PNG, expected one of the two");
    status = (cairn_status)CAIRN_STATUS_INIT;
    make_picture(&image, 4, 4, 1);
    CHECK(!cairn_image_resize(&image, 0, 4, CAIRN_FILTER_BOX, &small, &status));
    CHECK_INT(status.code, CAIRN_ERR_SHAPE);
    cairn_image_free(&image);
    cairn_image_free(&small);
}

TEST(out_of_memory_at_each_allocation)
{
    static const char *const names[] = {"cmyk.jpg", "grey.jpg", "palette.png"};
    for (size_t i = 0; i < CAIRN__COUNT(names); i++) {
        bool good = !built_in(names[i]);
        char path[1024];
        snprintf(path, sizeof path, "%s%s", FOLDER, names[i]);
        for (int64_t fail = 1; fail < 100 && !good; fail++) {
            cairn_status status = CAIRN_STATUS_INIT;
            cairn_image image = {0}, small = {0};
            cairn__alloc_fail_after(fail);
            good = cairn_image_read(path, 1 << 20, NULL, &image, &status) &&
                   cairn_image_resize(&image, 10, 10, CAIRN_FILTER_BICUBIC, &small, &status);
            cairn__alloc_fail_after(0);
            CHECK(good || status.code == CAIRN_ERR_MEMORY || status.code == CAIRN_ERR_FORMAT);
            cairn_image_free(&image);
            cairn_image_free(&small);
        }
        CHECK(good);
    }
}

/* Every level, every filter, sizes on both sides of a vector, and windows: the same bytes. */
TEST(resizing_is_the_same_on_every_instruction_set_and_in_windows)
{
    static const int sizes[][2] = {{1, 1},  {2, 3},   {7, 5},    {30, 4},  {31, 33},
                                   {64, 9}, {100, 3}, {257, 70}, {640, 48}};
    cairn_image from = {0}, whole = {0}, part = {0}, scratch = {0};
    cairn_status status = CAIRN_STATUS_INIT;
    for (size_t a = 0; a < CAIRN__COUNT(sizes); a++)
        for (size_t b = 0; b < CAIRN__COUNT(sizes); b++)
            for (int k = 0; k < 8; k++) {
                int64_t w = sizes[b][0], h = sizes[b][1];
                make_picture(&from, sizes[a][0], sizes[a][1], k < 4 ? 3 : 1);
                CHECK(cairn__window_resize(CAIRN__ISA_BASELINE, cairn__whole_of(&from), w, h,
                                           (cairn__window){0, 0, w, h}, (cairn_filter)(k % 4),
                                           &whole, &scratch, &status));
                for (int level = 0; level < CAIRN__ISA_LEVELS; level++) {
                    if (!cairn__isa_supported((cairn__isa_level)level))
                        continue;
                    cairn__window in[2] = {{0, 0, w, h}, {w / 3, h / 4, (w + 1) / 2, (h + 2) / 3}};
                    for (int i = 0; i < 2; i++) {
                        CHECK(cairn__window_resize((cairn__isa_level)level, cairn__whole_of(&from),
                                                   w, h, in[i], (cairn_filter)(k % 4), &part,
                                                   &scratch, &status));
                        bool same = part.width == in[i].width && part.height == in[i].height;
                        cairn__part p =
                            cairn__part_of(&whole, in[i].x, in[i].y, in[i].width, in[i].height);
                        size_t row = (size_t)(p.width * p.channels);
                        for (int64_t y = 0; y < p.height && same; y++)
                            same = memcmp(part.pixels + (size_t)y * row,
                                          p.pixels + (size_t)y * p.stride, row) == 0;
                        CHECK(same);
                    }
                }
            }
    CHECK_OK(status);
    cairn_image *const all[] = {&from, &whole, &part, &scratch};
    for (size_t i = 0; i < CAIRN__COUNT(all); i++)
        cairn_image_free(all[i]);
}

/* ---- orientation ----------------------------------------------------------------------------- */

/* What EXIF 4.6.4 says of each orientation: where the first row and the first column are seen. */
static const struct {
    char row, column; /* top, bottom, left, right */
} sides[] = {{0, 0},     {'t', 'l'}, {'t', 'r'}, {'b', 'r'}, {'b', 'l'},
             {'l', 't'}, {'r', 't'}, {'r', 'b'}, {'l', 'b'}};

static void put_number(unsigned char **to, bool big, unsigned value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *(*to)++ = (unsigned char)(value >> 8 * (big ? bytes - 1 - i : i));
}

/* The APP1 segment with an orientation, behind another entry: its length. */
static size_t put_exif(unsigned char *to, int orientation, bool big)
{
    unsigned char *at = to;
    memcpy(at,
           "\xFF\xE1\0\x2A"
           "Exif\0\0",
           10);
    memcpy(at + 10, big ? "MM" : "II", 2);
    at += 12;
    put_number(&at, big, 42, 2);
    put_number(&at, big, 8, 4);
    put_number(&at, big, 2, 2);
    for (int i = 0; i < 2; i++) {
        put_number(&at, big, i ? 0x0112 : 0x010F, 2);
        put_number(&at, big, i ? 3 : 2, 2);
        put_number(&at, big, 1, 4);
        put_number(&at, big, i ? (unsigned)orientation : 5, 2);
        put_number(&at, big, 0, 2);
    }
    return (size_t)(at - to);
}

/* Decodes a file with n bytes put in behind its first two. */
static bool decode_with(const char *jpeg, size_t size, const unsigned char *segment, size_t n,
                        bool orient, cairn_image *image)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_image_options options = cairn_image_defaults();
    char *whole = cairn__alloc(size + n, 1, &status);
    options.orient = orient;
    memcpy(whole, jpeg, 2);
    memcpy(whole + 2, segment, n);
    memcpy(whole + 2 + n, jpeg + 2, size - 2);
    bool good = cairn_image_decode(whole, size + n, "exif.jpg", &options, image, &status);
    cairn__free(whole);
    return good;
}

static void check_oriented(const cairn_image *from, const cairn_image *to, int orientation)
{
    bool swap = orientation > 4;
    CHECK_INT(to->width, swap ? from->height : from->width);
    CHECK_INT(to->height, swap ? from->width : from->height);
    int64_t wrong = 0;
    for (int64_t v = 0; v < from->height; v++)
        for (int64_t u = 0; u < from->width; u++) {
            int64_t x = 0, y = 0, last_v = from->height - 1, last_u = from->width - 1;
            char row = sides[orientation].row, column = sides[orientation].column;
            *(row == 't' || row == 'b' ? &y : &x) = row == 't' || row == 'l' ? v : last_v - v;
            *(column == 't' || column == 'b' ? &y : &x) =
                column == 't' || column == 'l' ? u : last_u - u;
            wrong += memcmp(from->pixels + 3 * (v * from->width + u),
                            to->pixels + 3 * (y * to->width + x), 3) != 0;
        }
    CHECK_INT(wrong, 0);
}

TEST(pictures_are_turned_as_exif_says)
{
    unsigned char segment[64];
    size_t size;
    cairn_image plain = {0}, turned = {0};
    char *jpeg = test_read_file(FOLDER "full.jpg", &size);
    if (!CHECK(jpeg != NULL) || !built_in("full.jpg")) {
        cairn__free(jpeg);
        return;
    }
    CHECK(decode_with(jpeg, size, segment, 0, true, &plain));
    CHECK(plain.width != plain.height);
    for (int orientation = 0; orientation <= 9; orientation++)
        for (int big = 0; big < 2; big++) {
            size_t n = put_exif(segment, orientation, big);
            int expected = orientation >= 1 && orientation <= 8 ? orientation : 1;
            CHECK(decode_with(jpeg, size, segment, n, true, &turned));
            check_oriented(&plain, &turned, expected);
            CHECK(decode_with(jpeg, size, segment, n, false, &turned));
            check_oriented(&plain, &turned, 1);
        }
    /* Cut short anywhere before the value, it says nothing, and the picture is there. */
    for (unsigned char length = 2; length < 40; length++) {
        put_exif(segment, 6, true);
        segment[3] = length;
        CHECK(decode_with(jpeg, size, segment, 2 + (size_t)length, true, &turned));
        CHECK_INT(turned.width, plain.width);
    }
    cairn__free(jpeg);
    cairn_image_free(&plain);
    cairn_image_free(&turned);
}
