/* Claims: see framework/report/claim_report.h. */
#include "framework/report/claim_report.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "framework/base/json.h"
#include "framework/base/memory.h"
#include "framework/report/compare_text.h"
#include "framework/report/table.h"
#include "framework/store/claims.h"

/* Each line of a text, behind so many spaces. */
static void print_lines(const char *text, const char *margin, FILE *out)
{
    while (*text) {
        int n = (int)strcspn(text, "\n");
        fprintf(out, "%s%.*s\n", margin, n, text);
        text += n + (text[n] == '\n');
    }
}

/* The lines of a text as an array. */
static cJSON *lines_json(const tfx_text *t)
{
    cJSON *a = cJSON_CreateArray();
    for (const char *at = t->n ? t->s : ""; *at;) {
        size_t n = strcspn(at, "\n");
        char *line = tfx_strndup(at, n);
        cJSON_AddItemToArray(a, cJSON_CreateString(line));
        free(line);
        at += n + (at[n] == '\n');
    }
    return a;
}

static cJSON *claim_json(const tfx_claim *c)
{
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "verdict", tfx_verdict_names[c->verdict]);
    cJSON_AddItemToObject(root, "reasons", lines_json(&c->reasons));
    cJSON *lints = cJSON_AddArrayToObject(root, "lints");
    for (int i = 0; i < TFX_N_LINTS; i++) {
        cJSON *lint = cJSON_CreateObject();
        cJSON_AddItemToArray(lints, lint);
        cJSON_AddStringToObject(lint, "lint", tfx_lint_names[i]);
        cJSON_AddStringToObject(lint, "rule", tfx_lint_rules[i]);
        cJSON_AddBoolToObject(lint, "holds", c->lints.failed[i].n == 0);
        cJSON_AddItemToObject(lint, "failures", lines_json(&c->lints.failed[i]));
    }
    cJSON_AddItemToObject(root, "comparison", tfx_comparison_json(&c->comparison));
    return root;
}

char *tfx_claim_evidence(const tfx_claim *c)
{
    cJSON *root = claim_json(c);
    char *text = tfx_json_text(root, 0);
    cJSON_Delete(root);
    return text;
}

void tfx_report_claim(const tfx_claim *c, const char *text, int json, FILE *out)
{
    if (json) {
        cJSON *root = claim_json(c);
        cJSON_AddItemToObject(root, "claim", cJSON_CreateString(text));
        tfx_json_print(root, out);
        cJSON_Delete(root);
        return;
    }
    fprintf(out, "%s: %s\n", tfx_verdict_names[c->verdict], text);
    if (c->reasons.n)
        print_lines(c->reasons.s, "  ", out);
    for (int i = 0; i < TFX_N_LINTS; i++) {
        const tfx_text *failed = &c->lints.failed[i];
        fprintf(out, "  %-4s %-14s %s\n", failed->n ? "FAIL" : "ok", tfx_lint_names[i], tfx_lint_rules[i]);
        if (failed->n)
            print_lines(failed->s, "         ", out);
    }
}

tfx_status tfx_report_claims(tfx_store *s, tfx_id experiment, int json, FILE *out, tfx_error *err)
{
    tfx_rows *q = tfx_query_claims(s, experiment, err);
    if (json)
        tfx_table_print(q, NULL, TFX_FORMAT_JSON, out, err);
    else /* without the evidence, which is a page of JSON for each */
        while (tfx_rows_next(q, err))
            fprintf(out, "%-9s  %s  %s: %s\n", tfx_rows_text(q, 3, err), tfx_rows_text(q, 4, err),
                    tfx_rows_text(q, 1, err), tfx_rows_text(q, 2, err));
    tfx_rows_close(q);
    return err->status;
}
