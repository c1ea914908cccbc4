/* When a loss is bad: not finite, or a spike above the median of the last hundred.
 *
 * The median, because it is what a loss "usually" is even when some spikes were let through. The
 * window is kept sorted: a step costs one search and one move of at most 800 bytes. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/train.h"

static double median(const cairn__judge *j)
{
    return (j->sorted[(j->n - 1) / 2] + j->sorted[j->n / 2]) / 2;
}

const char *cairn__judge_loss(const cairn__judge *j, double loss, char text[128])
{
    if (!isfinite(loss)) {
        snprintf(text, 128, "the loss is %s", isnan(loss) ? "not a number" : "infinite");
        return text;
    }
    /* Before the window is full, and for losses around zero, "usual" means too little. */
    if (j->factor <= 0 || j->n < CAIRN__JUDGE_WINDOW || median(j) <= 0)
        return NULL;
    if (loss <= j->factor * median(j))
        return NULL;
    snprintf(text, 128, "the loss %.6g is above %g times the median %.6g of the last %d", loss,
             j->factor, median(j), CAIRN__JUDGE_WINDOW);
    return text;
}

static int place_of(const cairn__judge *j, double loss)
{
    int at = 0;
    while (at < j->n && j->sorted[at] < loss)
        at++;
    return at;
}

void cairn__judge_keep(cairn__judge *j, double loss)
{
    if (!isfinite(loss))
        return;
    if (j->n == CAIRN__JUDGE_WINDOW) {
        int old = place_of(j, j->recent[j->next]);
        j->n--;
        memmove(j->sorted + old, j->sorted + old + 1, (size_t)(j->n - old) * sizeof *j->sorted);
    }
    int at = place_of(j, loss);
    memmove(j->sorted + at + 1, j->sorted + at, (size_t)(j->n - at) * sizeof *j->sorted);
    j->sorted[at] = loss;
    j->recent[j->next] = loss;
    j->next = (j->next + 1) % CAIRN__JUDGE_WINDOW;
    j->n++;
}

int cairn__judge_window(const cairn__judge *j, double out[CAIRN__JUDGE_WINDOW])
{
    int first = j->n == CAIRN__JUDGE_WINDOW ? j->next : 0;
    for (int i = 0; i < j->n; i++)
        out[i] = j->recent[(first + i) % CAIRN__JUDGE_WINDOW];
    return j->n;
}

void cairn__judge_restore(cairn__judge *j, const double *losses, int n)
{
    *j = (cairn__judge){.factor = j->factor};
    for (int i = 0; i < n; i++)
        cairn__judge_keep(j, losses[i]);
}
