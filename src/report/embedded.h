/* Files that the build turned into arrays: what a page carries inside. */
#ifndef CAIRN_SRC_REPORT_EMBEDDED_H
#define CAIRN_SRC_REPORT_EMBEDDED_H

#include <stddef.h>

extern const unsigned char cairn__page_css[], cairn__page_js[], cairn__chart_js[];
extern const size_t cairn__page_css_size, cairn__page_js_size, cairn__chart_js_size;

#endif
