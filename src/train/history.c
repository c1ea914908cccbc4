/* Figures over time. A run logs a handful of figures at up to some millions of steps; tracks are
 * added once each, found by name, and grow by doubling. */
#include <math.h>
#include <string.h>

#include "train/train.h"

static cairn__track *find(const cairn__tracks *tracks, const char *name)
{
    for (int i = 0; i < tracks->n; i++)
        if (strcmp(tracks->list[i].name, name) == 0)
            return &tracks->list[i];
    return NULL;
}

const cairn__track *cairn__tracks_find(const cairn__tracks *tracks, const char *name)
{
    return find(tracks, name);
}

static cairn__track *add(cairn__tracks *tracks, const char *name, cairn_status *status)
{
    if (tracks->n == tracks->capacity) {
        int capacity = 2 * tracks->capacity + 8;
        cairn__track *list = cairn__resize(tracks->list, (size_t)capacity, sizeof *list, status);
        tracks->list = list ? list : tracks->list;
        cairn_figure *figures =
            cairn__resize(tracks->figures, (size_t)capacity, sizeof *figures, status);
        tracks->figures = figures ? figures : tracks->figures;
        if (!list || !figures)
            return NULL;
        tracks->capacity = capacity;
    }
    char *copy = cairn__arena_text(&tracks->arena, status, "%s", name);
    if (!copy)
        return NULL;
    tracks->figures[tracks->n] = (cairn_figure){.name = copy};
    tracks->list[tracks->n] = (cairn__track){.name = copy};
    return &tracks->list[tracks->n++];
}

/* Doubles one array of a track. On failure the others may be longer already, which does no harm. */
static bool grow(void **array, int64_t capacity, size_t size, cairn_status *status)
{
    void *longer = cairn__resize(*array, (size_t)capacity, size, status);
    if (longer)
        *array = longer;
    return longer != NULL;
}

static bool make_room(cairn__track *track, cairn_status *status)
{
    if (track->n < track->capacity)
        return true;
    int64_t capacity = 2 * track->capacity + 64;
    if (!grow((void **)&track->step, capacity, sizeof *track->step, status) ||
        !grow((void **)&track->examples, capacity, sizeof *track->examples, status) ||
        !grow((void **)&track->seconds, capacity, sizeof *track->seconds, status) ||
        !grow((void **)&track->value, capacity, sizeof *track->value, status))
        return false;
    track->capacity = capacity;
    return true;
}

bool cairn__tracks_add(cairn__tracks *tracks, const char *name, cairn__place at, double value,
                       cairn_status *status)
{
    if (!cairn_ok(status))
        return false;
    cairn__track *track = find(tracks, name);
    if (!track)
        track = add(tracks, name, status);
    if (!track || !make_room(track, status))
        return false;
    track->step[track->n] = at.step;
    track->examples[track->n] = at.examples;
    track->seconds[track->n] = at.seconds;
    track->value[track->n] = value;
    track->n++;
    tracks->figures[track - tracks->list].value = value;
    return true;
}

void cairn__tracks_cut(cairn__tracks *tracks, int64_t last_step)
{
    for (int i = 0; i < tracks->n; i++) {
        cairn__track *track = &tracks->list[i];
        while (track->n && track->step[track->n - 1] > last_step)
            track->n--;
        tracks->figures[i].value = track->n ? track->value[track->n - 1] : NAN;
    }
}

void cairn__tracks_free(cairn__tracks *tracks)
{
    for (int i = 0; i < tracks->n; i++) {
        cairn__free(tracks->list[i].step);
        cairn__free(tracks->list[i].examples);
        cairn__free(tracks->list[i].seconds);
        cairn__free(tracks->list[i].value);
    }
    cairn__free(tracks->list);
    cairn__free(tracks->figures);
    cairn__arena_free(&tracks->arena);
    *tracks = (cairn__tracks){0};
}
