/* What fuzz targets share. A target is one file with LLVMFuzzerTestOneInput(); it is run by
 * libFuzzer (meson option fuzz), and by replay.c on the files of corpus/NAME/ in the normal test
 * run. Inputs that once broke something are added there. */
#ifndef CAIRN_TESTS_FUZZ_FUZZ_H
#define CAIRN_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Ends the process, which is how a target reports to libFuzzer. */
#define fuzz_check(condition) ((condition) ? (void)0 : abort())

#endif
