/* The index of runs: ROOT/index.sqlite, one row for each directory with what its run.json said, and
 * the size and time of that file by which a change is seen.
 *
 * Everything in it can be had from the directories. So nothing here is an error: a damaged index is
 * removed and made once more, and one that cannot be written is done without. */
#include "config.h"
#include "train/runs.h"

#if CAIRN__HAVE_SQLITE

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

enum { WAIT_MS = 2000 };

static const char schema[] = "CREATE TABLE IF NOT EXISTS runs ("
                             " directory TEXT PRIMARY KEY, changed INTEGER, bytes INTEGER,"
                             " title TEXT, state TEXT, started TEXT,"
                             " loss REAL, seconds REAL, steps INTEGER, seen INTEGER)";

static void copy(char *to, size_t size, sqlite3_stmt *row, int column)
{
    const unsigned char *text = sqlite3_column_text(row, column);
    snprintf(to, size, "%s", text ? (const char *)text : "");
}

static double real(sqlite3_stmt *row, int column)
{
    return sqlite3_column_type(row, column) == SQLITE_NULL ? NAN
                                                           : sqlite3_column_double(row, column);
}

static bool look_up(sqlite3_stmt *select, cairn__found_run *run)
{
    sqlite3_reset(select);
    sqlite3_bind_text(select, 1, run->entry.directory, -1, SQLITE_STATIC);
    sqlite3_bind_int64(select, 2, run->changed);
    sqlite3_bind_int64(select, 3, run->bytes);
    int code = sqlite3_step(select);
    if (code == SQLITE_ROW) {
        cairn_run_entry *e = &run->entry;
        copy(e->title, sizeof e->title, select, 0);
        copy(e->state, sizeof e->state, select, 1);
        copy(e->started, sizeof e->started, select, 2);
        e->loss = real(select, 3);
        e->seconds = real(select, 4);
        e->steps = sqlite3_column_int64(select, 5);
        run->known = true;
    }
    sqlite3_reset(select);
    return code == SQLITE_ROW || code == SQLITE_DONE;
}

static bool put(sqlite3_stmt *insert, const cairn__found_run *run)
{
    const cairn_run_entry *e = &run->entry;
    sqlite3_reset(insert);
    sqlite3_bind_text(insert, 1, e->directory, -1, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 2, run->changed);
    sqlite3_bind_int64(insert, 3, run->bytes);
    sqlite3_bind_text(insert, 4, e->title, -1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 5, e->state, -1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 6, e->started, -1, SQLITE_STATIC);
    sqlite3_bind_double(insert, 7, e->loss); /* a NaN becomes NULL */
    sqlite3_bind_double(insert, 8, e->seconds);
    sqlite3_bind_int64(insert, 9, e->steps);
    return sqlite3_step(insert) == SQLITE_DONE;
}

/* Rows that are right are marked as seen, others replaced, and what was not seen is gone. */
static bool compare(sqlite3 *db, cairn__run_list *list)
{
    sqlite3_stmt *select = NULL, *insert = NULL, *mark = NULL;
    bool good = sqlite3_prepare_v2(db,
                                   "SELECT title, state, started, loss, seconds, steps FROM runs"
                                   " WHERE directory = ? AND changed = ? AND bytes = ?",
                                   -1, &select, NULL) == SQLITE_OK &&
                sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO runs VALUES (?,?,?,?,?,?,?,?,?,1)",
                                   -1, &insert, NULL) == SQLITE_OK &&
                sqlite3_prepare_v2(db, "UPDATE runs SET seen = 1 WHERE directory = ?", -1, &mark,
                                   NULL) == SQLITE_OK;
    for (int64_t i = 0; good && i < list->n; i++) {
        cairn__found_run *run = &list->found[i];
        good = look_up(select, run);
        if (good && run->known) {
            sqlite3_reset(mark);
            sqlite3_bind_text(mark, 1, run->entry.directory, -1, SQLITE_STATIC);
            good = sqlite3_step(mark) == SQLITE_DONE;
        } else if (good) {
            cairn__found_run_read(run);
            good = put(insert, run);
        }
    }
    sqlite3_finalize(select);
    sqlite3_finalize(insert);
    sqlite3_finalize(mark);
    return good;
}

static bool run_sql(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* False when the file is no good index. */
static bool update(const char *path, cairn__run_list *list)
{
    sqlite3 *db = NULL;
    bool good = sqlite3_open(path, &db) == SQLITE_OK;
    sqlite3_busy_timeout(db, WAIT_MS);
    good = good && run_sql(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL") &&
           run_sql(db, schema) && run_sql(db, "BEGIN IMMEDIATE; UPDATE runs SET seen = 0") &&
           compare(db, list) && run_sql(db, "DELETE FROM runs WHERE seen = 0; COMMIT");
    int code = sqlite3_errcode(db);
    sqlite3_close(db);
    /* Not being allowed to write, or somebody else writing, says nothing against the file. */
    return good || code == SQLITE_READONLY || code == SQLITE_CANTOPEN || code == SQLITE_BUSY ||
           code == SQLITE_FULL || code == SQLITE_NOMEM;
}

void cairn__index_update(const char *root, cairn__run_list *list)
{
    static const char *const parts[] = {"", "-wal", "-shm"};
    char path[CAIRN__PATH_SIZE], part[CAIRN__PATH_SIZE + 8];
    snprintf(path, sizeof path, "%s/index.sqlite", root);
    if (update(path, list))
        return;
    for (size_t i = 0; i < CAIRN__COUNT(parts); i++) {
        snprintf(part, sizeof part, "%s%s", path, parts[i]);
        unlink(part);
    }
    for (int64_t i = 0; i < list->n; i++)
        list->found[i].known = false; /* a damaged index may have said anything */
    update(path, list);
}

#else

void cairn__index_update(const char *root, cairn__run_list *list)
{
    (void)root;
    (void)list;
}

#endif
