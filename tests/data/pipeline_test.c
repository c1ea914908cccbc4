/* Augmentations: Pillow's operations to the byte, the grammar of pipelines, and what must hold of
 * every step whatever it draws. */
#include <stdlib.h>

#include "config.h"
#include "data/colour.h"
#include "pictures.h"

/* ---- operations ------------------------------------------------------------------------------ */

static bool operate(cairn__work *w, const char *name, double x)
{
    cairn_image *i = &w->image;
    const double shear_x[] = {1, x, 0, 0, 1, 0}, shear_y[] = {1, 0, 0, x, 1, 0};
    const double move_x[] = {1, 0, x, 0, 1, 0}, move_y[] = {1, 0, 0, 0, 1, x};
    if (strcmp(name, "Brightness") == 0)
        return cairn__brightness(i, x), true;
    if (strcmp(name, "Contrast") == 0)
        return cairn__contrast(i, x), true;
    if (strcmp(name, "Color") == 0)
        return cairn__saturation(i, x), true;
    if (strcmp(name, "Sharpness") == 0)
        return cairn__sharpness(w, x, NULL);
    if (strcmp(name, "Solarize") == 0)
        return cairn__solarise(i, (int)x), true;
    if (strcmp(name, "Posterize") == 0)
        return cairn__posterise(i, (int)x), true;
    if (strcmp(name, "AutoContrast") == 0)
        return cairn__autocontrast(i), true;
    if (strcmp(name, "Equalize") == 0)
        return cairn__equalise(i), true;
    if (strcmp(name, "Rotate") == 0)
        return cairn__rotate(w, x, 128, NULL);
    return cairn__affine(w,
                         strcmp(name, "ShearX") == 0       ? shear_x
                         : strcmp(name, "ShearY") == 0     ? shear_y
                         : strcmp(name, "TranslateX") == 0 ? move_x
                                                           : move_y,
                         128, NULL);
}

TEST(operations_give_the_bytes_of_pillow)
{
    size_t n;
    char *text = test_read_file(FOLDER "golden.txt", &n), *next = NULL;
    int rows = 0;
    if (!CHECK(text != NULL))
        return;
    for (char *line = strtok_r(text, "\n", &next); line; line = strtok_r(NULL, "\n", &next)) {
        char name[64];
        double amount;
        unsigned long long expected;
        if (sscanf(line, "operation %63s %lf %llx", name, &amount, &expected) != 3)
            continue;
        cairn__work w = {0};
        make_picture(&w.image, 41, 32, 3);
        for (size_t i = 0; i < 41 * 32 * 3; i++)
            w.image.pixels[i] = (unsigned char)(w.image.pixels[i] / 2 + 40);
        CHECK(operate(&w, name, amount));
        test_check(hash(&w.image) == expected, __FILE__, __LINE__, "other pixels: %s", line);
        cairn__work_free(&w);
        rows++;
    }
    CHECK(rows > 40);
    cairn__free(text);
}

/* resize and centre_crop are done in one where they follow one another, and not where the crop is
 * larger: the same bytes as one after the other. */
TEST(resize_and_centre_crop_in_one)
{
    static const int sizes[][2] = {{90, 61}, {61, 90}, {64, 64}, {20, 300}};
    for (size_t i = 0; i < CAIRN__COUNT(sizes); i++)
        for (int crop = 7; crop < 60; crop += 13) {
            char text[64];
            cairn_status status = CAIRN_STATUS_INIT;
            cairn__work one = {0}, two = {0};
            cairn__draws draws = cairn__draws_new(1, 0, 0, 0);
            bool done = false;
            snprintf(text, sizeof text, "resize(40)|centre_crop(%d)", crop);
            cairn_pipeline *p = cairn_pipeline_parse(text, &status);
            if (!CHECK(p != NULL))
                return;
            const cairn__step *resize = &p->steps[1], *cut = &p->steps[2];
            make_picture(&one.image, sizes[i][0], sizes[i][1], 3);
            make_picture(&two.image, sizes[i][0], sizes[i][1], 3);
            CHECK(cairn__resize_and_crop(resize->parameters.bytes, cut->parameters.bytes, &one,
                                         &done, &status));
            CHECK_INT(done, crop <= 40);
            CHECK(resize->kind->apply(resize->parameters.bytes, &two, &draws, &status));
            CHECK(cut->kind->apply(cut->parameters.bytes, &two, &draws, &status));
            CHECK(!done || hash(&one.image) == hash(&two.image));
            cairn_pipeline_free(p);
            cairn__work_free(&one);
            cairn__work_free(&two);
        }
}

TEST(hue)
{
    cairn_image image = {0};
    make_picture(&image, 1, 1, 3);
    static const unsigned char rows[][3][3] = {
        /* a third of a turn moves red to green and green to blue */
        {{200, 10, 10}, {10, 200, 10}, {10, 10, 200}},
        {{200, 105, 10}, {10, 200, 105}, {105, 10, 200}},
        {{77, 77, 77}, {77, 77, 77}, {77, 77, 77}},
    };
    for (size_t i = 0; i < CAIRN__COUNT(rows); i++) {
        for (int turn = 0; turn < 3; turn++) {
            memcpy(image.pixels, rows[i][0], 3);
            cairn__hue(&image, turn == 2 ? -1.0 / 3 : turn / 3.0);
            for (int c = 0; c < 3; c++)
                CHECK_NEAR(image.pixels[c], rows[i][turn][c], 1);
        }
    }
    cairn_image_free(&image);
}

/* ---- grammar --------------------------------------------------------------------------------- */

TEST(a_pipeline_as_text_parses_to_itself)
{
    static const char *const rows[][2] = {
        {"", "decode(color=rgb, scale=1, orient=true)"},
        {" decode | crop ( 32 , fill = 7 ) ",
         "decode(color=rgb, scale=1, orient=true)|crop(size=32, padding=0, fill=7)"},
        {"flip", "decode(color=rgb, scale=1, orient=true)|flip(p=0.5)"},
        {"flip()|resize(8, exact=true)",
         "decode(color=rgb, scale=1, orient=true)|flip(p=0.5)|resize(size=8, filter=bilinear, "
         "exact=true)"},
        {"decode(grey)|mixup|cutmix(0.5)",
         "decode(color=grey, scale=1, orient=true)|mixup(alpha=0.2)|cutmix(alpha=0.5)"},
    };
    for (size_t i = 0; i < CAIRN__COUNT(rows); i++) {
        cairn_status status = CAIRN_STATUS_INIT;
        cairn_pipeline *p = cairn_pipeline_parse(rows[i][0], &status);
        CHECK_OK(status);
        if (!p)
            continue;
        char *text = cairn_pipeline_text(p, &status);
        CHECK_TEXT(text, rows[i][1]);
        cairn_pipeline *again = cairn_pipeline_parse(text, &status);
        char *same = again ? cairn_pipeline_text(again, &status) : NULL;
        CHECK_TEXT(same, rows[i][1]);
        cairn_description_free(text);
        cairn_description_free(same);
        cairn_pipeline_free(p);
        cairn_pipeline_free(again);
    }
}

TEST(sentences_name_place_and_form)
{
    static const char *const rows[][2] = {
        {"crop(224)|flop", "pipeline: character 11: no step 'flop'; did you mean 'flip'?"},
        {"|", "pipeline: character 1: no step, expected a name such as crop"},
        {"flip|", "pipeline: character 6: no step, expected a name such as crop"},
        {"crop(224",
         "pipeline: character 5: this '(' has no ')', expected crop(size, padding, fill)"},
        {"crop(", "pipeline: character 5: this '(' has no ')', expected crop(size, padding, fill)"},
        {"crop(1,,2)", "pipeline: character 8: no value, expected crop(size, padding, fill)"},
        {"crop(1,2,3,4)", "pipeline: character 12: '4' is argument 4, expected at most 3: "
                          "crop(size, padding, fill)"},
        {"crop(224) flip", "pipeline: character 11: 'f', expected '|' and a step, or the end"},
        {"flip(2)", "pipeline: character 6: p: '2', expected a number from 0 to 1, in flip(p)"},
        {"flip(q=1)", "pipeline: character 6: unknown option 'q'; did you mean 'p'?, in flip(p)"},
        {"resize(9, filter=cubic)", "pipeline: character 11: filter: 'cubic', expected one of: "
                                    "bilinear, bicubic, lanczos, box, in resize(size, filter, "
                                    "exact)"},
        {"decode(scale=3)", "pipeline: character 1: decode: scale is 3, expected 1, 2, 4 or 8"},
        {"normalise|flip",
         "pipeline: character 11: flip stands behind normalise, expected the order "
         "decode, changes of pictures, normalise, mixup or cutmix"},
        {"flip|decode",
         "pipeline: character 6: decode stands behind flip, expected the order decode, "
         "changes of pictures, normalise, mixup or cutmix"},
        {"blur(1, 3, 2)", "pipeline: character 1: blur: from is 3, expected at most to, 2"},
    };
    for (size_t i = 0; i < CAIRN__COUNT(rows); i++) {
        cairn_status status = CAIRN_STATUS_INIT;
        CHECK(!cairn_pipeline_parse(rows[i][0], &status));
        CHECK_TEXT(status.message, rows[i][1]);
    }
}

TEST(the_help_has_every_step_and_parameter)
{
    char *help = cairn_pipeline_help(CAIRN_MEDIA_PICTURE, NULL);
    for (int i = 0; cairn__augmentations[i]; i++) {
        CHECK(cairn__augmentations[i]->size <= CAIRN__MOST_PARAMETERS);
        CHECK_CONTAINS(help, cairn__augmentations[i]->name);
        CHECK_CONTAINS(help, cairn__augmentations[i]->help);
        for (const cairn_option *row = cairn__augmentations[i]->table; row->kind; row++)
            CHECK_CONTAINS(help, row->help);
    }
    cairn_description_free(help);
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* Runs one step on a picture, as item `item`. */
static void run_step(const char *text, cairn__work *w, int64_t item)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_pipeline *p = cairn_pipeline_parse(text, &status);
    CHECK_OK(status);
    if (!p)
        return;
    const cairn__step *s = &p->steps[1];
    cairn__draws draws = cairn__draws_new(7, 0, item, 1);
    CHECK(s->kind->apply(s->parameters.bytes, w, &draws, &status));
    cairn_pipeline_free(p);
}

TEST(every_step_is_repeatable_and_of_the_size_it_says)
{
    static const int sizes[][3] = {{1, 1, 3}, {2, 1, 1}, {33, 17, 3}, {17, 33, 3}, {64, 64, 1}};
    for (int k = 0; cairn__augmentations[k]; k++) {
        const cairn__augmentation *kind = cairn__augmentations[k];
        if (kind->stage != CAIRN__STAGE_PICTURE)
            continue;
        for (size_t s = 0; s < CAIRN__COUNT(sizes); s++) {
            for (int64_t item = 0; item < 8; item++) {
                cairn__work a = {0}, b = {0};
                int64_t width = sizes[s][0], height = sizes[s][1];
                make_picture(&a.image, sizes[s][0], sizes[s][1], sizes[s][2]);
                make_picture(&b.image, sizes[s][0], sizes[s][1], sizes[s][2]);
                run_step(kind->name, &a, item);
                run_step(kind->name, &b, item);
                CHECK(hash(&a.image) == hash(&b.image));
                cairn__step step = {.kind = kind};
                cairn_options_defaults(kind->table, step.parameters.bytes);
                if (kind->size_of)
                    kind->size_of(step.parameters.bytes, &width, &height);
                if (width)
                    CHECK_INT(a.image.width, width);
                if (height)
                    CHECK_INT(a.image.height, height);
                CHECK_INT(a.image.channels, sizes[s][2]);
                cairn__work_free(&a);
                cairn__work_free(&b);
            }
        }
    }
}

TEST(steps_draw_for_each_item_anew)
{
    static const char *const names[] = {"crop(20)",  "resized_crop(20)", "flip",
                                        "jitter(1)", "blur(1)",          "cutout(8)",
                                        "grey(0.5)", "solarise(0.5)",    "randaugment(2, 9)"};
    for (size_t i = 0; i < CAIRN__COUNT(names); i++) {
        int different = 0;
        for (int64_t item = 0; item < 20; item++) {
            cairn__work a = {0}, b = {0};
            make_picture(&a.image, 33, 27, 3);
            make_picture(&b.image, 33, 27, 3);
            run_step(names[i], &a, item);
            run_step(names[i], &b, item + 1);
            different += hash(&a.image) != hash(&b.image);
            cairn__work_free(&a);
            cairn__work_free(&b);
        }
        test_check(different >= 3, __FILE__, __LINE__, "%s: the same for all items", names[i]);
    }
}

TEST(crops_take_the_pixels_they_say)
{
    cairn__work w = {0};
    make_picture(&w.image, 9, 7, 3);
    unsigned char middle[3], corner[3];
    memcpy(middle, w.image.pixels + (2 * 9 + 3) * 3, 3);
    memcpy(corner, w.image.pixels, 3);
    run_step("centre_crop(3)", &w, 0);
    CHECK(memcmp(w.image.pixels, middle, 3) == 0);
    make_picture(&w.image, 9, 7, 3);
    run_step("centre_crop(11, fill=9)", &w, 0);
    CHECK_INT(w.image.pixels[0], 9);
    CHECK(memcmp(w.image.pixels + (2 * 11 + 1) * 3, corner, 3) == 0);
    make_picture(&w.image, 9, 7, 3);
    uint64_t whole = hash(&w.image);
    run_step("flip(1)", &w, 0);
    CHECK(hash(&w.image) != whole);
    CHECK(memcmp(w.image.pixels + 8 * 3, corner, 3) == 0);
    run_step("flip(1)", &w, 0);
    CHECK(hash(&w.image) == whole);
    run_step("resize(3)", &w, 0);
    CHECK_INT(w.image.width, 3);
    CHECK_INT(w.image.height, 3);
    make_picture(&w.image, 90, 40, 1);
    run_step("resize(20)", &w, 0);
    CHECK_INT(w.image.width, 45);
    CHECK_INT(w.image.height, 20);
    cairn__work_free(&w);
}

/* Random crops of 1 pixel find every place about equally often. */
TEST(places_are_uniform)
{
    int counts[4] = {0};
    for (int64_t item = 0; item < 4000; item++) {
        cairn__work w = {0};
        CHECK(cairn__image_shape(&w.image, 2, 2, 1, NULL));
        memcpy(w.image.pixels, (unsigned char[]){0, 1, 2, 3}, 4);
        run_step("crop(1)", &w, item);
        counts[w.image.pixels[0]]++;
        cairn__work_free(&w);
    }
    for (int i = 0; i < 4; i++)
        CHECK_NEAR(counts[i], 1000, 150);
}

TEST(a_blur_is_the_sum_of_its_definition)
{
    cairn__work w = {0};
    cairn_image flat = {0};
    make_picture(&w.image, 23, 19, 1);
    unsigned char before[23 * 19];
    memcpy(before, w.image.pixels, sizeof before);
    run_step("blur(1, 1.5, 1.5)", &w, 0);
    double weights[5 * 2 + 1], sum = 0, expected = 0;
    for (int i = -5; i <= 5; i++)
        sum += weights[i + 5] = exp(-0.5 * i * i / 2.25);
    for (int dy = -5; dy <= 5; dy++)
        for (int dx = -5; dx <= 5; dx++)
            expected += weights[dy + 5] * weights[dx + 5] / (sum * sum) *
                        before[abs(2 + dy) * 23 + (21 + dx > 22 ? 44 - 21 - dx : 21 + dx)];
    CHECK_NEAR(w.image.pixels[2 * 23 + 21], expected, 1.1);
    memset(w.image.pixels, 200, sizeof before);
    run_step("blur(1, 2, 2)", &w, 0);
    for (size_t i = 0; i < sizeof before; i++)
        CHECK_INT(w.image.pixels[i], 200);
    cairn__work_free(&w);
    cairn_image_free(&flat);
}

/* ---- batches --------------------------------------------------------------------------------- */

TEST(normalise_and_layouts)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_image image = {0};
    float planes[2 * 2 * 3], pixels[2 * 2 * 3];
    make_picture(&image, 2, 2, 3);
    cairn_pipeline *p = cairn_pipeline_parse("normalise(0.1, 0.2, 0.3, 0.5, 0.25, 2)", &status);
    if (!CHECK(p != NULL))
        return;
    cairn__pipeline_numbers(p, &image, true, planes);
    cairn__pipeline_numbers(p, &image, false, pixels);
    for (int i = 0; i < 4; i++) {
        for (int c = 0; c < 3; c++) {
            double sd = c == 0 ? 0.5 : c == 1 ? 0.25 : 2;
            double expected = (image.pixels[3 * i + c] / 255.0 - 0.1 * (c + 1)) / sd;
            CHECK_NEAR(planes[c * 4 + i], expected, 1e-6);
            CHECK_NEAR(pixels[i * 3 + c], expected, 1e-6);
        }
    }
    cairn_pipeline_free(p);
    cairn_image_free(&image);
}

TEST(mixing_keeps_sums_and_says_the_shares)
{
    static const char *const names[] = {"mixup(1)", "cutmix(1)", "mixup(0.001)|cutmix(0.3)"};
    const int64_t size[3] = {2, 5, 6};
    for (size_t k = 0; k < CAIRN__COUNT(names); k++) {
        cairn_status status = CAIRN_STATUS_INIT;
        cairn_pipeline *p = cairn_pipeline_parse(names[k], &status);
        double mean = 0;
        for (int64_t index = 0; index < 300; index++) {
            float x[5 * 60], share[5];
            int32_t label[5] = {10, 11, 12, 13, 14}, other[5];
            for (int i = 0; i < 5 * 60; i++)
                x[i] = (float)(i / 60);
            CHECK(cairn__pipeline_mix(p, 3, 0, index, 5, size, index % 2, x, label, other, share));
            CHECK_INT(other[1], 13);
            CHECK_NEAR(share[2], 1, 0);
            CHECK_NEAR(x[2 * 60 + 7], 2, 0);
            double sum = 0;
            for (int i = 0; i < 60; i++) {
                sum += x[i];
                CHECK_NEAR(x[i] + x[4 * 60 + i], 4, 1e-6);
            }
            CHECK_NEAR(sum / 60, 4 * (1 - share[0]), 1e-5);
            mean += share[0] / 300;
        }
        /* CutMix: 0.68 in the limit of many pixels, since the border cuts rectangles; a bit more
         * here. */
        CHECK_NEAR(mean, k == 1 ? 0.72 : 0.5, k == 2 ? 0.2 : 0.08);
        cairn_pipeline_free(p);
    }
}

TEST(beta_has_its_mean_and_variance)
{
    static const double alphas[] = {0.2, 1, 5};
    for (size_t k = 0; k < CAIRN__COUNT(alphas); k++) {
        double mean = 0, square = 0;
        for (int i = 0; i < 20000; i++) {
            cairn__draws d = cairn__draws_new(1, 0, i, 0);
            double x = cairn__draw_beta(&d, alphas[k]);
            mean += x / 20000;
            square += (x - 0.5) * (x - 0.5) / 20000;
        }
        CHECK_NEAR(mean, 0.5, 0.02);
        CHECK_NEAR(square, 1 / (4 * (2 * alphas[k] + 1)), 0.004);
    }
}

TEST(a_whole_pipeline_on_a_file)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_image a = {0}, b = {0}, c = {0};
    size_t n;
    char *bytes = test_read_file(FOLDER "half.jpg", &n);
    cairn_pipeline *p = cairn_pipeline_parse("resized_crop(16)|flip|jitter|normalise", &status);
    CHECK_OK(status);
    if (CAIRN__HAVE_JPEG && CHECK(bytes && p)) {
        CHECK(cairn_pipeline_apply(p, bytes, n, "half.jpg", 1, 0, 5, &a, &status));
        CHECK(cairn_pipeline_apply(p, bytes, n, "half.jpg", 1, 0, 5, &b, &status));
        CHECK(cairn_pipeline_apply(p, bytes, n, "half.jpg", 1, 1, 5, &c, &status));
        CHECK(hash(&a) == hash(&b));
        CHECK(hash(&a) != hash(&c));
        CHECK(!cairn_pipeline_apply(p, bytes, 100, "half.jpg", 1, 0, 5, &a, &status));
        CHECK_CONTAINS(status.message, "half.jpg: JPEG: ");
    }
    cairn_pipeline_free(p);
    cairn_image_free(&a);
    cairn_image_free(&b);
    cairn_image_free(&c);
    cairn__free(bytes);
}
