/* Migrations: bring a database file to the version this program writes, in one
 * transaction, and refuse what is not ours or newer than we are.
 *
 * The version is SQLite's user_version. To change the schema, add a step that turns the
 * version before into the new one; steps that have been released never change. */
#include "framework/store/statement.h"

static const struct migration {
    int64_t version; /* after the step */
    const char *sql;
} migrations[] = {
    {1, tfx_store_schema},   {2, tfx_store_schema_2}, {3, tfx_store_schema_3},
    {4, tfx_store_schema_4}, {5, tfx_store_schema_5}, {6, tfx_store_schema_6},
};

#define N_MIGRATIONS (sizeof(migrations) / sizeof(migrations[0]))

int64_t tfx_store_version(void)
{
    return migrations[N_MIGRATIONS - 1].version;
}

tfx_status tfx_store_identify(tfx_store *s, int64_t *version, tfx_error *err)
{
    /* One moment of the file: another process may be creating it, which is one transaction, too. */
    tfx_sql_do(s, err, "SAVEPOINT identify", "");
    int64_t application = tfx_sql_int(s, err, "PRAGMA application_id", "");
    int64_t tables = tfx_sql_int(s, err, "SELECT count(*) FROM sqlite_schema", "");
    *version = tfx_sql_int(s, err, "PRAGMA user_version", "");
    sqlite3_exec(s->db, "RELEASE identify", NULL, NULL, NULL);
    if (err->status != TFX_OK)
        return err->status;
    if (application == 0 && *version == 0 && tables == 0)
        return TFX_OK; /* a new file */
    if (application != TFX_STORE_APPLICATION_ID)
        return tfx_fail(err, TFX_E_DATA,
                        "%s is an SQLite database, but not one of tfx (application_id: expected %d, found %lld)",
                        s->path, TFX_STORE_APPLICATION_ID, (long long)application);
    if (*version > tfx_store_version())
        return tfx_fail(err, TFX_E_DATA,
                        "database %s was written by a newer tfx: this one knows versions up to %lld, found %lld",
                        s->path, (long long)tfx_store_version(), (long long)*version);
    return TFX_OK;
}

tfx_status tfx_store_migrate(tfx_store *s, tfx_error *err)
{
    tfx_error e = {0};
    int64_t version;
    if (tfx_write_enter(s, "creating its tables", &e) != TFX_OK)
        return tfx_write_leave(s, &e, err);
    /* Asked again under the lock: another process may have done it meanwhile. */
    tfx_store_identify(s, &version, &e);
    for (size_t i = 0; i < N_MIGRATIONS && e.status == TFX_OK; i++) {
        if (version >= migrations[i].version)
            continue;
        if (sqlite3_exec(s->db, migrations[i].sql, NULL, NULL, NULL) != SQLITE_OK) {
            tfx_sql_fail(s, &e);
            break;
        }
        /* A pragma takes no bound values. */
        char pragma[96];
        sqlite3_snprintf(sizeof(pragma), pragma, "PRAGMA user_version = %lld", (long long)migrations[i].version);
        tfx_sql_do(s, &e, pragma, "");
        sqlite3_snprintf(sizeof(pragma), pragma, "PRAGMA application_id = %d", TFX_STORE_APPLICATION_ID);
        tfx_sql_do(s, &e, pragma, "");
    }
    return tfx_write_leave(s, &e, err);
}
