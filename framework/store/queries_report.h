/* Queries of the report, the figures and the exports. Each is a whole statement with the experiment's id written in it,
 * so that the text that a page shows is the very text that its numbers came from. */
#ifndef TFX_STORE_QUERIES_REPORT_H
#define TFX_STORE_QUERIES_REPORT_H

#include "framework/store/rows.h"
#include "framework/store/store.h"

/* Columns are in the order of the lists. */
typedef enum tfx_report_query {
    /* name, description, spec_path, profile, created, spec (its hash), text; one row */
    TFX_REPORT_EXPERIMENT = 0,
    /* per arm: arm, then of the runs that are done: mean val_loss, its std (NULL: one run), mean bits_per_byte; runs, done,
     * growths (events, of all runs), first_parameters (of stage 0), parameters; means again: tokens_incl, flops_incl,
     * flops_excl, seconds_incl; twin (scratch, random_base or no_growth; NULL: none), twin_of; base (the arm that it is a point of, or
     * itself) */
    TFX_REPORT_OUTCOMES,
    /* per run: run, arm, seed, status, model, parameters, stages, steps_incl, tokens_incl, flops_incl, flops_excl,
     * val_loss, bits_per_byte, seconds_incl, detail, tags */
    TFX_REPORT_RUNS,
    /* per evaluation: arm, seed, run, stage, parameters, step, flops_incl, flops_excl, tokens_incl, tokens_excl,
     * seconds_incl, seconds_excl, val_loss; a run's rows are together, in order */
    TFX_REPORT_CURVES,
    /* per ended stage of each run: arm, seed, run, stage, final, parameters, flops_incl, flops_excl, tokens_incl,
     * tokens_excl, seconds_incl, seconds_excl, val_loss, peak_lr, decayed (NULL: not known) */
    TFX_REPORT_ENDPOINTS,
    /* the final ones, for comparisons: framework/store/queries.h names its columns (TFX_ENDPOINT_ARM, ...) */
    TFX_REPORT_ENDS,
    /* per final endpoint of an arm that is a point of a sweep, and per key: base, key, value (text), seed, run, val_loss */
    TFX_REPORT_SWEPT,
    /* per growth event: arm, seed, run, step, parameters_before, parameters_after, keeps_function, probe_delta_loss,
     * probe_max_abs_delta_logit, from_model, to_model, policy, reason */
    TFX_REPORT_GROWTH,
    /* per stage of each run and of those that it descends from: own (1: of this experiment), experiment, arm, seed, run,
     * stage, parameters, flops_start, flops_end (both including ancestors), val_loss, parent_run (NULL: none) */
    TFX_REPORT_LINEAGE,
    /* per arm, stage and step after growth, means over runs and parameters: arm, stage, steps_since_growth,
     * new_energy_share, old_update_ratio, new_update_ratio, dead_slots, slots (of new slices, summed) */
    TFX_REPORT_SLICES,
    /* text, verdict, created, reasons (lines), failures (lines: a lint, and what failed) */
    TFX_REPORT_CLAIMS,
    /* per coefficient of each saved fit of this experiment, or that has forecast it: fit, form, points, coefficient,
     * estimate, standard_error, low, high (of the 95% interval), doubt (why it is not identified; NULL: it is) */
    TFX_REPORT_FITS,
    /* arm, seed, run, fit, forecast, low, high, val_loss, miss, inside, decayed */
    TFX_REPORT_FORECASTS,
    /* per note of the experiment or of a run: written, run, arm, seed (NULL: of the experiment), note */
    TFX_REPORT_NOTES,
    /* name, version, abi, hash, runs */
    TFX_REPORT_PLUGINS,
    /* tfx_version, abi_version, git_commit, host, os, cpu, n_cores, memory_bytes, backend, libraries, runs */
    TFX_REPORT_ENVIRONMENTS,
    /* per metric row that counts: arm, seed, run, stage, name, step, tokens, flops, seconds, value */
    TFX_REPORT_METRICS,
    /* per run that has begun: run, arm, seed, started (seconds since 1970) */
    TFX_REPORT_STARTS,
    TFX_REPORT_QUERIES
} tfx_report_query;

/* The statement; a heap string. */
char *tfx_report_sql(tfx_report_query which, tfx_id experiment);
/* Its rows, as those of framework/store/queries.h. */
tfx_rows *tfx_query_report(tfx_store *s, tfx_report_query which, tfx_id experiment, tfx_error *err);
/* The metric rows of a run that count, as they came: name, step, seconds, value. */
tfx_rows *tfx_query_metrics(tfx_store *s, tfx_id run, tfx_error *err);

#endif
