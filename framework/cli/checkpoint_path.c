#include "framework/cli/checkpoint_path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/checkpoint/layout.h"
#include "framework/cli/database.h"

char *tfx_cli_checkpoint_file(tfx_store *s, tfx_id checkpoint, tfx_error *err)
{
    tfx_checkpoint_info info = {0};
    if (tfx_store_checkpoint(s, checkpoint, &info, err) != TFX_OK)
        return NULL;
    char *home = tfx_store_folder(s), *folder = tfx_printf("%s/%s", home, info.path);
    if (access(folder, R_OK))
        tfx_fail(err, TFX_E_INVALID, "checkpoint %lld: its files (%s) are no longer there", (long long)checkpoint,
                 folder);
    else /* damaged weights would give plausible numbers, so they are not read at all */
        tfx_checkpoint_check_file(folder, TFX_CHECKPOINT_WEIGHTS, info.hash, err);
    char *file = err->status == TFX_OK ? tfx_printf("%s/" TFX_CHECKPOINT_WEIGHTS, folder) : NULL;
    free(folder);
    free(home);
    tfx_checkpoint_info_finish(&info);
    return file;
}

/* The file that --weights names; in a checkpoint's folder, the weights. */
static char *weights_file(const char *weights, tfx_error *err)
{
    struct stat st;
    if (stat(weights, &st)) {
        tfx_fail(err, TFX_E_INVALID, "--weights %s: %s", weights, strerror(errno));
        return NULL;
    }
    if (!S_ISDIR(st.st_mode))
        return tfx_strdup(weights);
    return tfx_checkpoint_check_weights(weights, err) == TFX_OK ? tfx_printf("%s/" TFX_CHECKPOINT_WEIGHTS, weights)
                                                                : NULL;
}

/* The newest checkpoint of the newest run of the arm. */
static tfx_id newest_checkpoint(tfx_store *s, const char *experiment, const char *arm, tfx_error *err)
{
    tfx_id row = tfx_store_newest_experiment(s, experiment, err), *runs = NULL, found = 0;
    size_t n = 0;
    if (!row || tfx_store_runs_of(s, row, &runs, &n, err) != TFX_OK) {
        tfx_fail(err, TFX_E_INVALID, "%s: experiment '%s' has not been run; give --weights or --checkpoint",
                 tfx_store_path(s), experiment);
        return 0;
    }
    for (size_t i = 0; i < n && err->status == TFX_OK; i++) {
        tfx_run_info info = {0};
        tfx_checkpoint_info latest = {0};
        if (tfx_store_run_info(s, runs[i], &info, err) == TFX_OK && !strcmp(info.arm_name, arm) &&
            tfx_store_latest_checkpoint(s, runs[i], &latest, err) == TFX_OK && latest.id)
            found = latest.id;
        tfx_run_info_finish(&info);
        tfx_checkpoint_info_finish(&latest);
    }
    free(runs);
    if (!found)
        tfx_fail(err, TFX_E_INVALID, "%s: arm '%s' of experiment '%s' has no checkpoint yet", tfx_store_path(s), arm,
                 experiment);
    return found;
}

char *tfx_cli_checkpoint_weights(const tfx_cli_args *a, const char *experiment, const char *arm, tfx_error *err)
{
    const char *weights = tfx_cli_value(a, "weights");
    long long id;
    if (weights && tfx_cli_value(a, "checkpoint")) {
        tfx_fail(err, TFX_E_INVALID, "give --weights or --checkpoint, not both");
        return NULL;
    }
    if (weights)
        return weights_file(weights, err);
    if (tfx_cli_int(a, "checkpoint", 0, 1, INT64_MAX, &id, err) != TFX_OK)
        return NULL;
    tfx_store *s = tfx_cli_open_database(a, err);
    if (s && !id)
        id = newest_checkpoint(s, experiment, arm, err);
    char *file = s && id ? tfx_cli_checkpoint_file(s, id, err) : NULL;
    tfx_store_close(s);
    return file;
}
