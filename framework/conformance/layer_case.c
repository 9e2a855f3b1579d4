#include "framework/conformance/layer_case.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/conformance/trial.h"
#include "framework/model/build.h"

const char *tfx_layer_size_text(const tfx_layer_size *z, char *buf)
{
    snprintf(buf, 100, "batch %" PRId64 ", time %" PRId64 ", width %" PRId64 ", output %" PRId64, z->batch, z->time,
             z->width, z->out);
    return buf;
}

static tfx_layer_config *make_config(const tfx_subject *s, const char *key, const char *value, tfx_error *err)
{
    tfx_setting *all = TFX_NEW_ARRAY(tfx_setting, s->n_settings + 1);
    size_t n = 0;
    for (size_t i = 0; i < s->n_settings; i++)
        if (!key || strcmp(s->settings[i].key, key))
            all[n++] = s->settings[i];
    if (key)
        all[n++] = (tfx_setting){.key = key, .value = value, .file = "--set"};
    tfx_layer_config *c = tfx_layer_config_create(s->registry, s->info.name, all, n, err);
    free(all);
    return c;
}

tfx_status tfx_layer_case_build(tfx_layer_case *c, tfx_layer_size z, int training)
{
    tfx_bench *b = &c->bench;
    const tfx_model sizes = {.n_blocks = TFX_CASE_BLOCKS,
                             .dim = c->dim ? c->dim : z.width,
                             .context = z.time > TFX_CASE_CONTEXT ? z.time : TFX_CASE_CONTEXT,
                             .vocab = TFX_CASE_VOCAB};
    const int64_t dims[3] = {z.batch, z.time, z.width};
    c->err = (tfx_error){0};
    tfx_bench_clear(b, training, !c->lowers);
    if (c->tokens)
        c->x = tfx_bench_tensor(b, TFX_STATE_INPUT, "/x", TFX_I32, 2, dims);
    else
        c->x = tfx_bench_tensor(b, training ? TFX_STATE_PARAM : TFX_STATE_INPUT, "/x", TFX_F32, 3, dims);
    tfx_bench_dropout_key(b);
    tfx_reports_finish(&c->reports);
    b->g.reports = &c->reports;
    c->y = tfx_layer_build(&sizes, c->config, &b->g, "top", c->x, z.out);
    return c->err.status;
}

tfx_status tfx_layer_case_build_refused(tfx_layer_case *c, const char *socket)
{
    tfx_subject other = *c->s;
    tfx_layer_config *config = c->config;
    char *inside = tfx_printf("%s.", socket), *heads = tfx_printf("%s.heads", socket);
    other.settings = TFX_NEW_ARRAY(tfx_setting, c->s->n_settings + 2);
    other.n_settings = other.cap_settings = 0;
    for (size_t i = 0; i < c->s->n_settings; i++) { /* what is set in that socket was for another layer */
        const char *key = c->s->settings[i].key;
        if (strcmp(key, socket) && strncmp(key, inside, strlen(inside)))
            other.settings[other.n_settings++] = c->s->settings[i];
    }
    other.settings[other.n_settings++] = (tfx_setting){.key = socket, .value = "attention", .file = "--set"};
    other.settings[other.n_settings++] = (tfx_setting){.key = heads, .value = "4095", .file = "--set"};
    c->err = (tfx_error){0};
    c->config = make_config(&other, NULL, NULL, &c->err);
    if (c->config)
        tfx_layer_case_build(c, TFX_PLAIN_SIZE, 0);
    tfx_layer_config_destroy(c->config);
    c->config = config;
    free(other.settings);
    free(inside);
    free(heads);
    return c->err.status;
}

void tfx_layer_case_fill(tfx_layer_case *c, uint64_t seed)
{
    uint32_t x = tfx_bench_index(&c->bench, c->x);
    tfx_bench_fill_params(&c->bench, seed);
    if (c->tokens)
        tfx_bench_fill_tokens(&c->bench, x, seed, TFX_CASE_VOCAB);
    else
        tfx_bench_fill(&c->bench, x, seed, -1, 1);
}

tfx_status tfx_layer_case_open(tfx_layer_case *c, tfx_subject *s, int threads)
{
    tfx_error first;
    *c = (tfx_layer_case){.s = s};
    if (tfx_bench_open(&c->bench, s->registry, NULL, threads, &c->err) != TFX_OK)
        return c->err.status;
    c->config = make_config(s, NULL, NULL, &c->err);
    if (!c->config || tfx_layer_case_build(c, TFX_PLAIN_SIZE, 0) == TFX_OK)
        return c->err.status;
    first = c->err;
    c->tokens = 1;
    if (tfx_layer_case_build(c, TFX_PLAIN_SIZE, 0) != TFX_OK) {
        c->tokens = 0;
        c->err = first;
    }
    return c->err.status;
}

void tfx_layer_case_close(tfx_layer_case *c)
{
    tfx_reports_finish(&c->reports);
    tfx_layer_config_destroy(c->config);
    tfx_bench_close(&c->bench);
}

const char *tfx_layer_not_finite(const tfx_graph *g)
{
    for (uint32_t i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < TFX_MAX_REALS; k++)
            if (!isfinite(g->nodes[i].reals[k]))
                return tfx_op_name(g->nodes[i].op);
    return NULL;
}

tfx_status tfx_trial_layer(const tfx_subject *s, const char *key, const char *value, tfx_error *err)
{
    tfx_layer_config *config = make_config(s, key, value, err);
    const int64_t dims[3] = {2, 6, 8};
    const tfx_model sizes = {
        .n_blocks = TFX_CASE_BLOCKS, .dim = 8, .context = TFX_CASE_CONTEXT, .vocab = TFX_CASE_VOCAB};
    for (int tokens = 0; config && tokens < 2; tokens++) {
        tfx_error why = {0};
        tfx_state_layout state = {0};
        tfx_graph g;
        tfx_graph_init(&g, &state, &why);
        g.registry = s->registry;
        uint32_t x = tfx_state_add(&state, TFX_STATE_INPUT, "/x", tokens ? TFX_I32 : TFX_F32, tokens ? 2 : 3, dims);
        tfx_layer_build(&sizes, config, &g, "top", tfx_emit_state(&g, x), 8);
        const char *op = why.status == TFX_OK ? tfx_layer_not_finite(&g) : NULL;
        if (op)
            tfx_fail(&why, TFX_E_INTERNAL, "it gives %s a number that is not finite", op);
        tfx_graph_finish(&g);
        tfx_state_finish(&state);
        char *named = tfx_printf("%s:", key ? key : "");
        if (why.status == TFX_OK || (key && strstr(why.text, named)))
            *err = why; /* of the two, the one that says something of the option */
        else
            tfx_fail(err, why.status, "%s", why.text);
        free(named);
        if (err->status == TFX_OK)
            break;
    }
    tfx_layer_config_destroy(config);
    return err->status;
}
