/* The rules' functions, one file for each group; rules.c has the table. Internal to framework/conformance. */
#ifndef TFX_CONFORMANCE_CLASS_RULES_H
#define TFX_CONFORMANCE_CLASS_RULES_H

#include "framework/conformance/rule.h"

void tfx_rule_layer_shapes(tfx_subject *s);
void tfx_rule_layer_purity(tfx_subject *s);
void tfx_rule_layer_values(tfx_subject *s);
void tfx_rule_layer_gradients(tfx_subject *s);
void tfx_rule_layer_causality(tfx_subject *s);
void tfx_rule_layer_determinism(tfx_subject *s);
void tfx_rule_layer_growth(tfx_subject *s);

void tfx_rule_optimizer_update(tfx_subject *s);
void tfx_rule_optimizer_freezing(tfx_subject *s);
void tfx_rule_optimizer_determinism(tfx_subject *s);
void tfx_rule_optimizer_resuming(tfx_subject *s);
void tfx_rule_optimizer_descent(tfx_subject *s);

void tfx_rule_loader_data(tfx_subject *s);
void tfx_rule_loader_position(tfx_subject *s);
void tfx_rule_loader_resuming(tfx_subject *s);
void tfx_rule_loader_order(tfx_subject *s);
void tfx_rule_loader_files(tfx_subject *s);

void tfx_rule_scaling_stages(tfx_subject *s);
void tfx_rule_scaling_decisions(tfx_subject *s);
void tfx_rule_scaling_state(tfx_subject *s);
void tfx_rule_scaling_params(tfx_subject *s);

void tfx_rule_operator_map(tfx_subject *s);
void tfx_rule_operator_determinism(tfx_subject *s);
void tfx_rule_operator_function(tfx_subject *s);

void tfx_rule_op_infer(tfx_subject *s);
void tfx_rule_op_kernel(tfx_subject *s);
void tfx_rule_op_parts(tfx_subject *s);
void tfx_rule_op_gradient(tfx_subject *s);

void tfx_rule_tokenizer_tokens(tfx_subject *s);
void tfx_rule_tokenizer_text(tfx_subject *s);
void tfx_rule_tokenizer_cuts(tfx_subject *s);
void tfx_rule_tokenizer_threads(tfx_subject *s);

void tfx_rule_backend_device(tfx_subject *s);
void tfx_rule_backend_programs(tfx_subject *s);
void tfx_rule_backend_gradients(tfx_subject *s);
void tfx_rule_backend_determinism(tfx_subject *s);

void tfx_rule_options(tfx_subject *s);
void tfx_rule_leaks(tfx_subject *s);
void tfx_rule_surroundings(tfx_subject *s);
void tfx_rule_allocation(tfx_subject *s);

#endif
