/* Lists of pictures and of sounds from inside. */
#ifndef CAIRN_SRC_DATA_ITEMS_H
#define CAIRN_SRC_DATA_ITEMS_H

#include "cairn/image.h"
#include "data/data.h"

typedef struct cairn__item {
    const char *file; /* in the arena */
    int32_t label;
} cairn__item;

typedef struct cairn__list {
    cairn__item *items; /* owned */
    int64_t n, room;
} cairn__list;

struct cairn_items {
    cairn__arena arena;
    const char *path;
    const char *kind; /* "folder" or "table" */
    cairn_media media;
    const char *first; /* the item that decided the media, or NULL */
    cairn__list lists[CAIRN__SPLITS];
    bool split;         /* the source has a test split */
    const char **names; /* of the classes, owned; in the arena */
    int64_t classes, room;
    cairn_data_options options;
};

/* Adds an item; `file` must be in the arena. The first one decides what all of them are. */
bool cairn__items_add(cairn_items *items, cairn_split split, const char *file, int32_t label,
                      cairn_status *status);

/* Adds the name of a class, which is copied. */
bool cairn__items_add_class(cairn_items *items, const char *name, cairn_status *status);

/* Fill an empty list from a directory, or from a CSV file. */
bool cairn__items_folder(cairn_items *items, cairn_status *status);
bool cairn__items_table(cairn_items *items, cairn_status *status);

/* True when the name of a file ends as that of a picture or of a sound does. */
bool cairn__is_item_name(const char *name);

/* What a name's ending says; pictures when it says nothing. */
cairn_media cairn__media_of_name(const char *name);

/* The endings, ".jpg" and so on, NULL-terminated; those of pictures come first. */
extern const char *const cairn__item_endings[];

/* Sets *holds when `path` is for cairn_items_open() rather than cairn_dataset_open(): a directory
 * with folders in it, or a CSV file with a column of files whose first cell names one. */
bool cairn__holds_items(const char *path, const cairn_data_options *options, bool *holds,
                        cairn_status *status);

/* The two halves of it. */
bool cairn__has_folders(const char *path);
bool cairn__has_item_column(const char *path, const cairn_data_options *options);

extern const cairn_option cairn__stream_table[];

#endif
