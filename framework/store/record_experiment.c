/* Store: what describes a run: experiments, arms, environments, plugins, and its status. */
#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "framework/base/hash.h"
#include "framework/store/statement.h"

/* Its hash goes to `hash`. */
static void add_spec(tfx_store *s, const char *spec, char hash[33], tfx_error *e)
{
    tfx_bytes_hash(spec, strlen(spec), hash);
    tfx_sql_do(s, e, "INSERT INTO spec (hash, text) VALUES (?, ?) ON CONFLICT DO NOTHING", "tt", hash, spec);
}

tfx_id tfx_store_add_experiment(tfx_store *s, const char *name, const char *description, const char *spec_path,
                                const char *profile, const char *spec, tfx_error *err)
{
    tfx_error e = {0};
    char hash[33];
    tfx_write_enter(s, "recording an experiment", &e);
    add_spec(s, spec, hash, &e);
    tfx_id id = tfx_sql_insert(s, &e,
                               "INSERT INTO experiment (id, name, description, spec_path, profile, spec, created) "
                               "VALUES (" TFX_SQL_NEW_ID("experiment", "experiment") ", ?, ?, ?, ?, ?, " TFX_SQL_NOW
                                                                                     ")",
                               "ttttt", name, description, spec_path, profile, hash);
    return tfx_write_leave(s, &e, err) == TFX_OK ? id : 0;
}

tfx_status tfx_store_set_spec(tfx_store *s, tfx_id experiment, const char *description, const char *spec,
                              tfx_error *err)
{
    tfx_error e = {0};
    char hash[33];
    tfx_write_enter(s, "recording another spec", &e);
    add_spec(s, spec, hash, &e);
    tfx_sql_do(s, &e, "UPDATE experiment SET description = ?, spec = ? WHERE id = ?", "ttk", description, hash,
               experiment);
    tfx_sql_check_found(s, "experiment", experiment, &e);
    tfx_sql_do(s, &e, "DELETE FROM spec WHERE hash NOT IN (SELECT spec FROM experiment)", "");
    return tfx_write_leave(s, &e, err);
}

tfx_id tfx_store_add_arm(tfx_store *s, tfx_id experiment, const char *name, const char *model, const char *scaling,
                         const char *start, const char *train_json, tfx_error *err)
{
    tfx_error e = {0};
    tfx_write_enter(s, "recording an arm", &e);
    tfx_id id = tfx_sql_insert(
        s, &e,
        "INSERT INTO arm (experiment, name, model, scaling, start, train) VALUES (?, ?, ?, ?, ?, "
        "?)",
        "kttttt", experiment, name, model, scaling, start, train_json);
    return tfx_write_leave(s, &e, err) == TFX_OK ? id : 0;
}

tfx_status tfx_store_set_arm_made(tfx_store *s, tfx_id arm, const tfx_arm_made *m, tfx_error *err)
{
    tfx_error e = {0};
    tfx_write_enter(s, "recording what made an arm", &e);
    tfx_sql_do(s, &e, "UPDATE arm SET sweep = ?, base = ?, point = ?, twin = ?, twin_of = ? WHERE id = ?", "tttttk",
               m->sweep, m->base, m->point, m->twin, m->twin_of, arm);
    tfx_sql_check_found(s, "arm", arm, &e);
    return tfx_write_leave(s, &e, err);
}

tfx_status tfx_store_set_arm_search(tfx_store *s, tfx_id arm, const char *expression, tfx_error *err)
{
    tfx_error e = {0};
    tfx_write_enter(s, "recording where a learning rate is from", &e);
    tfx_sql_do(s, &e, "UPDATE arm SET lr_search = ? WHERE id = ?", "tk", expression, arm);
    tfx_sql_check_found(s, "arm", arm, &e);
    return tfx_write_leave(s, &e, err);
}

tfx_id tfx_store_add_environment(tfx_store *s, const tfx_environment *v, tfx_error *err)
{
    tfx_error e = {0};
    tfx_write_enter(s, "recording the environment", &e);
    /* IS, not =: two unknown commits are equal here. */
    tfx_id id = tfx_sql_int(s, &e,
                            "SELECT id FROM environment WHERE tfx_version = ? AND abi_version = ? AND git_commit IS ? "
                            "AND host = ? AND os = ? AND cpu = ? AND n_cores = ? AND memory_bytes = ? AND backend = ? "
                            "AND libraries IS ?",
                            "ttttttiitt", v->tfx_version, v->abi_version, v->git_commit, v->host, v->os, v->cpu,
                            v->n_cores, v->memory_bytes, v->backend, v->libraries_json);
    if (!id)
        id = tfx_sql_insert(s, &e,
                            "INSERT INTO environment (tfx_version, abi_version, git_commit, host, os, cpu, n_cores, "
                            "memory_bytes, backend, libraries) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                            "ttttttiitt", v->tfx_version, v->abi_version, v->git_commit, v->host, v->os, v->cpu,
                            v->n_cores, v->memory_bytes, v->backend, v->libraries_json);
    return tfx_write_leave(s, &e, err) == TFX_OK ? id : 0;
}

tfx_id tfx_store_add_run(tfx_store *s, tfx_id arm, int64_t seed, tfx_error *err)
{
    tfx_error e = {0};
    tfx_write_enter(s, "recording a run", &e);
    tfx_id id = tfx_sql_insert(s, &e,
                               "INSERT INTO run (id, arm, seed, created) VALUES (" TFX_SQL_NEW_ID(
                                   "run", "last_run") ", ?, ?, " TFX_SQL_NOW ")",
                               "ki", arm, seed);
    return tfx_write_leave(s, &e, err) == TFX_OK ? id : 0;
}

tfx_status tfx_store_add_run_plugin(tfx_store *s, tfx_id run, const char *name, const char *version, const char *abi,
                                    const char *path, const char *hash, tfx_error *err)
{
    tfx_error e = {0};
    tfx_write_enter(s, "recording a plugin", &e);
    tfx_sql_do(s, &e,
               "INSERT INTO plugin (name, version, abi, path, hash) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
               "ttttt", name, version, abi, path, hash);
    tfx_id plugin = tfx_sql_int(
        s, &e, "SELECT id FROM plugin WHERE name = ? AND version = ? AND abi = ? AND path = ? AND hash = ?", "ttttt",
        name, version, abi, path, hash);
    tfx_sql_do(s, &e, "INSERT INTO run_plugin (run, plugin) VALUES (?, ?) ON CONFLICT DO NOTHING", "kk", run, plugin);
    return tfx_write_leave(s, &e, err);
}

int tfx_store_run_plugin_changed(tfx_store *s, tfx_id run, const char *name, const char *hash, tfx_error *err)
{
    return (int)tfx_sql_int(s, err,
                            "SELECT count(*) > 0 AND total(p.hash = ?) = 0 FROM run_plugin l "
                            "JOIN plugin p ON p.id = l.plugin WHERE l.run = ? AND p.name = ?",
                            "tkt", hash, run, name);
}

const char *const tfx_run_status_names[TFX_RUN_STATUSES] = {"planned", "running", "done", "interrupted", "failed"};

const char *tfx_run_status_name(tfx_run_status status)
{
    assert((size_t)status < TFX_RUN_STATUSES);
    return tfx_run_status_names[status];
}

tfx_status tfx_store_start_run(tfx_store *s, tfx_id run, tfx_id environment, const char *directory, int64_t pid,
                               tfx_error *err)
{
    tfx_error e = {0};
    char host[256];
    if (gethostname(host, sizeof(host)) != 0)
        strcpy(host, "unknown");
    host[sizeof(host) - 1] = '\0';
    tfx_write_enter(s, "starting a run", &e);
    tfx_sql_do(s, &e,
               "UPDATE run SET status = 'running', detail = NULL, environment = ?, directory = ?, host = ?, "
               "pid = ?, started = coalesce(started, " TFX_SQL_NOW "), ended = NULL WHERE id = ?",
               "kttik", environment, directory, host, pid, run);
    tfx_sql_check_found(s, "run", run, &e);
    return tfx_write_leave(s, &e, err);
}

tfx_status tfx_store_end_run(tfx_store *s, tfx_id run, tfx_run_status status, const char *detail, tfx_error *err)
{
    tfx_error e = {0};
    tfx_write_enter(s, "ending a run", &e);
    tfx_sql_do(s, &e, "UPDATE run SET status = ?, detail = ?, ended = " TFX_SQL_NOW " WHERE id = ?", "ttk",
               tfx_run_status_name(status), detail, run);
    tfx_sql_check_found(s, "run", run, &e);
    return tfx_write_leave(s, &e, err);
}
