/* Pages of a run: the label space before pre-training, and where a network looks. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cairn/compile.h"
#include "data/data.h"
#include "graph/graph.h"
#include "methods/spl/run.h"
#include "methods/suspects.h"

/* ---- pictures of items ----------------------------------------------------------------------- */

bool cairn__spl_item_picture(const cairn_dataset *data, int64_t index, int64_t *height,
                             int64_t *width, uint8_t *pixels)
{
    const cairn_field *f = cairn_dataset_field_at(data, CAIRN_SPLIT_TRAIN, 0);
    bool grey = f->rank == 3, planes = f->rank == 4 && f->shape[1] == 3, clip = f->rank == 5;
    if (strcmp(f->name, "image") != 0 || f->type != CAIRN_DATA_U8 ||
        !(grey || planes || (clip && f->shape[4] == 3)))
        return false;
    *height = f->shape[grey ? 1 : 2];
    *width = f->shape[grey ? 2 : 3];
    if (!pixels)
        return true;
    int64_t n = *height * *width;
    const uint8_t *from = (const uint8_t *)f->data + index * cairn__item_elements(f);
    from += clip ? f->shape[1] / 2 * n * 3 : 0;
    for (int64_t p = 0; p < n; p++)
        for (int c = 0; c < 3; c++)
            pixels[3 * p + c] = grey ? from[p] : planes ? from[c * n + p] : from[3 * p + c];
    return true;
}

/* ---- the matrix ------------------------------------------------------------------------------ */

enum { MOST_ROWS = 200, MOST_SIDE = 512, CELL = 24 };

/* White to dark blue by the share, one square a cell. */
static void draw_matrix(const double *share, int64_t n, int64_t cell, uint8_t *pixels)
{
    static const double dark[3] = {8, 48, 107};
    int64_t side = n * cell;
    for (int64_t y = 0; y < side; y++)
        for (int64_t x = 0; x < side; x++)
            for (int c = 0; c < 3; c++)
                pixels[3 * (y * side + x) + c] =
                    (uint8_t)lround(255 - (255 - dark[c]) * sqrt(share[y / cell * n + x / cell]));
}

/* By counts (of the largest cell), and by rows (of the row's sum). */
static void add_matrix(const int64_t *counts, int64_t n, cairn_report *report)
{
    int64_t cell = CAIRN__MIN((int64_t)CELL, MOST_SIDE / n), side = n * cell, most = 1;
    if (cell < 1)
        return; /* matrix.csv has it */
    double *share = cairn__alloc((size_t)(n * n), sizeof *share, NULL);
    uint8_t *pixels[2] = {cairn__alloc((size_t)(side * side), 3, NULL),
                          cairn__alloc((size_t)(side * side), 3, NULL)};
    cairn_report_picture grid[2];
    static const char *const captions[2] = {"counts", "share of the row"};
    for (int64_t i = 0; i < n * n; i++)
        most = CAIRN__MAX(most, counts[i]);
    for (int k = 0; share && pixels[0] && pixels[1] && k < 2; k++) {
        for (int64_t i = 0; i < n * n; i++) {
            int64_t sum = 0;
            for (int64_t t = 0; t < n; t++)
                sum += counts[i / n * n + t];
            share[i] = (double)counts[i] / (double)(k ? CAIRN__MAX(sum, (int64_t)1) : most);
        }
        draw_matrix(share, n, cell, pixels[k]);
        grid[k] = (cairn_report_picture){.pixels = pixels[k],
                                         .height = side,
                                         .width = side,
                                         .channels = 3,
                                         .caption = captions[k]};
    }
    if (share && pixels[0] && pixels[1])
        cairn_report_pictures(report, "Rows: weak labels; columns: the teacher's classes", grid, 1,
                              2);
    cairn__free(share);
    cairn__free(pixels[0]);
    cairn__free(pixels[1]);
}

/* ---- the classes ----------------------------------------------------------------------------- */

static void add_classes(const cairn__spl_labelled *l, cairn_report *report)
{
    int64_t n = cairn_spl_space_size(l->space), shown = CAIRN__MIN(n, (int64_t)MOST_ROWS);
    cairn__arena arena = {NULL};
    const char **names = cairn__arena_alloc(&arena, (size_t)shown, sizeof *names, NULL);
    const char **kinds = cairn__arena_alloc(&arena, (size_t)shown, sizeof *kinds, NULL);
    int64_t *items = cairn__arena_alloc(&arena, (size_t)shown, sizeof *items, NULL);
    int64_t *cells = cairn__arena_alloc(&arena, (size_t)shown, sizeof *cells, NULL);
    for (int64_t c = 0; names && kinds && items && cells && c < shown; c++) {
        char one[256];
        cairn_spl_class about = cairn_spl_space_class(l->space, c);
        cairn_spl_class_text(l->space, c, l->weak->names, one, sizeof one);
        names[c] = cairn__arena_text(&arena, NULL, "%s", one);
        kinds[c] = about.rest                            ? "merged"
                   : about.weak < 0 || about.teacher < 0 ? "row"
                   : about.weak == about.teacher         ? "agreed"
                                                         : "disagreed";
        items[c] = about.items;
        cells[c] = about.cells;
    }
    const cairn_report_column columns[] = {
        {.name = "class (weak / teacher)", .texts = names},
        {.name = "kind", .texts = kinds},
        {.name = "items", .counts = items},
        {.name = "pairs in it", .counts = cells},
    };
    if (names && kinds && items && cells) {
        cairn_report_heading(report, "Classes of pre-training");
        cairn_report_table(report, n > shown ? "The first 200; labels.csv has all" : NULL, columns,
                           CAIRN__COUNT(columns), shown);
    }
    cairn__arena_free(&arena);
}

static void add_agreement(const cairn__spl_labelled *l, cairn_report *report)
{
    int64_t n = cairn_dataset_classes(l->weak), shown = CAIRN__MIN(n, (int64_t)MOST_ROWS);
    cairn__arena arena = {NULL};
    const char **names = cairn__arena_alloc(&arena, (size_t)shown, sizeof *names, NULL);
    int64_t *items = cairn__arena_alloc(&arena, (size_t)shown, sizeof *items, NULL);
    double *agreed = cairn__arena_alloc(&arena, (size_t)shown, sizeof *agreed, NULL);
    for (int64_t w = 0; names && items && agreed && w < shown; w++) {
        char text[24];
        for (int64_t t = 0; t < n; t++)
            items[w] += l->counts[w * n + t];
        names[w] =
            cairn__arena_text(&arena, NULL, "%s", cairn__class_text(l->weak, (int32_t)w, text));
        agreed[w] = items[w] ? 100 * (double)l->counts[w * n + w] / (double)items[w] : NAN;
    }
    const cairn_report_column columns[] = {
        {.name = "weak label", .texts = names},
        {.name = "items", .counts = items},
        {.name = "teacher agrees (%)", .reals = agreed, .digits = 3},
    };
    if (names && items && agreed)
        cairn_report_table(report, "Agreement", columns, CAIRN__COUNT(columns), shown);
    cairn__arena_free(&arena);
}

/* ---- the largest cells off the diagonal ------------------------------------------------------ */

enum { EXAMPLE_ROWS = 6, EXAMPLES = 6 };

/* The k-th largest cell off the diagonal (of equal ones the first), or -1. */
static int64_t next_cell(const int64_t *counts, int64_t n, const int64_t *taken, int k)
{
    int64_t best = -1;
    for (int64_t i = 0; i < n * n; i++) {
        bool used = i / n == i % n || counts[i] == 0;
        for (int j = 0; j < k; j++)
            used = used || taken[j] == i;
        if (!used && (best < 0 || counts[i] > counts[best]))
            best = i;
    }
    return best;
}

static void add_examples(const cairn__spl_labelled *l, cairn_report *report)
{
    int64_t n = cairn_dataset_classes(l->weak), height, width, taken[EXAMPLE_ROWS], rows = 0;
    const cairn_field *f = cairn_dataset_field(l->weak, CAIRN_SPLIT_TRAIN, "label");
    const int32_t *weak = f->data;
    cairn_report_picture grid[EXAMPLE_ROWS * EXAMPLES] = {{.pixels = NULL}};
    char captions[EXAMPLE_ROWS * EXAMPLES][96], a[24], b[24];
    if (!cairn__spl_item_picture(l->weak, 0, &height, &width, NULL))
        return;
    size_t bytes = (size_t)(height * width) * 3;
    uint8_t *pixels = cairn__alloc(EXAMPLE_ROWS * EXAMPLES, bytes, NULL), *to = pixels;
    for (int k = 0; pixels && k < EXAMPLE_ROWS; k++) {
        int64_t cell = taken[k] = next_cell(l->counts, n, taken, k);
        if (cell < 0)
            break;
        rows = k + 1;
        for (int64_t i = 0, found = 0; i < f->shape[0] && found < EXAMPLES; i++) {
            int64_t at = k * EXAMPLES + found;
            if (weak[i] * n + l->teacher[i] != cell)
                continue;
            cairn__spl_item_picture(l->weak, i, &height, &width, to);
            snprintf(captions[at], sizeof captions[at], "%s / %s",
                     cairn__class_text(l->weak, weak[i], a),
                     cairn__class_text(l->weak, l->teacher[i], b));
            grid[at] = (cairn_report_picture){.pixels = to,
                                              .height = height,
                                              .width = width,
                                              .channels = 3,
                                              .caption = captions[at]};
            to += bytes;
            found++;
        }
    }
    if (rows > 0) {
        cairn_report_heading(report, "Largest disagreements");
        cairn_report_pictures(report, "Weak label / teacher's class, one pair a row", grid, rows,
                              EXAMPLES);
    }
    cairn__free(pixels);
}

void cairn__spl_report_labels(const cairn__spl_labelled *l, cairn_report *report)
{
    int64_t n = cairn_dataset_classes(l->weak), agreed = 0;
    int64_t items = cairn_dataset_count(l->weak, CAIRN_SPLIT_TRAIN);
    double confidence = 0;
    for (int64_t c = 0; c < n; c++)
        agreed += l->counts[c * n + c];
    for (int64_t i = 0; i < items; i++)
        confidence += l->confidence[i] / (double)items;
    cairn_report_fact(report, "Weak items", "%lld", (long long)items);
    cairn_report_fact(report, "Teacher agrees", "%.1f %%", 100 * (double)agreed / (double)items);
    if (isfinite(l->teacher_accuracy))
        cairn_report_fact(report, "Teacher on clean test items", "%.1f %%",
                          100 * l->teacher_accuracy);
    cairn_report_fact(report, "Its mean confidence", "%.3f", confidence);
    cairn_report_fact(report, "Classes", "%lld", (long long)cairn_spl_space_size(l->space));
    cairn_report_fact(report, "Items with a class", "%lld",
                      (long long)cairn_spl_space_kept(l->space));
    cairn_report_heading(report, "Weak label and teacher");
    add_matrix(l->counts, n, report);
    add_agreement(l, report);
    add_examples(l, report);
    add_classes(l, report);
}

/* ---- where the network looks ----------------------------------------------------------------- */

enum { MAP_CLASSES = 6, MAP_ITEMS = 4, MAPS = MAP_CLASSES * MAP_ITEMS };

/* The items shown: the first ones of the largest classes. Returns how many classes. */
static int choose_items(const cairn_dataset *data, int64_t item[MAPS], int32_t label[MAPS])
{
    const cairn_field *f = cairn_dataset_field(data, CAIRN_SPLIT_TRAIN, "label");
    const int32_t *labels = f->data;
    int64_t classes = cairn_dataset_classes(data);
    int64_t *count = cairn__alloc((size_t)classes, sizeof *count, NULL);
    int rows = 0;
    for (int64_t i = 0; count && i < f->shape[0]; i++)
        count[labels[i]]++;
    for (; count && rows < MAP_CLASSES; rows++) {
        int32_t best = 0;
        for (int32_t c = 1; c < classes; c++)
            best = count[c] > count[best] ? c : best;
        if (count[best] < 1)
            break;
        count[best] = 0;
        int found = 0;
        for (int64_t i = 0; i < f->shape[0] && found < MAP_ITEMS; i++)
            if (labels[i] == best) {
                item[rows * MAP_ITEMS + found] = i;
                label[rows * MAP_ITEMS + found++] = best;
            }
        for (; found < MAP_ITEMS; found++)
            item[rows * MAP_ITEMS + found] = -1;
    }
    cairn__free(count);
    return rows;
}

/* Maps of MAPS items, of clips those of the middle frame: f32 [MAPS, height, width]. False without
 * an error: the network has none. */
static bool make_maps(const cairn__spl_run *run, const cairn_graph *trained,
                      const cairn_dataset *data, const int64_t *item, const int32_t *label,
                      int64_t height, int64_t width, float *maps, cairn_status *status)
{
    const cairn_field *f = cairn_dataset_field_at(data, CAIRN_SPLIT_TRAIN, 0);
    int64_t elements = cairn__item_elements(f), frames = f->rank == 5 ? f->shape[1] : 1;
    size_t bytes = (size_t)(MAPS * elements) * sizeof(float);
    cairn_graph *g = cairn_graph_new_sharing(trained);
    cairn__spl_built m = cairn__spl_build(run, g, data, MAPS);
    cairn_program *p = NULL;
    float *x = cairn__alloc(bytes, 1, status);
    if (m.good && m.features.graph && x) {
        cairn_tensor c = cairn_input(g, "class", CAIRN_I32, CAIRN_SHAPE(MAPS));
        cairn_shape sizes =
            f->rank == 5 ? CAIRN_SHAPE(frames, height, width) : CAIRN_SHAPE(height, width);
        cairn_tensor map = cairn_grad_cam(m.logits, m.features, c, sizes);
        if (frames > 1 || f->rank == 5)
            map = cairn_slice(map, 1, frames / 2, 1, 1);
        cairn_output(map, "map");
        p = cairn_compile_outputs(g, cairn_cpu(), NULL, 0, false, status);
    }
    size_t size = (size_t)elements * cairn_data_type_bytes(f->type);
    for (int64_t i = 0; p && i < MAPS; i++)
        if (item[i] >= 0)
            cairn__converter_of(f->type)((const uint8_t *)f->data + (size_t)item[i] * size,
                                         elements, x + i * elements);
    bool good =
        p && cairn_program_feed(p, "x", x, bytes, status) &&
        cairn_program_feed(p, "class", label, MAPS * sizeof *label, status) &&
        cairn_program_run(p, status) &&
        cairn_program_fetch(p, "map", maps, (size_t)(MAPS * height * width) * sizeof *maps, status);
    cairn_program_free(p);
    cairn_graph_free(g);
    cairn__free(x);
    return good;
}

/* The picture in grey, redder the higher the map, relative to its own largest value. */
static void overlay(const uint8_t *picture, const float *map, int64_t n, uint8_t *out)
{
    double most = 1e-30;
    for (int64_t p = 0; p < n; p++)
        most = fmax(most, (double)map[p]);
    for (int64_t p = 0; p < n; p++) {
        const uint8_t *rgb = picture + 3 * p;
        double grey = 0.3 * rgb[0] + 0.59 * rgb[1] + 0.11 * rgb[2];
        double heat = (double)map[p] / most;
        out[3 * p] = (uint8_t)lround(grey * (1 - 0.6 * heat) + 255 * 0.6 * heat);
        out[3 * p + 1] = (uint8_t)lround(grey * (1 - 0.6 * heat) + 60 * 0.6 * heat);
        out[3 * p + 2] = (uint8_t)lround(grey * (1 - 0.6 * heat));
    }
}

static void add_maps(const cairn_dataset *data, const int64_t *item, const int32_t *label, int rows,
                     int64_t height, int64_t width, const float *maps, uint8_t *pixels,
                     cairn_report *report)
{
    cairn_report_picture grid[2 * MAPS] = {{.pixels = NULL}};
    char captions[MAPS][24];
    int64_t n = height * width;
    for (int i = 0; i < rows * MAP_ITEMS; i++) {
        uint8_t *plain = pixels + 6 * n * i, *hot = plain + 3 * n;
        if (item[i] < 0)
            continue;
        cairn__spl_item_picture(data, item[i], &height, &width, plain);
        overlay(plain, maps + n * i, n, hot);
        grid[2 * i] =
            (cairn_report_picture){.pixels = plain,
                                   .height = height,
                                   .width = width,
                                   .channels = 3,
                                   .caption = cairn__class_text(data, label[i], captions[i])};
        grid[2 * i + 1] =
            (cairn_report_picture){.pixels = hot, .height = height, .width = width, .channels = 3};
    }
    cairn_report_heading(report, "Where the network looks");
    cairn_report_paragraph(report,
                           "Grad-CAM of the class of each item, for the %d largest classes: what "
                           "raises its logit is red. Of clips the middle frame is shown.",
                           rows);
    cairn_report_pictures(report, NULL, grid, rows, 2 * MAP_ITEMS);
}

bool cairn__spl_report_maps(const cairn__spl_run *run, const cairn_graph *trained,
                            const cairn_dataset *data, cairn_report *report, cairn_status *status)
{
    int64_t item[MAPS], height, width;
    int32_t label[MAPS] = {0};
    if (!cairn__spl_item_picture(data, 0, &height, &width, NULL))
        return cairn_ok(status);
    for (int i = 0; i < MAPS; i++)
        item[i] = -1;
    int rows = choose_items(data, item, label);
    float *maps = cairn__alloc((size_t)(MAPS * height * width), sizeof *maps, status);
    uint8_t *pixels = cairn__alloc((size_t)(MAPS * height * width), 6, status);
    if (maps && pixels && rows > 0 &&
        make_maps(run, trained, data, item, label, height, width, maps, status))
        add_maps(data, item, label, rows, height, width, maps, pixels, report);
    cairn__free(maps);
    cairn__free(pixels);
    return cairn_ok(status);
}
