/* Gains: see framework/report/gain_text.h. */
#include "framework/report/gain_text.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#include "framework/base/json.h"
#include "framework/base/memory.h"
#include "framework/report/compare_text.h"

const char *tfx_gain_difference(const tfx_gain *p, int part, char text[TFX_GAIN_TEXT])
{
    tfx_estimate e = p->parts[part].contrasts[0].difference;
    if (isfinite(e.low))
        snprintf(text, TFX_GAIN_TEXT, "%+.4f (%+.4f to %+.4f)", e.mean, e.low, e.high);
    else
        snprintf(text, TFX_GAIN_TEXT, "%+.4f", e.mean);
    return text;
}

static void print_part(const tfx_gain *p, int k, int width, FILE *out)
{
    const tfx_comparison *c = &p->parts[k];
    char *pair = tfx_printf("%s - %s", c->a, c->b), text[TFX_GAIN_TEXT];
    fprintf(out, "%-13s %-28s  %-*s  %s\n", tfx_gain_names[k], tfx_gain_difference(p, k, text), width, pair,
            tfx_gain_meanings[k]);
    free(pair);
}

static void print_seeds(const tfx_gain *p, FILE *out)
{
    size_t n = p->parts[0].contrasts[0].n_seeds; /* which all parts have */
    int unpaired = 0;
    fprintf(out, "\nseeds: %zu", n);
    for (int k = 0; k < TFX_GAIN_PARTS; k++)
        if (!p->parts[k].contrasts[0].paired)
            fprintf(out, "%s%s", unpaired++ ? ", " : ", not paired in ", tfx_gain_names[k]);
    fprintf(out, "%s%s\n", unpaired ? "" : ", paired", n < TFX_ESTIMATE_LEAST ? "; fewer than 3, so no interval" : "");
}

void tfx_report_gain(const tfx_gain *p, int json, FILE *out)
{
    if (json) {
        cJSON *root = cJSON_CreateObject();
        for (int k = 0; k < TFX_GAIN_PARTS; k++)
            cJSON_AddItemToObject(root, tfx_gain_names[k], tfx_comparison_json(&p->parts[k]));
        tfx_json_print(root, out);
        cJSON_Delete(root);
        return;
    }
    fprintf(out, "loss of %s at equal FLOPs, ancestors included; below 0: the first of the two is better\n\n",
            p->arms[0]);
    size_t width = 0;
    for (int k = 0; k < TFX_GAIN_PARTS; k++) {
        size_t n = strlen(p->parts[k].a) + strlen(p->parts[k].b) + strlen(" - ");
        width = n > width ? n : width;
    }
    for (int k = 0; k < TFX_GAIN_PARTS; k++)
        print_part(p, k, (int)width, out);
    print_seeds(p, out);
    if (p->notes.n)
        fputs(p->notes.s, out);
}
