/* config.toml: options as text, from the option tables and back. */
#ifndef CAIRN_SRC_TRAIN_CONFIG_H
#define CAIRN_SRC_TRAIN_CONFIG_H

#include "cairn/train.h"

#ifdef __cplusplus
extern "C" {
#endif
#include "base/base.h"

/* Adds the comment that opens a file: version, parts and instruction set. */
void cairn__config_head(cairn__text *out, const char *instructions);

/* Adds each section: "[name]", and for every option its help as a comment and its value. Reals,
 * counts and flags are written as such, everything else as a string.
 * Errors: CAIRN_ERR_VALUE for a text that is not UTF-8, which TOML cannot hold. */
bool cairn__config_text(cairn__text *out, const cairn_config_section *sections,
                        cairn_status *status);

/* Where the options of a section are put. A NULL name ends a list. */
typedef struct cairn__config_target {
    const char *name;
    const cairn_option *table;
    void *options;
} cairn__config_target;

/* Reads a file into the options of the sections that it has; an option that it does not name keeps
 * its value. Files of more than 1 MiB, and values nested deeper than 32, are refused. On failure no
 * option is changed.
 * Errors: CAIRN_ERR_FILE; CAIRN_ERR_FORMAT, CAIRN_ERR_NAME (a section or key that is unknown; the
 * sentence offers the nearest) and CAIRN_ERR_VALUE, with file, line and column. */
bool cairn__config_read(const char *path, const cairn__config_target *sections,
                        cairn_status *status);

/* The same from memory; `name` is used in sentences. */
bool cairn__config_parse(const char *text, size_t n, const char *name,
                         const cairn__config_target *sections, cairn_status *status);

/* The string `key` of one section, whatever else the file holds: what a program reads before it
 * knows which sections to expect. Errors as above; CAIRN_ERR_NAME when it is not there. */
bool cairn__config_peek(const char *path, const char *section, const char *key,
                        char text[CAIRN_TEXT_SIZE], cairn_status *status);

#ifdef __cplusplus
}
#endif

#endif
