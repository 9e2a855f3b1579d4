#include "framework/train/search_values.h"

#include <unistd.h>

#include "framework/analysis/search.h"

static tfx_status find(void *user, const char *expression, tfx_taken *out, tfx_error *err)
{
    tfx_search_values *v = user;
    if (!v->store && access(v->db, F_OK))
        tfx_fail(err, TFX_E_INVALID, "there is no database %s with that search; run its spec first", v->db);
    else if (!v->store)
        v->store = tfx_store_open(v->db, TFX_STORE_READ, err);
    if (v->store && v->of != TFX_VALUES_NOW)
        tfx_store_reference(v->store, v->experiment, expression, out, err);
    if (v->store && !out->value && v->of == TFX_VALUES_RECORDED && v->experiment)
        tfx_fail(err, TFX_E_INVALID, "experiment %lld took no such value", (long long)v->experiment);
    else if (v->store && !out->value && err->status == TFX_OK)
        tfx_search_value(v->store, expression, out, err);
    if (err->status != TFX_OK)
        tfx_error_prefix(err, "${%s}", expression);
    return err->status;
}

void tfx_search_values_init(tfx_search_values *v, const char *db, tfx_values_of of, tfx_id experiment)
{
    *v = (tfx_search_values){.db = db, .of = of, .experiment = experiment};
    v->lookup.find = find;
    v->lookup.user = v;
}

void tfx_search_values_finish(tfx_search_values *v)
{
    tfx_lookup_finish(&v->lookup);
    tfx_store_close(v->store);
    v->store = NULL;
}
