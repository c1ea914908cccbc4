/* cairn reproduce METHOD: the experiment behind each claim, with a verdict computed from the
 * numbers. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/session.h"
#include "data/data.h"

typedef struct reproduce_options {
    char out[CAIRN_TEXT_SIZE], markdown[CAIRN_TEXT_SIZE];
    bool quick;
    int64_t seeds;
} reproduce_options;

static const cairn_option table[] = {
    CAIRN_OPT_PATH(reproduce_options, out, "",
                   "directory of results and report; an interrupted experiment goes on there", ""),
    CAIRN_OPT_FLAG(reproduce_options, quick, false, "a reduced experiment, in minutes", ""),
    CAIRN_OPT_COUNT(reproduce_options, seeds, 0, 0, 16, "fresh seeds; 0: as the experiment says",
                    ""),
    CAIRN_OPT_PATH(reproduce_options, markdown, "", "also write the figures to this file", ""),
    CAIRN_OPT_END,
};

static reproduce_options values;
static session rep;

static bool options(cli_call *call, cairn_status *status)
{
    if (call->words < 1)
        return cairn__fail(status, CAIRN_ERR_VALUE,
                           "which method? 'cairn methods' lists them: cairn reproduce METHOD");
    cairn_options_defaults(table, &values);
    return session_init(&rep, call->word[0], status) &&
           cli_add_section(call, "options", table, &values) &&
           cli_add_section(call, "data", cairn__data_table, &rep.data);
}

static double started;

static void progress(void *user, double done, const char *what)
{
    double spent = cairn__seconds() - started;
    double left = done > 0.02 ? spent / done * (1 - done) : NAN;
    cli_progress(user, "%3.0f %%  %s left  %.60s", 100 * done, cli_duration(left), what);
}

enum { MOST_CLAIMS = 16 };

static void print_claims(const cli_call *call, const cairn_report_claim *claims, int n)
{
    for (int i = 0; i < n; i++) {
        const cairn_report_claim *c = &claims[i];
        if (call->json) {
            cairn__text out = {.data = NULL};
            cli_json_text(&out, "claim", c->claim);
            cli_json_text(&out, "name", c->name);
            cli_json_number(&out, "published", c->published);
            cli_json_number(&out, "measured", c->measured);
            cli_json_number(&out, "lower", c->lower);
            cli_json_number(&out, "upper", c->upper);
            cli_json_text(&out, "unit", c->unit);
            cli_json_text(&out, "rule", c->rule);
            cli_json_text(&out, "verdict", cairn_verdict_text(c->verdict));
            cli_json_end(&out);
        } else {
            printf("%-14s %s\n%-14s %.4g (%.4g to %.4g) %s\n%-14s %s\n\n",
                   cairn_verdict_text(c->verdict), c->claim, "", c->measured, c->lower, c->upper,
                   c->unit ? c->unit : "", "", c->rule ? c->rule : "");
        }
    }
}

/* The same as a page of the documentation. */
static bool write_markdown(const cairn_report_claim *claims, int n, const char *report_text,
                           cairn_status *status)
{
    cairn__text out = {.status = status};
    cairn__text_add(&out, "# %s: claims measured\n\n%s.\n\n", rep.method->name, rep.method->paper);
    cairn__text_add(&out, "Made by `cairn reproduce %s%s`.\n\n", rep.method->name,
                    values.quick ? " --quick" : "");
    cairn__text_add(&out, "| verdict | claim | measured | 95 %% interval | rule |\n"
                          "| --- | --- | --- | --- | --- |\n");
    for (int i = 0; i < n; i++)
        cairn__text_add(&out, "| **%s** | %s | %.4g %s | %.4g to %.4g | %s |\n",
                        cairn_verdict_text(claims[i].verdict), claims[i].claim, claims[i].measured,
                        claims[i].unit ? claims[i].unit : "", claims[i].lower, claims[i].upper,
                        claims[i].rule ? claims[i].rule : "");
    cairn__text_add(&out, "\n%s", report_text ? report_text : "");
    bool good = !out.failed &&
                cairn__write_file_atomically(values.markdown,
                                             &(cairn__bytes){out.data, out.length}, 1, status);
    cairn__free(out.data);
    return good;
}

static bool reproduce(cli_call *call, const cairn_dataset *data, const char *out,
                      cairn_status *status)
{
    char path[CAIRN_TEXT_SIZE + 32], title[128];
    cairn_report_claim claims[MOST_CLAIMS];
    cairn__text summary = {.status = status};
    snprintf(title, sizeof title, "%s: claims measured", rep.method->name);
    cairn_report *report = cairn_report_new(title);
    cairn_token_data room;
    cairn__reproduction r = {.data = data,
                             .tokens = session_tokens(&rep, &room),
                             .quick = values.quick,
                             .seeds = values.seeds,
                             .directory = out,
                             .report = report,
                             .summary = &summary,
                             .progress = progress,
                             .user = call,
                             .stop = &cli_interrupted};
    started = cairn__seconds();
    cairn_report_subtitle(report, "%s", rep.method->paper);
    int n = rep.method->reproduce(&r, claims, MOST_CLAIMS, status);
    cli_progress_end(call);
    bool good = n >= 0;
    if (good) {
        cairn_report_heading(report, "Claims");
        cairn_report_claims(report, claims, n);
        snprintf(path, sizeof path, "%s/report.html", out);
        print_claims(call, claims, n);
        good = cairn_report_write(report, path, status) &&
               (!*values.markdown || write_markdown(claims, n, summary.data, status));
    }
    if (good && !call->json)
        printf("report: %s\n", path);
    cairn__free(summary.data);
    cairn_report_free(report);
    return good;
}

static bool run(cli_call *call, cairn_status *status)
{
    char out[CAIRN_TEXT_SIZE];
    snprintf(out, sizeof out, "runs/reproduce-%s%s", rep.method->name,
             values.quick ? "-quick" : "");
    if (*values.out)
        memcpy(out, values.out, sizeof out);
    else
        mkdir("runs", 0777);
    int64_t items = values.quick ? rep.method->quick_items : rep.method->items;
    if (!rep.data.limit)
        rep.data.limit = items ? items : values.quick ? 1000 : 4000;
    cairn_dataset *data = session_source(&rep, status);
    if (cairn_ok(status) && mkdir(out, 0777) != 0 && errno != EEXIST)
        cairn__fail_errno(status, out, "make");
    cli_catch_interrupts();
    bool good = cairn_ok(status) && reproduce(call, data, out, status);
    cairn_dataset_free(data);
    session_close(&rep);
    return good;
}

const cli_command cli_reproduce = {
    .name = "reproduce",
    .arguments = "METHOD",
    .summary = "measures a method's published claims again, with a verdict for each",
    .details =
        "Every competitor is tuned by the same number of trainings; the best setting is trained\n"
        "again with fresh seeds. Interrupted, the same command goes on where it stopped.",
    .least = 1,
    .most = 1,
    .options = options,
    .run = run,
};
