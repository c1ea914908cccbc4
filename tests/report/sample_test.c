/* A report with a little of everything and plausible numbers, as an example of use and something to
 * look at: CAIRN_REPORT_SAMPLE=sample.html build/tests/sample_test. tools/check-report opens it in
 * a browser. */
#include <stdlib.h>

#include "report/report.h"
#include "test.h"

enum { STEPS = 12000, EVERY = 400, CHECKS = STEPS / EVERY, SIDE = 28, BATCH = 64 };

typedef struct sample_options {
    double learning_rate, smoothness;
    int64_t batch;
    cairn_span warmup;
    bool augment;
    char data[CAIRN_TEXT_SIZE];
} sample_options;

static const cairn_option table[] = {
    CAIRN_OPT_REAL(sample_options, learning_rate, 1e-3, 0, 10, "step size", "section 4.1"),
    CAIRN_OPT_REAL(sample_options, smoothness, 0.5, 0, 10, "half-width of the quadratic middle",
                   "equation 2"),
    CAIRN_OPT_COUNT(sample_options, batch, 32, 1, 65536, "examples in one step", "section 4.1"),
    CAIRN_OPT_SPAN(sample_options, warmup, "5%", "rise of the learning rate", ""),
    CAIRN_OPT_FLAG(sample_options, augment, 1, "crops and reflections of training pictures", ""),
    CAIRN_OPT_PATH(sample_options, data, "", "the pictures to learn from", ""),
    CAIRN_OPT_END,
};

/* ---- numbers that look like training -------------------------------------------------------- */

static float noise[2 * STEPS];
static cairn_report_point relu[STEPS], smelu[STEPS], checked[2][CHECKS], few[2][CHECKS];
static double lower[2][CHECKS], upper[2][CHECKS];

static cairn_report_point point(int64_t step, double value)
{
    return (cairn_report_point){step, step * BATCH, 0.031 * (double)step, value};
}

static void make_curves(void)
{
    cairn_random_normal_fill(1, 0, 2 * STEPS, noise);
    for (int64_t i = 0; i < STEPS; i++) {
        double t = (double)(i + 1);
        relu[i] = point(i + 1, (2.1 * pow(t / 60 + 1, -0.55) + 0.05) * exp(0.22 * noise[i]));
        smelu[i] =
            point(i + 1, (2.2 * pow(t / 60 + 1, -0.62) + 0.04) * exp(0.2 * noise[STEPS + i]));
    }
    for (int64_t i = 0; i < CHECKS; i++) {
        double t = (double)(i + 1) / CHECKS;
        for (int m = 0; m < 2; m++) {
            double value =
                (m ? 91.8 : 91.2) - 38 * exp((m ? -6.5 : -5.6) * t) + 0.25 * noise[7 * i + m];
            double width = 0.5 + 3 * exp(-5 * t);
            checked[m][i] = point((i + 1) * EVERY, value);
            few[m][i] =
                point((i + 1) * EVERY, (m ? 1.6 : 3.4) + 9 * exp(-4 * t) + 0.15 * noise[9 * i + m]);
            lower[m][i] = value - width;
            upper[m][i] = value + width;
        }
    }
}

static void add_curves(cairn_report *r)
{
    const cairn_report_curve loss[] = {{"ReLU", STEPS, relu, NULL, NULL},
                                       {"SmeLU", STEPS, smelu, NULL, NULL}};
    const cairn_report_curve accuracy[] = {{"ReLU", CHECKS, checked[0], lower[0], upper[0]},
                                           {"SmeLU", CHECKS, checked[1], lower[1], upper[1]}};
    const cairn_report_curve difference[] = {{"ReLU", CHECKS, few[0], NULL, NULL},
                                             {"SmeLU", CHECKS, few[1], NULL, NULL}};
    cairn_report_curves(
        r, &(cairn_report_chart){"Training loss", "nats", true, 2, loss, "label noise", 0.04});
    cairn_report_curves(r, &(cairn_report_chart){"Accuracy on held-out pictures", "%", false, 2,
                                                 accuracy, NULL, 0});
    cairn_report_paragraph(r, "Two models trained from different seeds are given the same "
                              "pictures. The difference is the share of pictures on which their "
                              "answers differ; a model that can be trained again without "
                              "surprises keeps it small.");
    cairn_report_curves(r, &(cairn_report_chart){"Pictures answered differently after retraining",
                                                 "%", false, 2, difference, NULL, 0});
}

/* ---- the rest ------------------------------------------------------------------------------- */

static const cairn_report_claim claims[] = {
    {"Retraining differs less",
     "SmeLU lowers the share of answers that differ between two "
     "trainings, compared with ReLU.",
     "%", 3.3, 1.6, 1.3, 1.9, "5 seeds, 95 % interval",
     "holds if the whole interval lies below the 3.4 % of ReLU", CAIRN_VERDICT_HOLDS},
    {"Difference under augmentation",
     "The advantage remains when training pictures are "
     "augmented.",
     "%", 2.6, 2.9, 2.2, 3.6, "5 seeds, 95 % interval", NULL, CAIRN_VERDICT_OPEN},
    {"Wide networks", "Wider networks answer less differently than narrow ones at equal accuracy.",
     "%", 1.9, 3.1, 2.8, 3.5, "5 seeds, 95 % interval", NULL, CAIRN_VERDICT_FAILS},
};

static void add_tables(cairn_report *r)
{
    static const char *const models[] = {"ReLU", "SmeLU", "GELU", "Swish"};
    static const int64_t parameters[] = {1206590, 1206590, 1206590, 1206590};
    static const double accuracy[] = {91.24, 91.83, 91.55, NAN};
    static const double seconds[] = {372.5, 381.2, 405.9, 398.1};
    const cairn_report_column columns[] = {
        {.name = "Activation", .texts = models},
        {.name = "Parameters", .counts = parameters},
        {.name = "Accuracy (%)", .reals = accuracy},
        {.name = "Time (s)", .reals = seconds},
    };
    cairn_report_table(r, "Four activations, same everything else", columns, 4, 4);
}

static void add_pictures(cairn_report *r)
{
    static uint8_t pixels[12][SIDE][SIDE][3];
    static const char *const captions[] = {"right: 3", "right: 8", "said 4, is 9",
                                           "right: 0", "right: 7", "said 5, is 6"};
    cairn_report_picture pictures[12];
    for (int k = 0; k < 12; k++) {
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                double dx = (x - 13.5) / 9, dy = (y - 13.5) / (6 + k % 5), d = hypot(dx, dy) - 1;
                double ink = exp(-12 * d * d) + 0.1 * fabs(noise[k * 900 + y * SIDE + x]);
                for (int c = 0; c < 3; c++)
                    pixels[k][y][x][c] = (uint8_t)(255 * fmin(1, ink * (c == k % 3 ? 1 : 0.82)));
            }
        pictures[k] =
            (cairn_report_picture){&pixels[k][0][0][0], SIDE, SIDE, 3, 0, captions[k % 6]};
    }
    cairn_report_pictures(r, "Pictures from the test set", pictures, 2, 6);
}

static cairn_report *sample(void)
{
    cairn_report *r = cairn_report_new("Smooth activations, trained twice");
    sample_options options;
    cairn_options_defaults(table, &options);
    options.batch = BATCH;
    options.learning_rate = 2e-3;
    snprintf(options.data, sizeof options.data, "data/pictures");
    make_curves();
    cairn_report_subtitle(r, "Does a smooth activation make a model that answers the same after "
                             "it is trained again?");
    cairn_report_fact(r, "Claims that hold", "1 of 3");
    cairn_report_fact(r, "Accuracy", "91.8 %%");
    cairn_report_fact(r, "Answered differently", "1.6 %%");
    cairn_report_fact(r, "Steps", "12,000");
    cairn_report_fact(r, "Time", "6 min 21 s");
    cairn_report_fact(r, "Seeds", "5");
    cairn_report_heading(r, "Claims");
    cairn_report_claims(r, claims, 3);
    cairn_report_intervals(r, "Published and measured", "% of pictures answered differently",
                           claims, 3);
    cairn_report_heading(r, "Training");
    add_curves(r);
    cairn_report_heading(r, "Results");
    add_tables(r);
    add_pictures(r);
    cairn_report_heading(r, "Options");
    cairn_report_options(r, NULL, table, &options);
    return r;
}

TEST(sample_report_is_small_and_complete)
{
    cairn_status status = CAIRN_STATUS_INIT;
    const char *path = getenv("CAIRN_REPORT_SAMPLE");
    path = path ? path : test_path("sample.html");
    cairn_report *r = sample();
    CHECK(cairn_report_write(r, path, &status));
    CHECK_OK(status);
    cairn_report_free(r);
    size_t n = 0;
    char *page = test_read_file(path, &n);
    CHECK(n < 1000000);
    CHECK_CONTAINS(page, "does not hold");
    CHECK_CONTAINS(page, "</html>");
    cairn__free(page);
}
