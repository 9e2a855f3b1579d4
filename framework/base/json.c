#include "framework/base/json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>

#include "framework/base/memory.h"

char *tfx_real_exact(char *buf, double x)
{
    snprintf(buf, 32, "%.15g", x);
    if (strtod(buf, NULL) != x)
        snprintf(buf, 32, "%.17g", x);
    return buf;
}

static void make_numbers_exact(cJSON *json)
{
    for (cJSON *item = json; item; item = item->next) {
        char buf[32];
        if (cJSON_IsNumber(item) && isfinite(item->valuedouble)) {
            item->valuestring = tfx_strdup(tfx_real_exact(buf, item->valuedouble));
            item->type = (item->type & ~0xff) | cJSON_Raw;
        }
        make_numbers_exact(item->child);
    }
}

char *tfx_json_text(cJSON *json, int indented)
{
    make_numbers_exact(json);
    char *printed = indented ? cJSON_Print(json) : cJSON_PrintUnformatted(json), *text = tfx_strdup(printed);
    cJSON_free(printed);
    return text;
}

void tfx_json_print(cJSON *json, FILE *out)
{
    char *text = tfx_json_text(json, 1);
    fprintf(out, "%s\n", text);
    free(text);
}
