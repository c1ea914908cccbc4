/* Corpora: mathematics survives cleaning, duplicates by known overlaps, the Pareto draw by its
 * probability, and a build whose documents are counted by hand. */
#include "cairn/corpus.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "test.h"

static void check_clean(cairn_clean_kind kind, const char *text, const char *expected)
{
    cairn_status status = CAIRN_STATUS_INIT;
    size_t n = 0;
    char *out = cairn_clean(kind, text, strlen(text), &n, &status);
    if (status.code == CAIRN_ERR_MISSING) { /* a build without libxml2 says so */
        CHECK_CONTAINS(status.message, "libxml2");
        return;
    }
    CHECK_OK(status);
    CHECK_TEXT(out, expected);
    CHECK_INT(n, strlen(expected));
    cairn_description_free(out);
}

TEST(text_is_tidied)
{
    check_clean(CAIRN_CLEAN_TEXT, "", "");
    check_clean(CAIRN_CLEAN_TEXT,
                "\n\n a \t\r\n\n\n\nb\x01"
                "c  \n\n",
                " a\n\nbc");
    check_clean(CAIRN_CLEAN_TEXT, "\tx\ty", "\tx\ty");
}

TEST(latex_keeps_its_mathematics)
{
    check_clean(CAIRN_CLEAN_LATEX,
                "\\documentclass{article}\n\\begin{document}\nA % note\n% gone\n50\\% of $x^2$\n"
                "\\begin{align}a&=b\\\\%c\nc\\end{align}\n\\end{document}\nrest",
                "A\n50\\% of $x^2$\n\\begin{align}a&=b\\\\\nc\\end{align}");
}

TEST(pages_keep_their_mathematics)
{
    check_clean(CAIRN_CLEAN_HTML,
                "<html><head><title>T</title><style>p{}</style></head><body><nav>menu</nav>"
                "<h1>Sum</h1><p>Of  $a&lt;b$ and\n \\(c\\) &amp; &eacute;</p>"
                "<script>alert(1)</script><script type='math/tex; mode=display'> x^2 </script>"
                "<script type=\"math/tex\">y</script>"
                "<pre>a  b\n c</pre><ul><li>one<li>two</ul></body></html>",
                "Sum\n\nOf $a<b$ and \\(c\\) & \xC3\xA9\n\n$$x^2$$$y$\n\na  b\n c\n\none\ntwo");
    check_clean(CAIRN_CLEAN_HTML,
                "<p>by <math><semantics><mi>q</mi><annotation encoding='application/x-tex'>q_1"
                "</annotation></semantics></math> and <math alttext='z'><mi>z</mi></math> and "
                "<math><mi>w</mi></math></p>",
                "by $q_1$ and $z$ and <math><mi>w</mi></math>");
}

static cairn_duplicate ask(cairn_duplicates *d, const char *text)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_duplicate what = CAIRN_DUPLICATE_NONE;
    CHECK(cairn_duplicates_add(d, text, strlen(text), &what, &status));
    return what;
}

/* Words first .. first + n - 1. */
static char *words(int first, int n)
{
    cairn__text out = {0};
    for (int i = 0; i < n; i++)
        cairn__text_add(&out, "w%d ", first + i);
    return out.data;
}

TEST(duplicates_are_found_by_their_overlap)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_duplicates *d = cairn_duplicates_new(0.8, &status);
    char *whole = words(0, 1000), *near = words(20, 1000), *far = words(500, 1000);
    CHECK_INT(ask(d, whole), CAIRN_DUPLICATE_NONE);
    CHECK_INT(ask(d, whole), CAIRN_DUPLICATE_EXACT);
    CHECK_INT(ask(d, near), CAIRN_DUPLICATE_NEAR); /* 976 of 1016 grams */
    CHECK_INT(ask(d, far), CAIRN_DUPLICATE_NONE);  /* 496 of 1496 */
    CHECK_INT(ask(d, "Too short"), CAIRN_DUPLICATE_NONE);
    CHECK_INT(ask(d, "too  SHORT"), CAIRN_DUPLICATE_NEAR);
    CHECK_INT(ask(d, ""), CAIRN_DUPLICATE_NONE);
    CHECK_INT(ask(d, " "), CAIRN_DUPLICATE_NEAR);
    for (int i = 0; i < 3000; i++) { /* through a growth of the tables */
        char *other = words(10000 + 100 * i, 20);
        CHECK(ask(d, other) == CAIRN_DUPLICATE_NONE);
        cairn__free(other);
    }
    CHECK_INT(ask(d, near), CAIRN_DUPLICATE_NEAR);
    cairn__free(whole);
    cairn__free(near);
    cairn__free(far);
    cairn_duplicates_free(d);
    CHECK(!cairn_duplicates_new(0.2, &status));
    CHECK_CONTAINS(status.message, "0.2");
}

/* Probabilities of the sheet: (2 - s)^-9. Bounds: 4 standard deviations of 200000 draws. */
TEST(the_draw_has_the_pareto_probability)
{
    static const double scores[] = {0, 0.25, 0.5, 0.75, 0.9, 1},
                        expected[] = {0.001953125, 0.0064962, 0.0260123, 0.1342177, 0.4240976, 1};
    const int n = 200000;
    for (size_t i = 0; i < CAIRN__COUNT(scores); i++) {
        int kept = 0;
        for (int k = 0; k < n; k++)
            kept += cairn_quality_keep(scores[i], 9, test_seed(), (uint64_t)k);
        const double p = expected[i];
        CHECK_NEAR((double)kept / n, p, 4 * sqrt(p * (1 - p) / n) + 1e-6);
    }
}

/* Good documents are of even words, raw ones of odd, with common words in between. */
static void write_lines(const char *name, int parity)
{
    cairn__text out = {0};
    for (int i = 0; i < 200; i++) {
        for (int k = 0; k < 20; k++) {
            uint32_t r[4];
            cairn_random_bits(7, (uint64_t)parity, (uint64_t)(20 * i + k), r);
            cairn__text_add(&out, "%s%u ", r[1] % 2 ? "w" : "c",
                            r[1] % 2 ? r[0] % 50 * 2 + (uint32_t)parity : r[0] % 50);
        }
        cairn__text_add(&out, "\n");
    }
    test_write_file(test_path(name), out.data, out.length);
    cairn__free(out.data);
}

static cairn_quality *train(double *auc, cairn_status *status)
{
    cairn_text_options o = cairn_text_defaults();
    o.cut = CAIRN_TEXT_LINE;
    write_lines("good.txt", 0);
    write_lines("raw.txt", 1);
    cairn_text *good = cairn_text_open(test_path("good.txt"), &o, status);
    cairn_text *raw = cairn_text_open(test_path("raw.txt"), &o, status);
    cairn_quality *q = cairn_quality_train(good, raw, NULL, auc, status);
    cairn_text_free(good);
    cairn_text_free(raw);
    return q;
}

TEST(quality_tells_good_from_raw)
{
    cairn_status status = CAIRN_STATUS_INIT;
    double auc = 0, again = 0;
    cairn_quality *q = train(&auc, &status), *same = train(&again, &status);
    CHECK_OK(status);
    CHECK(auc > 0.97);
    CHECK(auc == again);
    CHECK(cairn_quality_score(q, "w2 w4 c1 w8", 11) > 0.6);
    CHECK(cairn_quality_score(q, "w3 w5 c1 w9", 11) < 0.4);
    CHECK(cairn_quality_score(q, "w3 w5", 5) == cairn_quality_score(same, "w3 w5", 5));
    cairn_quality_free(q);
    cairn_quality_free(same);
}

static cairn_corpus_counts build(const char *out, const cairn_quality *q, double weight,
                                 int64_t seed)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_corpus_counts c;
    cairn_corpus_options o = cairn_corpus_defaults();
    char *a = strdup(test_path("a.txt")), *b = strdup(test_path("b.jsonl"));
    const cairn_corpus_source sources[] = {{a, 1}, {b, weight}};
    cairn_vocabulary *v = cairn_vocabulary_open("bytes", &status);
    o.cut = CAIRN_TEXT_BLANK;
    o.seed = seed;
    o.least = 3;
    CHECK(cairn_corpus_build(sources, 2, v, q, &o, test_path(out), &c, &status));
    CHECK_OK(status);
    cairn_vocabulary_free(v);
    free(a);
    free(b);
    return c;
}

TEST(a_build_is_counted_and_repeatable)
{
    const char *plain = "First one of the documents\n\nab\n\nSecond here \n\nSecond here\n";
    const char *json =
        "{\"text\": \"second  HERE\"}\n{\"text\": \"Third\"}\n{\"text\": \"4th.\"}\n";
    test_write_file(test_path("a.txt"), plain, strlen(plain));
    test_write_file(test_path("b.jsonl"), json, strlen(json));
    const cairn_corpus_counts c = build("x.tokens", NULL, 1.5, 1);
    CHECK_INT(c.read, 7);
    CHECK_INT(c.too_short, 1);
    CHECK_INT(c.exact, 1);
    CHECK_INT(c.near, 1);
    CHECK_INT(c.kept, 4);
    CHECK_INT(c.bytes_kept, 26 + 11 + 5 + 4);
    CHECK_INT(c.written, 5); /* Third once, 4th. twice */
    CHECK_INT(c.tokens, 26 + 11 + 5 + 4 + 4 + 5);
    CHECK(build("y.tokens", NULL, 1.5, 1).hash == c.hash);
    CHECK(build("y.tokens", NULL, 1.5, 2).hash != c.hash);
    CHECK_INT(build("y.tokens", NULL, 0, 1).written, 2);
}

TEST(low_quality_is_dropped)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_corpus_counts c;
    cairn_quality *q = train(NULL, &status);
    cairn_corpus_options o = cairn_corpus_defaults();
    cairn_vocabulary *v = cairn_vocabulary_open("bytes", &status);
    char *path = strdup(test_path("mixed"));
    CHECK(mkdir(path, 0700) == 0);
    write_lines("mixed/good.txt", 0);
    write_lines("mixed/raw.txt", 1);
    const cairn_corpus_source source = {path, 1};
    o.cut = CAIRN_TEXT_LINE;
    o.similarity = 2;
    CHECK(cairn_corpus_build(&source, 1, v, q, &o, test_path("z.tokens"), &c, &status));
    CHECK_OK(status);
    CHECK_INT(c.low_quality + c.kept, 400);
    CHECK(c.kept > 20 && c.kept < 220);
    o.least = 100000;
    CHECK(!cairn_corpus_build(&source, 1, v, q, &o, test_path("w.tokens"), &c, &status));
    CHECK_CONTAINS(status.message, "400 too short");
    free(path);
    cairn_vocabulary_free(v);
    cairn_quality_free(q);
}
