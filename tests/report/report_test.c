/* Reports: what is escaped, the exact page of a small one, limits, and every way to fail. */
#include <dirent.h>
#include <locale.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "report/report.h"
#include "test.h"

#define NASTY "</script><b>&\"'"

static const cairn_report_point three[] = {{1, 8, 0.5, 2}, {2, 16, 1, 0.25}, {3, 24, 1.5, NAN}};
static const double lower[] = {1.5, 0.2, 0}, upper[] = {2.5, 0.3, 0};

typedef struct small_options {
    double rate;
    cairn_span warmup;
    char data[CAIRN_TEXT_SIZE];
} small_options;

static const cairn_option table[] = {
    CAIRN_OPT_REAL(small_options, rate, 0.1, 0, 1, "step size", "section 2"),
    CAIRN_OPT_SPAN(small_options, warmup, "10%", "rise", ""),
    CAIRN_OPT_PATH(small_options, data, "", "files", ""),
    CAIRN_OPT_END,
};

/* One of everything, small. Every text is `text`. */
static cairn_report *everything(const char *text)
{
    static uint8_t grey[2][3];
    const char *const texts[] = {text, NULL};
    const int64_t counts[] = {12345, -7};
    const double reals[] = {0.5, NAN};
    const cairn_report_column columns[] = {
        {.name = text, .texts = texts},
        {.name = "count", .counts = counts},
        {.name = "real", .reals = reals},
    };
    const cairn_report_curve curve = {text, 3, three, lower, upper};
    const cairn_report_claim claim = {text, text, text, 1,    2,
                                      1.5,  2.5,  text, text, CAIRN_VERDICT_FAILS};
    const cairn_report_picture picture = {&grey[0][0], 2, 3, 1, 0, text};
    small_options options = {0.2, {10, CAIRN_PERCENT}, ""};
    snprintf(options.data, sizeof options.data, "%s", text);

    cairn_report *r = cairn_report_new(text);
    cairn_report_subtitle(r, "%s", text);
    cairn_report_fact(r, text, "%s", text);
    cairn_report_heading(r, text);
    cairn_report_heading(r, text);
    cairn_report_paragraph(r, "%s", text);
    cairn_report_table(r, text, columns, 3, 2);
    cairn_report_curves(r, &(cairn_report_chart){text, text, true, 1, &curve, text, 0.1});
    cairn_report_claims(r, &claim, 1);
    cairn_report_intervals(r, text, text, &claim, 1);
    const cairn_report_spot spot = {text, text, 1, 2, 0.5};
    cairn_report_plane(r, text, text, text, &spot, 1);
    cairn_report_pictures(r, text, &picture, 1, 1);
    cairn_report_options(r, text, table, &options);
    return r;
}

static cairn__text page_of(cairn_report *r)
{
    cairn__text page = {0};
    CHECK_OK(*cairn_report_status(r));
    cairn__report_page(r, &page);
    cairn_report_free(r);
    return page;
}

static int times(const char *text, const char *part)
{
    int n = 0;
    for (text = strstr(text, part); text; text = strstr(text + 1, part))
        n++;
    return n;
}

TEST(no_text_can_leave_its_place)
{
    cairn__text page = page_of(everything(NASTY));
    cairn__text calm = page_of(everything("calm"));
    CHECK_INT(times(page.data, "</script><b>"), 0);
    CHECK_INT(times(page.data, "<b>"), 0);
    CHECK(strstr(page.data, "<h1>&lt;/script&gt;&lt;b&gt;&amp;&quot;&#39;</h1>"));
    CHECK(strstr(page.data, "\"title\":\"\\u003c/script\\u003e\\u003cb\\u003e\\u0026\\u0022'\""));
    /* The same elements stand in the page whatever the texts are. */
    CHECK_INT(times(page.data, "<"), times(calm.data, "<"));
    CHECK_INT(times(page.data, "<script"), times(calm.data, "<script"));
    cairn__free(page.data);
    cairn__free(calm.data);
}

TEST(control_characters_and_long_texts)
{
    cairn__text html = {0}, json = {0};
    cairn__html(&html, "a\x01\n");
    CHECK_TEXT(html.data, "a\xEF\xBF\xBD\n");
    cairn__json(&json, "a\x01\n\\\xC3\xA9");
    CHECK_TEXT(json.data, "\"a\\u0001\\u000a\\u005c\xC3\xA9\"");
    cairn__free(html.data);
    cairn__free(json.data);

    char text[1000];
    memset(text, '<', sizeof text - 1);
    text[sizeof text - 1] = 0;
    cairn_report *r = cairn_report_new("long");
    cairn_report_paragraph(r, "%s", text);
    CHECK_INT(times(r->body.data, "&lt;"), 999);
    cairn_report_free(r);
}

static void check_real(double value, int digits, const char *html, const char *json)
{
    cairn__text a = {0}, b = {0};
    cairn__html_real(&a, value, digits);
    cairn__json_real(&b, value, digits);
    CHECK_TEXT(a.data, html);
    CHECK_TEXT(b.data, json);
    cairn__free(a.data);
    cairn__free(b.data);
}

TEST(numbers)
{
    check_real(0.1, 4, "0.1", "0.1");
    check_real(-1234.5, 6, "−1234.5", "-1234.5");
    check_real(1234567, 7, "1\u202f234\u202f567", "1234567");
    check_real(1e-9, 4, "1e-09", "1e-09");
    check_real(NAN, 4, "–", "null");
    check_real(-INFINITY, 4, "−∞", "null");
    check_real(0.1, 17, "0.10000000000000001", "0.10000000000000001");
    cairn__text text = {0};
    cairn__html_count(&text, INT64_MIN);
    CHECK_TEXT(text.data, "−9\u202f223\u202f372\u202f036\u202f854\u202f775\u202f808");
    cairn__free(text.data);
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8"))
        check_real(0.5, 4, "0.5", "0.5");
    else
        printf("    skipped: locale de_DE.UTF-8 is not installed\n");
    setlocale(LC_NUMERIC, "C");
}

TEST(base64_known_answers) /* RFC 4648, section 10 */
{
    static const char *const answers[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                          "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    for (size_t n = 0; n <= 6; n++) {
        cairn__text text = {0};
        cairn__text_add(&text, "%s", "");
        cairn__base64(&text, (const uint8_t *)"foobar", n);
        CHECK_TEXT(text.data, answers[n]);
        cairn__free(text.data);
    }
}

/* ---- the exact page ------------------------------------------------------------------------- */

static const char golden[] =
    "<main>\n<header>\n<h1>T</h1>\n<p class=\"subtitle\">S</p>\n<dl class=\"facts\">\n"
    "<div><dt>n</dt><dd>v</dd></div>\n</dl>\n</header>\n"
    "<h2 id=\"s1\">H</h2>\n<p>P 1</p>\n"
    "<div class=\"scroll\" tabindex=\"0\"><table class=\"plain\">\n<caption>C</caption>\n"
    "<thead><tr><th>a</th><th class=\"n\">b</th></tr></thead>\n<tbody>\n"
    "<tr><td>x,&quot;y</td><td class=\"n\">0.3333</td></tr>\n</tbody>\n</table></div>\n"
    "<details><summary>As comma-separated values</summary><pre class=\"csv\" tabindex=\"0\">a,b\n"
    "&quot;x,&quot;&quot;y&quot;,0.33333333333333331\n</pre></details>\n"
    "</main>";

TEST(golden_page)
{
    const char *const texts[] = {"x,\"y"};
    const double reals[] = {1.0 / 3};
    const cairn_report_column columns[] = {{.name = "a", .texts = texts},
                                           {.name = "b", .reals = reals}};
    cairn_report *r = cairn_report_new("T");
    cairn_report_subtitle(r, "first");
    cairn_report_subtitle(r, "S");
    cairn_report_fact(r, "n", "v");
    cairn_report_heading(r, "H");
    cairn_report_paragraph(r, "P %d", 1);
    cairn_report_table(r, "C", columns, 2, 1);
    cairn__text page = page_of(r);
    char *main = strstr(page.data, "<main>"), *end = strstr(page.data, "</main>");
    end[strlen("</main>")] = 0;
    CHECK_TEXT(main, golden);
    cairn__free(page.data);
}

TEST(curve_data)
{
    const cairn_report_curve curve = {"c", 3, three, lower, upper};
    cairn_report *r = cairn_report_new("T");
    cairn_report_curves(r, &(cairn_report_chart){"L", "nats", true, 1, &curve, "floor", 0.1});
    cairn__text page = page_of(r);
    CHECK(strstr(
        page.data,
        "<script type=\"application/json\">{\"title\":\"L\",\"axis\":\"nats\","
        "\"log\":true,\"floor\":[0.1,\"floor\"],\"curves\":[\n"
        "{\"name\":\"c\",\"step\":[1,2,3],\"examples\":8,\"seconds\":[0.5,1,1.5],"
        "\"value\":[2,0.25,null],\"lower\":[1.5,0.2,0],\"upper\":[2.5,0.3,0]}\n]}</script>"));
    CHECK(strstr(page.data, CAIRN__HAVE_CHARTJS ? "<canvas" : "was not built into"));
    cairn__free(page.data);
}

TEST(plane_data)
{
    const cairn_report_spot spots[] = {
        {"a", "s", 0.5, 2, 0.25}, {"gone", "s", NAN, 1, 1}, {"b", "t", 1.5, 3, NAN}};
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_report *r = cairn_report_new("T");
    cairn_report_plane(r, "P", "loss", "difference", spots, 3);
    cairn__text page = page_of(r);
    CHECK(strstr(page.data, "<script type=\"application/json\">{\"x\":\"loss\",\"y\":"
                            "\"difference\",\"spots\":[\n[\"a\",\"s\",0.5,2,0.25],\n"
                            "[\"b\",\"t\",1.5,3,null]\n]}</script>"));
    CHECK(strstr(page.data, "<td>gone</td>"));
    cairn__free(page.data);
    r = cairn_report_new("T");
    cairn_report_plane(r, "P", "x", "y", &(cairn_report_spot){.name = "a"}, 1);
    CHECK(!cairn_report_write(r, test_path("none.html"), &status));
    CHECK_TEXT(status.message, "plane \"P\": point 0 of 1 needs a name and a series");
    cairn_report_free(r);
}

TEST(many_long_curves_stay_under_a_megabyte)
{
    enum { CHARTS = 40, CURVES = 3, N = 5000 };
    static cairn_report_point points[N];
    static double sides[N];
    for (int64_t i = 0; i < N; i++) {
        points[i] = (cairn_report_point){1000000 + i, 7 * i * i, 1e5 + 1.37 * (double)i,
                                         -1.234567e-5 * sin((double)(i * i))};
        sides[i] = -1.234567e-7 * (double)i;
    }
    cairn_report *r = cairn_report_new("T");
    for (int c = 0; c < CHARTS; c++) {
        const cairn_report_curve curve = {"curve", N, points, sides, sides};
        const cairn_report_curve curves[CURVES] = {curve, curve, curve};
        cairn_report_curves(r,
                            &(cairn_report_chart){"chart", "axis", false, CURVES, curves, NULL, 0});
    }
    cairn__text page = page_of(r);
    CHECK(page.length < 1000000);
    cairn__free(page.data);
}

/* ---- errors --------------------------------------------------------------------------------- */

TEST(errors_are_kept_and_named)
{
    static const cairn_report_point back[] = {{5, 0, 0, 1}, {4, 0, 0, 1}};
    const cairn_report_curve falling = {"loss", 2, back, NULL, NULL};
    const cairn_report_curve half = {"loss", 1, back, lower, NULL};
    cairn_status status = CAIRN_STATUS_INIT;

    cairn_report *r = cairn_report_new("T");
    cairn_report_curves(r, &(cairn_report_chart){"C", NULL, false, 1, &falling, NULL, 0});
    cairn_report_curves(r, &(cairn_report_chart){"C", NULL, false, 1, &half, NULL, 0});
    CHECK_INT(cairn_report_status(r)->code, CAIRN_ERR_VALUE);
    CHECK(!cairn_report_write(r, test_path("bad.html"), &status));
    CHECK_TEXT(status.message, "chart \"C\": curve \"loss\" goes from step 5 back to 4");
    cairn_report_free(r);

    r = cairn_report_new("T");
    cairn_report_curves(r, &(cairn_report_chart){"C", NULL, false, 1, &half, NULL, 0});
    CHECK_CONTAINS(cairn_report_status(r)->message, "one side");
    cairn_report_free(r);

    r = cairn_report_new("T");
    cairn_report_table(r, "C", &(cairn_report_column){.name = "a"}, 1, 1);
    CHECK_CONTAINS(cairn_report_status(r)->message, "exactly one of");
    cairn_report_free(r);

    r = cairn_report_new("T");
    cairn_report_pictures(r, "C", &(cairn_report_picture){(const uint8_t *)"", 1, 1, 2, 0, NULL}, 1,
                          1);
    if (cairn__png_built_in())
        CHECK_CONTAINS(cairn_report_status(r)->message, "2 channels");
    cairn_report_free(r);

    status = (cairn_status)CAIRN_STATUS_INIT;
    CHECK(!cairn_report_write(NULL, test_path("bad.html"), &status));
    CHECK_INT(status.code, CAIRN_ERR_MEMORY);
}

/* Files in a directory, without "." and "..". */
static int entries(const char *path)
{
    int n = 0;
    DIR *directory = opendir(path);
    while (directory && readdir(directory))
        n++;
    if (directory)
        closedir(directory);
    return n - 2;
}

static void check_refused(const char *path, const char *sentence)
{
    cairn_status status = CAIRN_STATUS_INIT;
    cairn_report *r = everything("T");
    CHECK(!cairn_report_write(r, path, &status));
    CHECK_INT(status.code, CAIRN_ERR_FILE);
    CHECK_CONTAINS(status.message, path);
    CHECK_CONTAINS(status.message, sentence);
    CHECK(cairn_ok(cairn_report_status(r))); /* and can be written elsewhere */
    cairn_report_free(r);
}

TEST(a_failed_write_leaves_nothing)
{
    char folder[512], taken[600], path[600];
    snprintf(folder, sizeof folder, "%s", test_path("folder"));
    snprintf(taken, sizeof taken, "%s/taken", folder);
    snprintf(path, sizeof path, "%s/report.html", folder);
    check_refused(path, "cannot create");
    mkdir(folder, 0777);
    mkdir(taken, 0777);
    check_refused(taken, "cannot replace");
    CHECK_INT(entries(folder), 1);

    /* A limit on the size of files stands in for a full disk. The older page stays. */
    struct rlimit before, small;
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 4096;
    test_write_file(path, "old", 3);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    check_refused(path, "cannot write");
    setrlimit(RLIMIT_FSIZE, &before);
    CHECK_INT(entries(folder), 2);
    char *old = test_read_file(path, NULL);
    CHECK(old && memcmp(old, "old", 3) == 0);
    cairn__free(old);

    if (geteuid() == 0) {
        printf("    skipped: read-only directories do not stop root\n");
        return;
    }
    chmod(folder, 0555);
    check_refused(path, "cannot create");
    chmod(folder, 0777);
}

TEST(a_page_is_replaced_and_readable_as_usual)
{
    struct stat info;
    const char *path = test_path("again.html");
    cairn_report *r = cairn_report_new("T");
    mode_t mask = umask(022);
    CHECK(cairn_report_write(r, path, NULL));
    umask(mask);
    CHECK(stat(path, &info) == 0 && (info.st_mode & 0777) == 0644);
    cairn_report_paragraph(r, "second");
    CHECK(cairn_report_write(r, path, NULL));
    char *page = test_read_file(path, NULL);
    CHECK(page && strstr(page, "second"));
    cairn__free(page);
    cairn_report_free(r);
}

TEST(out_of_memory_at_every_allocation)
{
    char folder[512], path[600];
    snprintf(folder, sizeof folder, "%s", test_path("memory"));
    snprintf(path, sizeof path, "%s/report.html", folder);
    mkdir(folder, 0777);
    for (int64_t n = 1;; n++) {
        cairn_status status = CAIRN_STATUS_INIT;
        int64_t before = cairn__alloc_count();
        cairn__alloc_fail_after(n);
        cairn_report *r = everything("T");
        bool good = cairn_report_write(r, path, &status);
        cairn_report_free(r);
        cairn__alloc_fail_after(0);
        if (cairn__alloc_count() - before < n) {
            CHECK(good);
            CHECK(n > 10);
            break;
        }
        CHECK(!good);
        CHECK_INT(status.code, CAIRN_ERR_MEMORY);
        CHECK_INT(entries(folder), 0);
    }
}
