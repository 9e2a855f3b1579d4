#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "framework/base/json.h"
#include "framework/conformance/class_rules.h"
#include "framework/plugin/calls/call.h"

const char *tfx_verdict_word(tfx_verdict v)
{
    static const char *const words[] = {"", "ok", "FAIL", "note", "skip"};
    return words[v];
}

#define L TFX_KIND_LAYER
#define O TFX_KIND_OPTIMIZER
#define D TFX_KIND_LOADER
#define C TFX_KIND_OP
#define B TFX_KIND_BACKEND
#define G TFX_KIND_OPERATOR
#define P TFX_KIND_SCALING
#define T TFX_KIND_TOKENIZER

const tfx_rule tfx_class_rules[] = {
    {L, "shapes", 1, tfx_rule_layer_shapes,
     "an output of the shape asked for, or a refusal of the layer's own, at every size"},
    {L, "purity", 1, tfx_rule_layer_purity, "the same graph every time it is built, also for training"},
    {L, "values", 0, tfx_rule_layer_values,
     "finite outputs, losses and metrics for zeros and for numbers of the size of 1"},
    {L, "gradients", 0, tfx_rule_layer_gradients,
     "gradients of all parameters and of the input agree with differences"},
    {L, "causality", 0, tfx_rule_layer_causality, "a layer that calls itself causal looks at no later position"},
    {L, "determinism", 0, tfx_rule_layer_determinism, "the same bits in every run, with any number of threads"},
    {L, "growth", 0, tfx_rule_layer_growth, "growing it computes the same, where that is to be so"},
    {O, "update", 1, tfx_rule_optimizer_update, "finite parameters and states for every shape, all of them written"},
    {O, "freezing", 0, tfx_rule_optimizer_freezing,
     "a parameter stays where its learning rate is 0, or its gradient without decay"},
    {O, "determinism", 1, tfx_rule_optimizer_determinism,
     "the same bits in every run, with any threads and order of parameters"},
    {O, "resuming", 0, tfx_rule_optimizer_resuming, "states saved and restored go on as if nothing had been between"},
    {O, "descent", 0, tfx_rule_optimizer_descent, "small steps lower a quadratic"},
    {D, "data", 1, tfx_rule_loader_data,
     "tokens in range, targets shifted by one, nothing else written, TRAIN without end"},
    {D, "order", 1, tfx_rule_loader_order, "VAL always the same, TRAIN by its seed, whatever other instances do"},
    {D, "position", 0, tfx_rule_loader_position, "what `tell` gives leads another instance to the same batches"},
    {D, "resuming", 0, tfx_rule_loader_resuming, "and another process, too"},
    {D, "files", 0, tfx_rule_loader_files, "files that are missing, empty or cut short are refused by name"},
    {P, "stages", 1, tfx_rule_scaling_stages, "at least one stage, each the same whenever it is asked for"},
    {P, "decisions", 1, tfx_rule_scaling_decisions, "the same decisions in every instance that sees the same"},
    {P, "state", 0, tfx_rule_scaling_state, "what is saved is enough to go on from; what is not its own is refused"},
    {P, "params", 0, tfx_rule_scaling_params, "finite values where the policy makes them, the same for the same seed"},
    {G, "map", 1, tfx_rule_operator_map, "a map, or a refusal of its own, for models that grow in several ways"},
    {G, "determinism", 0, tfx_rule_operator_determinism, "the same map for the same seed"},
    {G, "function", 0, tfx_rule_operator_function,
     "a map that is to keep the function keeps it; others give finite models"},
    {C, "infer", 1, tfx_rule_op_infer,
     "a shape or a refusal for all operands and attributes, and the same shape by `lower`"},
    {C, "kernel", 1, tfx_rule_op_kernel, "the kernel computes what `lower` means, and writes its result alone"},
    {C, "parts", 1, tfx_rule_op_parts, "the same bits in any number of parts, also at the same time"},
    {C, "gradients", 0, tfx_rule_op_gradient, "`vjp` agrees with finite differences"},
    {T, "tokens", 1, tfx_rule_tokenizer_tokens,
     "tokens in range for every text, whatever its bytes, and the same ones always"},
    {T, "text", 0, tfx_rule_tokenizer_text, "the text again, where that is promised; what is no token is refused"},
    {T, "cuts", 0, tfx_rule_tokenizer_cuts, "parts of a text that `cut` divides have the tokens of the whole"},
    {T, "threads", 0, tfx_rule_tokenizer_threads, "the same tokens when several threads encode"},
    {B, "device", 1, tfx_rule_backend_device,
     "memory that is zero at first and holds what is put there, and no more than there is"},
    {B, "programs", 1, tfx_rule_backend_programs, "the same results fused and not, and as the backend cpu has them"},
    {B, "gradients", 0, tfx_rule_backend_gradients, "backward passes agree with differences of forward passes"},
    {B, "determinism", 0, tfx_rule_backend_determinism, "the same bits in every run with the same number of threads"},
    {NULL, "options", 0, tfx_rule_options, "all that an option allows is taken, or refused by the option's name"},
    {NULL, "leaks", 0, tfx_rule_leaks, "nothing is left of a life; destroying NULL is allowed"},
    {NULL, "allocation", 0, tfx_rule_allocation, "an error with a message, and nothing left, when it gets no memory"},
    {NULL, "surroundings", 0, tfx_rule_surroundings, "what belongs to the whole process stays as it was"},
    {NULL, NULL, 0, NULL, NULL},
};

int tfx_error_is_refusal(const tfx_error *err)
{
    return err->status != TFX_E_INTERNAL && !strstr(err->text, "bug in the plugin") &&
           !strstr(err->text, TFX_WITHOUT_MESSAGE);
}

static void vsay(tfx_subject *s, const char *word, const char *fmt, va_list ap)
{
    char text[4096];
    vsnprintf(text, sizeof(text), fmt, ap);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "status", word);
    cJSON_AddStringToObject(json, "message", text);
    char *line = tfx_json_text(json, 0);
    dprintf(s->out, "%s\n", line);
    free(line);
    cJSON_Delete(json);
}

void tfx_say(tfx_subject *s, const char *word, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsay(s, word, fmt, ap);
    va_end(ap);
}

#define SAY(name, word, decides) \
    void name(tfx_subject *s, const char *fmt, ...) \
    { \
        va_list ap; \
        if ((decides) && s->decided) \
            return; \
        s->decided |= (decides); \
        va_start(ap, fmt); \
        vsay(s, word, fmt, ap); \
        va_end(ap); \
    }

SAY(tfx_say_ok, "ok", 1)
SAY(tfx_say_fail, "FAIL", 1)
SAY(tfx_say_skip, "skip", 1)
SAY(tfx_say_note, "note", 0)
SAY(tfx_say_doing, "doing", 0)

__attribute__((noinline)) void tfx_scribble(void)
{
    volatile char stack[1 << 15];
    for (size_t i = 0; i < sizeof(stack); i++)
        stack[i] = '#';
}
