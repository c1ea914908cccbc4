/* What the report of a trained autoencoder shows: inputs above, their reconstructions below. */
#include <math.h>
#include <string.h>

#include "methods/locoprop/run.h"

enum { SHOWN = 12, MOST_PIXELS = 1 << 16 };

/* Height and width of an item that is a picture; false if it is none. */
static bool picture_size(const cairn_field *x, int64_t *height, int64_t *width)
{
    if (x->rank != 3 && x->rank != 2)
        return false;
    int64_t n = x->rank == 3 ? x->shape[1] * x->shape[2] : x->shape[1];
    int64_t side = (int64_t)llround(sqrt((double)n));
    *height = x->rank == 3 ? x->shape[1] : side;
    *width = x->rank == 3 ? x->shape[2] : side;
    return *height * *width == n && n <= MOST_PIXELS;
}

static void to_pixels(const float *from, uint8_t *to, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = (uint8_t)lround(255 * fmin(fmax((double)from[i], 0), 1));
}

static void add_pictures(cairn_report *report, const cairn_batch *batch, const float *y,
                         uint8_t *pixels, int64_t height, int64_t width)
{
    cairn_report_picture grid[2 * SHOWN];
    int64_t n = height * width, shown = CAIRN__MIN(batch->size, (int64_t)SHOWN);
    to_pixels(batch->x, pixels, shown * n);
    to_pixels(y, pixels + SHOWN * n, shown * n);
    memset(grid, 0, sizeof grid);
    for (int64_t i = 0; i < 2 * shown; i++)
        grid[i] = (cairn_report_picture){
            .pixels = pixels + (i < shown ? i : SHOWN + i - shown) * n,
            .height = height,
            .width = width,
            .channels = 1,
        };
    cairn_report_heading(report, "Reconstructions");
    cairn_report_pictures(report,
                          "Images of the test split above, what the network makes of their codes "
                          "below",
                          grid, 2, shown);
}

/* The first test batch through the trained network. */
static bool reconstruct(const cairn__locoprop_run *run, cairn_trainer *trainer,
                        cairn_report *report, int64_t height, int64_t width, cairn_status *status)
{
    const cairn_dataset *data = cairn_trainer_data(trainer);
    cairn_loader_options o = cairn_loader_defaults();
    size_t n = (size_t)(height * width);
    cairn_build b = {.data = data, .batch = SHOWN, .steps_per_epoch = 1, .total_steps = 1};
    o.batch = SHOWN;
    o.shuffle = o.prefetch = false;
    cairn_graph *g = cairn_graph_new_sharing(cairn_trainer_graph(trainer));
    cairn__locoprop_reconstruction(run, g, &b);
    cairn_program *p = cairn_compile_outputs(g, cairn_cpu(), NULL, 0, false, status);
    cairn_loader *loader = cairn_loader_new(data, CAIRN_SPLIT_TEST, &o, status);
    float *y = cairn__alloc(SHOWN * n, sizeof *y, status);
    uint8_t *pixels = cairn__alloc(2 * SHOWN * n, 1, status);
    const cairn_batch *batch = loader ? cairn_loader_next(loader, status) : NULL;
    size_t bytes = SHOWN * n * sizeof *y;
    bool good = p && batch && y && pixels && cairn_program_feed(p, "x", batch->x, bytes, status) &&
                cairn_program_run(p, status) &&
                cairn_program_fetch(p, "reconstruction", y, bytes, status);
    if (good)
        add_pictures(report, batch, y, pixels, height, width);
    cairn__free(y);
    cairn__free(pixels);
    cairn_loader_free(loader);
    cairn_program_free(p);
    cairn_graph_free(g);
    return good;
}

bool cairn__locoprop_report(const void *user, struct cairn_trainer *trainer,
                            struct cairn_report *report, cairn_status *status)
{
    const cairn__locoprop_run *run = user;
    const cairn_dataset *data = cairn_trainer_data(trainer);
    int64_t height, width;
    const cairn_field *x = cairn_dataset_field_at(data, CAIRN_SPLIT_TEST, 0);
    if (run->model.task != CAIRN__AUTOENCODER || !x || !x->shape[0] ||
        !picture_size(x, &height, &width))
        return true;
    return reconstruct(run, trainer, report, height, width, status);
}
