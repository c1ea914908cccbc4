/* What the files about tokens share. */
#ifndef CAIRN_SRC_DATA_TOKENS_H
#define CAIRN_SRC_DATA_TOKENS_H

#include "cairn/tokens.h"
#include "data/file.h"

/* Of a shard, for sentences. */
const char *cairn__tokens_name(const cairn_tokens *tokens);

/* True when a file starts as a shard does. */
bool cairn__is_tokens(const char *path);

/* The file that the document handed out last is from; borrowed until the text is freed. */
const char *cairn__text_path(const cairn_text *text);

/* True when a name ends as that of JSON lines does, or that of plain text. */
bool cairn__is_json_lines_name(const char *path);
bool cairn__is_text_name(const char *path);

/* The names of the fields of the first line of a file of JSON lines, with commas. */
bool cairn__json_lines_fields(const char *path, cairn__text *out, cairn_status *status);

#endif
