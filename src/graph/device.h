/* A place where arrays live and programs run. Backends implement it; nothing above them sees a
 * host pointer: memory is a handle, and elements go in and out by copies. */
#ifndef CAIRN_SRC_DEVICE_H
#define CAIRN_SRC_DEVICE_H

#include "base/base.h"

typedef struct cairn_device cairn_device;
struct cairn__plan;

typedef struct cairn__backend {
    const char *name;

    /* Device memory, zeroed. The handle is opaque to callers. */
    void *(*alloc)(cairn_device *device, size_t bytes, cairn_status *status);
    void (*free)(cairn_device *device, void *memory);
    bool (*write)(cairn_device *device, void *memory, size_t offset, const void *data, size_t bytes,
                  cairn_status *status);
    bool (*read)(cairn_device *device, const void *memory, size_t offset, void *data, size_t bytes,
                 cairn_status *status);

    /* Turns a plan into something that runs: chooses kernels, creates library objects, resolves
     * every address. `arena` is the plan's memory. The plan outlives what is prepared. */
    void *(*prepare)(cairn_device *device, const struct cairn__plan *plan, void *arena,
                     cairn_status *status);
    bool (*run)(cairn_device *device, void *prepared, cairn_status *status);
    void (*release)(cairn_device *device, void *prepared);

    /* One line for each step: kernel chosen, better ones declined and why. */
    void (*describe)(cairn_device *device, const void *prepared, cairn__text *out);
} cairn__backend;

struct cairn_device {
    const cairn__backend *backend;
};

#endif
