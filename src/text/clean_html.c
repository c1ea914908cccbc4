/* The text of an HTML page, by libxml2's parser, which takes pages as browsers do: nothing is
 * loaded, and what is wrong in a page is mended. */
#include "config.h"

#include "text/corpus.h"

#if CAIRN__HAVE_XML2
#include <libxml/HTMLparser.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

enum { DEEPEST = 512 };

static bool is_one_of(const xmlNode *node, const char *const *names)
{
    for (; *names; names++)
        if (strcasecmp((const char *)node->name, *names) == 0)
            return true;
    return false;
}

/* Not text of the page. */
static const char *const skipped[] = {"head",   "style",  "script",   "noscript", "template",
                                      "nav",    "footer", "form",     "button",   "iframe",
                                      "select", "svg",    "textarea", "aside",    NULL};

/* A line of their own, and an empty line around. */
static const char *const lines[] = {"br", "li", "tr", "dt", "dd", "div", "option", NULL};
static const char *const paragraphs[] = {"p",     "h1", "h2", "h3",      "h4",      "h5",
                                         "h6",    "ul", "ol", "table",   "pre",     "blockquote",
                                         "title", "dl", "hr", "section", "article", NULL};
static const char *const math[] = {"math", NULL}, *const script[] = {"script", NULL},
                         *const annotation[] = {"annotation", NULL}, *const pre[] = {"pre", NULL};

static void add_break(cairn__text *out, int count)
{
    while (out->length > 0 && out->data[out->length - 1] == ' ')
        out->length--;
    for (size_t i = out->length; i > 0 && out->data[i - 1] == '\n'; i--)
        count--;
    for (; count > 0 && out->length > 0; count--)
        cairn__text_add(out, "\n");
}

/* White space becomes one space. */
static void add_flowing(cairn__text *out, const char *text)
{
    for (; *text; text++) {
        const bool space = strchr(" \t\r\n\f", *text) != NULL;
        const char last = out->length > 0 ? out->data[out->length - 1] : '\n';
        if (!space)
            cairn__text_add_bytes(out, text, 1);
        else if (last != ' ' && last != '\n')
            cairn__text_add_bytes(out, " ", 1);
    }
}

static void add_formula(cairn__text *out, const xmlChar *tex, bool display)
{
    const char *marks = display ? "$$" : "$", *text = (const char *)tex;
    size_t n = strlen(text);
    for (; n > 0 && strchr(" \t\r\n", *text); text++)
        n--;
    while (n > 0 && strchr(" \t\r\n", text[n - 1]))
        n--;
    cairn__text_add(out, "%s", marks);
    cairn__text_add_bytes(out, text, n);
    cairn__text_add(out, "%s", marks);
}

static bool attribute_has(const xmlNode *node, const char *name, const char *part)
{
    xmlChar *value = xmlGetProp(node, (const xmlChar *)name);
    const bool has = value && strcasestr((const char *)value, part);
    xmlFree(value);
    return has;
}

/* The annotation that holds TeX, below a <math>. */
static const xmlNode *find_tex(const xmlNode *node, int depth)
{
    for (const xmlNode *child = node->children; child && depth < DEEPEST; child = child->next) {
        if (child->type != XML_ELEMENT_NODE)
            continue;
        if (is_one_of(child, annotation) && attribute_has(child, "encoding", "tex"))
            return child;
        const xmlNode *found = find_tex(child, depth + 1);
        if (found)
            return found;
    }
    return NULL;
}

static void add_math(const xmlNode *node, cairn__text *out)
{
    const bool display = attribute_has(node, "display", "block");
    const xmlNode *tex = find_tex(node, 0);
    xmlChar *text = tex ? xmlNodeGetContent(tex) : xmlGetProp(node, (const xmlChar *)"alttext");
    if (text && *text) {
        add_formula(out, text, display);
    } else {
        xmlBuffer *buffer = xmlBufferCreate();
        if (buffer && xmlNodeDump(buffer, node->doc, (xmlNode *)node, 0, 0) > 0)
            cairn__text_add(out, "%s", (const char *)xmlBufferContent(buffer));
        xmlBufferFree(buffer);
    }
    xmlFree(text);
}

static void add_script(const xmlNode *node, cairn__text *out)
{
    if (!attribute_has(node, "type", "math/tex") && !attribute_has(node, "type", "math/latex"))
        return;
    xmlChar *text = xmlNodeGetContent(node);
    if (text)
        add_formula(out, text, attribute_has(node, "type", "mode=display"));
    xmlFree(text);
}

/* What a page shows twice: MathJax's and KaTeX's pictures of formulas that are given as TeX, too.
 */
static bool is_picture(const xmlNode *node)
{
    return attribute_has(node, "class", "mathjax_preview") ||
           attribute_has(node, "class", "katex-html") ||
           attribute_has(node, "class", "mathjax_display");
}

static void walk(const xmlNode *node, bool as_written, int depth, cairn__text *out)
{
    for (; node && depth < DEEPEST; node = node->next) {
        if (node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE) {
            const char *text = node->content ? (const char *)node->content : "";
            if (as_written)
                cairn__text_add(out, "%s", text);
            else
                add_flowing(out, text);
        }
        if (node->type != XML_ELEMENT_NODE)
            continue;
        if (is_one_of(node, math))
            add_math(node, out);
        else if (is_one_of(node, script))
            add_script(node, out);
        if (is_one_of(node, math) || is_one_of(node, skipped) || is_picture(node))
            continue;
        const int gap = is_one_of(node, paragraphs) ? 2 : is_one_of(node, lines) ? 1 : 0;
        add_break(out, gap);
        walk(node->children, as_written || is_one_of(node, pre), depth + 1, out);
        add_break(out, gap);
    }
}

bool cairn__clean_html(const char *bytes, size_t n, cairn__text *out, cairn_status *status)
{
    if (n > INT_MAX)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "clean: a page of %zu bytes, expected fewer than 2^31", n);
    if (n == 0)
        return true;
    htmlDocPtr page = htmlReadMemory(bytes, (int)n, NULL, "UTF-8",
                                     HTML_PARSE_RECOVER | HTML_PARSE_NOERROR |
                                         HTML_PARSE_NOWARNING | HTML_PARSE_NONET);
    const xmlNode *root = page ? xmlDocGetRootElement(page) : NULL;
    if (root)
        walk(root, false, 0, out);
    xmlFreeDoc(page);
    return true;
}

#else

bool cairn__clean_html(const char *bytes, size_t n, cairn__text *out, cairn_status *status)
{
    (void)bytes;
    (void)n;
    (void)out;
    return cairn__fail(status, CAIRN_ERR_MISSING,
                       "clean: pages of HTML need libxml2, which this build is without");
}
#endif
