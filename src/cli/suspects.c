/* cairn suspects RUN: the training items whose labels are most likely wrong. */
#include <math.h>
#include <string.h>

#include "cli/session.h"
#include "methods/suspects.h"

typedef struct suspects_options {
    char data[CAIRN_TEXT_SIZE], out[CAIRN_TEXT_SIZE];
    int64_t items;
} suspects_options;

static const cairn_option table[] = {
    CAIRN_OPT_PATH(suspects_options, data, "", "other data than the run's", ""),
    CAIRN_OPT_PATH(suspects_options, out, "", "also write a page with their pictures", ""),
    CAIRN_OPT_COUNT(suspects_options, items, 20, 1, 1e9, "how many are listed", ""),
    CAIRN_OPT_END,
};

static suspects_options values;
static session run_session;

static bool options(cli_call *call, cairn_status *status)
{
    (void)status;
    cairn_options_defaults(table, &values);
    return cli_add_section(call, "options", table, &values);
}

static void print_json(const cairn__suspect *s, const cairn_dataset *data)
{
    cairn__text out = {.data = NULL};
    char text[24];
    cli_json_number(&out, "item", (double)s->item);
    cli_json_text(&out, "label", cairn__class_text(data, s->label, text));
    cli_json_text(&out, "guess", cairn__class_text(data, s->guess, text));
    if (s->truth >= 0)
        cli_json_text(&out, "truth", cairn__class_text(data, s->truth, text));
    cli_json_number(&out, "probability", s->probability);
    cli_json_number(&out, "loss", s->loss);
    cli_json_number(&out, "weight", s->weight);
    cli_json_end(&out);
}

static void print(const cli_call *call, const cairn__suspects *f, const cairn_dataset *data)
{
    char a[24], b[24];
    if (!call->json)
        printf("%8s  %-23s %-23s %12s %10s %10s\n", "item", "label", "model says", "probability",
               "loss", "weight");
    for (int64_t i = 0; i < f->n; i++) {
        const cairn__suspect *s = &f->list[i];
        if (call->json)
            print_json(s, data);
        else
            printf("%8lld  %-23s %-23s %12.3g %10.4f %10.3g\n", (long long)s->item,
                   cairn__class_text(data, s->label, a), cairn__class_text(data, s->guess, b),
                   s->probability, s->loss, s->weight);
    }
    if (!call->json && f->wrong > 0)
        printf("%lld of %lld labels were made wrong; AUC of the loss %.4f, memorised %.1f %%\n",
               (long long)f->wrong, (long long)f->items, f->auc, 100 * f->memorised);
}

static bool write_page(const cairn__suspects *f, const cairn_dataset *data, cairn_status *status)
{
    cairn_report *report = cairn_report_new("Labels most likely wrong");
    cairn__suspects_report(f, data, report);
    bool good = cairn_report_write(report, values.out, status);
    cairn_report_free(report);
    return good;
}

static bool run(cli_call *call, cairn_status *status)
{
    char model[CAIRN_TEXT_SIZE + 32];
    cairn_problem problem;
    cairn__suspects found = {.list = NULL};
    if (!session_read(&run_session, call->word[0], status))
        return false;
    if (*values.data)
        memcpy(run_session.data.data, values.data, sizeof values.data);
    cairn_dataset *data = session_data(&run_session, status);
    if (!data)
        return false;
    snprintf(model, sizeof model, "%s/model.safetensors", call->word[0]);
    run_session.method->problem(run_session.options.bytes, &problem);
    bool good =
        cairn__suspects_find(&problem, NULL, model, data, NULL, values.items, &found, status) &&
        (!*values.out || write_page(&found, data, status));
    if (good)
        print(call, &found, data);
    cairn__suspects_free(&found);
    cairn_dataset_free(data);
    return good;
}

const cli_command cli_suspects = {
    .name = "suspects",
    .arguments = "RUN",
    .summary = "lists the training items whose labels are most likely wrong",
    .details = "Of any run of a classifier: the items with the highest loss under its model, and\n"
               "the weight that reweighting (alpha 0.1, lambda 0.1) would give them.",
    .least = 1,
    .most = 1,
    .options = options,
    .run = run,
};
