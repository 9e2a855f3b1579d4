#include "framework/plan/axes_text.h"

#include <inttypes.h>
#include <string.h>

#include "framework/base/block_rows.h"
#include "framework/base/memory.h"
#include "framework/base/text.h"

const char *const tfx_axis_norm_names[] = {"layer norm", "rms norm", "l2 norm", "softmax"};
const char *const tfx_axis_role_names[] = {"produced", "consumed", "normalised", "gain"};

/* ---- a class ---- */

char *tfx_axis_class_notes(const tfx_axis_class *c)
{
    tfx_text t = {0};
    for (int i = 0; i < TFX_N_AXIS_NORMS; i++)
        if (c->marks >> i & 1)
            tfx_text_add(&t, "%s%s", t.n ? ", " : "", tfx_axis_norm_names[i]);
    if (c->marks & TFX_AXIS_ROTATED)
        tfx_text_add(&t, "%srotated", t.n ? ", " : "");
    if (c->marks & TFX_AXIS_INDEXED)
        tfx_text_add(&t, "%sindexed", t.n ? ", " : "");
    if (c->rigid)
        tfx_text_add(&t, "%srigid: %s", t.n ? ", " : "", c->rigid);
    return t.n ? t.s : tfx_strdup("");
}

char *tfx_axis_member_roles(const tfx_axis_member *m)
{
    tfx_text t = {0};
    for (uint32_t i = 0; i < TFX_N_AXIS_ROLES; i++)
        if (m->roles >> i & 1)
            tfx_text_add(&t, "%s%s", t.n ? ", " : "", tfx_axis_role_names[i]);
    return t.n ? t.s : tfx_strdup("unused");
}

static char *member_text(const tfx_axis_member *m, const tfx_state_layout *state, const tfx_axes *a)
{
    const tfx_param_axes *p = &a->params[m->param];
    tfx_text t = {0};
    tfx_text_add(&t, "%s[%" PRIu32, state->tensors[p->state].name, m->axis);
    if (p->first[m->axis + 1] - p->first[m->axis] > 1)
        tfx_text_add(&t, ".%" PRIu32, m->factor);
    char *roles = tfx_axis_member_roles(m);
    tfx_text_add(&t, "] %s", roles);
    free(roles);
    if (p->writes_residual && m->roles & TFX_AXIS_PRODUCED)
        tfx_text_add(&t, ", writes to the stream");
    return t.s;
}

/* "NAME\tSIZE\tNOTES\n      MEMBER\n ..." */
static char *class_text(const tfx_axis_class *c, const tfx_state_layout *state, const tfx_axes *a, int64_t n_blocks)
{
    tfx_block_rows members = {0};
    tfx_text t = {0};
    char *notes = tfx_axis_class_notes(c);
    /* A class in one block only keeps the number, so that it can be taken out of the whole. */
    int64_t block = -1;
    int one_block = sscanf(c->name, "blocks.%" SCNd64 ".", &block) == 1;
    tfx_text_add(&t, "%s\t%" PRId64 "\t%s\n", c->name, c->size, notes);
    for (uint32_t i = 0; i < c->n_members; i++) {
        char *text = member_text(c->members[i], state, a);
        if (one_block) {
            tfx_text_add(&t, "      %s\n", text);
            free(text);
        } else {
            tfx_block_rows_add(&members, text);
        }
    }
    tfx_block_rows_group(&members, n_blocks);
    for (uint32_t i = 0; i < members.n; i++)
        tfx_text_add(&t, "      %s\n", members.items[i].text);
    tfx_block_rows_finish(&members);
    free(notes);
    return t.s;
}

void tfx_axes_print_model(const tfx_model *m, const tfx_state_layout *state, const tfx_axes *a, FILE *out)
{
    tfx_block_rows classes = {0};
    for (uint32_t i = 0; i < a->n_classes; i++) {
        char *text = class_text(&a->classes[i], state, a, m->n_blocks);
        /* The members of a class of all blocks are grouped already. */
        (strncmp(text, "blocks.", 7) ? tfx_block_rows_add_as_is : tfx_block_rows_add)(&classes, text);
    }
    tfx_block_rows_group(&classes, m->n_blocks);
    fprintf(out, "model %s\n\n  %-40s %8s %-6s %s\n", m->name, "class", "size", "blocks", "notes");
    for (uint32_t i = 0; i < classes.n; i++) {
        char *text = classes.items[i].text, *size = strchr(text, '\t'), *notes = strchr(size + 1, '\t'), times[24] = "";
        *size++ = *notes++ = '\0';
        if (classes.items[i].n > 1)
            snprintf(times, sizeof(times), "x%" PRIu32, classes.items[i].n);
        char *members = strchr(notes, '\n');
        *members++ = '\0';
        fprintf(out, "  %-40s %8s", text, size);
        if (*notes)
            fprintf(out, " %-6s %s", times, notes);
        else if (*times)
            fprintf(out, " %s", times);
        fprintf(out, "\n%s", members);
    }
    fprintf(out, "\n");
    tfx_block_rows_finish(&classes);
}
