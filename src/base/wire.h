/* Writing protocol buffers: the fields that event files and ONNX models use. */
#ifndef CAIRN_SRC_WIRE_H
#define CAIRN_SRC_WIRE_H

#include "base/base.h"

void cairn__wire_integer(cairn__text *out, int field, int64_t value);
void cairn__wire_double(cairn__text *out, int field, double value);
void cairn__wire_float(cairn__text *out, int field, float value);
void cairn__wire_bytes(cairn__text *out, int field, const void *bytes, size_t n);
void cairn__wire_string(cairn__text *out, int field, const char *text);
void cairn__wire_doubles(cairn__text *out, int field, const double *values, size_t n);

/* The start of a field of n bytes, which the caller writes behind it. */
void cairn__wire_start(cairn__text *out, int field, size_t n);

/* Adds `part` as a message and empties it for the next use. */
void cairn__wire_message(cairn__text *out, int field, cairn__text *part);

#endif
