/* The files of a Hugging Face directory. */
#include <string.h>
#include <unistd.h>

#include "data/data.h"
#include "weights/json_file.h"
#include "weights/weights.h"

enum { MOST_INDEX_BYTES = 16 << 20, MOST_FILES = 4096 };

static const char *in_directory(cairn_weights *w, const char *name, cairn_status *status)
{
    return cairn__arena_text(&w->arena, status, "%s/%s", w->path, name);
}

/* Opens `name` as the next file; its tensors come later. */
static bool add_file(cairn_weights *w, const char *name, cairn_status *status)
{
    const char *path = in_directory(w, name, status);
    cairn_safetensors *file = path ? cairn_safetensors_open(path, status) : NULL;
    if (!file)
        return false;
    w->files[w->file_count++] = file;
    w->count += cairn_safetensors_count(file);
    return true;
}

static void add_entry(cairn_weights *w, const cairn_safetensors *file, const cairn_field *field)
{
    cairn__weight_entry *e = &w->entries[w->count++];
    const char *type = cairn_data_type_text(field->type);
    *e = (cairn__weight_entry){.file = file, .field = field};
    e->type = cairn__weight_type_named(type);
    e->weight = (cairn_weight){.name = field->name, .type = type, .rank = field->rank};
    e->weight.bytes = cairn_field_bytes(field);
    memcpy(e->weight.shape, field->shape, (size_t)field->rank * sizeof *field->shape);
}

static bool collect(cairn_weights *w, cairn_status *status)
{
    w->entries = cairn__arena_alloc(&w->arena, (size_t)w->count, sizeof *w->entries, status);
    if (!w->entries)
        return false;
    w->count = 0;
    for (int64_t i = 0; i < w->file_count; i++)
        for (int64_t k = 0; k < cairn_safetensors_count(w->files[i]); k++)
            add_entry(w, w->files[i], cairn_safetensors_at(w->files[i], k));
    return true;
}

/* ---- several files --------------------------------------------------------------------------- */

/* A name in this directory, and no way out of it. */
static bool is_bare(const char *name)
{
    return name && name[0] && name[0] != '.' && !strchr(name, '/');
}

/* The file called `name` is opened once; `names` are those of w->files. */
static bool open_shard(cairn_weights *w, const char **names, const char *name, const char *index,
                       cairn_status *status)
{
    for (int64_t i = 0; i < w->file_count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    if (w->file_count == MOST_FILES)
        return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: more than %d files", index, MOST_FILES);
    names[w->file_count] = cairn__arena_text(&w->arena, status, "%s", name);
    return names[w->file_count] && add_file(w, name, status);
}

/* Every tensor must be in the file that the index says. */
static bool check_place(const cairn_weights *w, const char **names, const char *tensor,
                        const char *name, const char *index, cairn_status *status)
{
    for (int64_t i = 0; i < w->file_count; i++)
        if (strcmp(names[i], name) == 0 && cairn_safetensors_find(w->files[i], tensor))
            return true;
    return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: '%.100s' should be in %.100s, but is not",
                       index, tensor, name);
}

static bool open_shards(cairn_weights *w, json_t *map, const char *index, cairn_status *status)
{
    const char *tensor, **names;
    json_t *value;
    w->files = cairn__arena_alloc(&w->arena, MOST_FILES, sizeof *w->files, status);
    names = cairn__arena_alloc(&w->arena, MOST_FILES, sizeof *names, status);
    if (!w->files || !names)
        return false;
    if (!json_is_object(map))
        return cairn__fail(status, CAIRN_ERR_FORMAT, "%s: no object 'weight_map'", index);
    json_object_foreach(map, tensor, value)
    {
        const char *name = json_string_value(value);
        if (!is_bare(name))
            return cairn__fail(status, CAIRN_ERR_FORMAT,
                               "%s: '%.100s': expected the name of a file in this directory", index,
                               tensor);
        if (!open_shard(w, names, name, index, status))
            return false;
    }
    json_object_foreach(map, tensor,
                        value) if (!check_place(w, names, tensor, json_string_value(value), index,
                                                status)) return false;
    if ((int64_t)json_object_size(map) != w->count)
        return cairn__fail(status, CAIRN_ERR_FORMAT,
                           "%s: lists %zu tensors, but its files hold %lld", index,
                           json_object_size(map), (long long)w->count);
    return true;
}

static bool open_index(cairn_weights *w, const char *index, cairn_status *status)
{
    json_t *root = cairn__json_file(index, MOST_INDEX_BYTES, status);
    bool good = root && open_shards(w, json_object_get(root, "weight_map"), index, status);
    json_decref(root);
    return good;
}

bool cairn__huggingface_open(cairn_weights *w, cairn_status *status)
{
    const char *config = in_directory(w, "config.json", status);
    const char *index = in_directory(w, "model.safetensors.index.json", status);
    if (!config || !index)
        return false;
    if (!cairn__model_config_read(config, &w->architecture, &w->unknown) &&
        (w->unknown.code == CAIRN_ERR_FILE || w->unknown.code == CAIRN_ERR_FORMAT ||
         w->unknown.code == CAIRN_ERR_MEMORY))
        return cairn__fail(status, w->unknown.code, "%s", w->unknown.message);
    if (access(index, F_OK) == 0)
        return open_index(w, index, status) && collect(w, status);
    w->files = cairn__arena_alloc(&w->arena, 1, sizeof *w->files, status);
    return w->files && add_file(w, "model.safetensors", status) && collect(w, status);
}
