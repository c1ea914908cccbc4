/* A whole JSON file: see json_file.h. */
#include "weights/json_file.h"

#include "data/file.h"

json_t *cairn__json_file(const char *path, size_t limit, cairn_status *status)
{
    cairn__content content;
    json_error_t error;
    if (!cairn__read_file(path, limit, &content, status))
        return NULL;
    json_t *root =
        json_loadb((const char *)content.data, content.size, JSON_REJECT_DUPLICATES, &error);
    cairn__content_free(&content);
    if (!root && json_error_code(&error) == json_error_out_of_memory)
        cairn__fail_memory(status, limit);
    else if (!root)
        cairn__fail(status, CAIRN_ERR_FORMAT, "%s:%d: %s", path, error.line, error.text);
    if (!root || json_is_object(root))
        return root;
    json_decref(root);
    cairn__fail(status, CAIRN_ERR_FORMAT, "%s: is no JSON object", path);
    return NULL;
}
