#include "framework/graph/proof_words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/graph/ops.h"

void tfx_proof_words_finish(tfx_proof_words *w)
{
    for (int f = 0; f < TFX_N_FACTS; f++) {
        tfx_name_table_finish(&w->facts[f]);
        for (size_t i = 0; i < w->n_facts[f]; i++)
            free(w->fact_names[f][i]);
        free(w->fact_names[f]);
    }
}

const char *tfx_proof_layer(const tfx_graph *now, uint32_t node)
{
    const tfx_made_values *made = now->made;
    for (uint32_t i = 0; made && i < made->n; i++) /* those within others come first */
        if (made->items[i].first_node <= node && node < made->items[i].end_node)
            return made->items[i].by;
    return NULL;
}

tfx_related tfx_proof_no(const tfx_proof_words *w, const tfx_graph_node *n, const char *fmt, ...)
{
    char text[900];
    const char *layer = tfx_proof_layer(w->now, w->now->values[n->out].node);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return (tfx_related){.why = tfx_relations_text(w->relations, "%s%s%s: %s", layer ? layer : "", layer ? ", " : "",
                                                   tfx_op_name(n->op), text)};
}

/* "heads x head_dim" of "blocks.0.mixer.heads x blocks.0.mixer.head_dim": of whichever layer; heap. */
static char *of_any_layer(const char *name)
{
    tfx_text t = {0};
    for (const char *next; name; name = next) {
        const char *cross = strstr(name, " x "), *dot = name;
        size_t n = cross ? (size_t)(cross - name) : strlen(name);
        for (size_t i = 0; i < n && !memchr(name, '[', n); i++) /* one that has no name is called after a parameter */
            dot = name[i] == '.' ? name + i + 1 : dot;
        tfx_text_add(&t, "%s%.*s", t.n ? " x " : "", (int)(name + n - dot), dot);
        next = cross ? cross + 3 : NULL;
    }
    return t.s;
}

/* "blocks.3" of "layer blocks.3.ffn (mlp)", "head" of "layer head (linear)"; heap. */
static char *outermost(const char *layer)
{
    const char *from = strncmp(layer, "layer ", 6) ? layer : layer + 6;
    size_t n = strncmp(from, "blocks.", 7) ? 0 : 7;
    return tfx_strndup(from, n + strcspn(from + n, ". "));
}

void tfx_proof_note(tfx_proof_words *w, tfx_fact fact, const char *name)
{
    char *text = !name ? NULL : fact == TFX_FACT_ZERO_WRITER ? outermost(name) : of_any_layer(name);
    if (text && tfx_name_table_add(&w->facts[fact], text, 0))
        *TFX_APPEND(w->fact_names[fact], w->n_facts[fact], w->cap_facts[fact]) = text;
    else
        free(text);
}

const char *tfx_proof_argument(const tfx_proof_words *w)
{
    static const char *const words[TFX_N_FACTS][2] = {
        [TFX_FACT_COPIES] = {"copies of ", " count as one where they are summed"},
        [TFX_FACT_ZEROS] = {"what is new in ", " adds zero"},
        [TFX_FACT_NORM] = {"norms over ", " divide by what they did"},
        [TFX_FACT_ZERO_WRITER] = {"zero is added to the stream by ", ""},
    };
    tfx_text t = {0};
    for (int f = 0; f < TFX_N_FACTS; f++)
        for (size_t i = 0; i < w->n_facts[f]; i++)
            tfx_text_add(&t, "%s%s%s%s",
                         i     ? ", "
                         : t.n ? "; "
                               : "",
                         i ? "" : words[f][0], w->fact_names[f][i], i + 1 < w->n_facts[f] ? "" : words[f][1]);
    const char *text = tfx_relations_text(w->relations, "%s", t.n ? t.s : "every value is computed as before");
    tfx_text_free(&t);
    return text;
}
