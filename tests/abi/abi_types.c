/* Every public type of include/tfx behind one exported symbol, so that abidw and abidiff see
 * all of them. Pointers: a struct that grows must not change the size of a symbol. Not a
 * plugin, and never loaded. */
#include "tfx/tfx.h"

#define SHOW(type) \
    extern TFX_EXPORT type *show_##type; \
    type *show_##type

SHOW(tfx_plugin);
SHOW(tfx_factory);
SHOW(tfx_option);
SHOW(tfx_host);
SHOW(tfx_init);
SHOW(tfx_attention);
SHOW(tfx_builder);
SHOW(tfx_slot);
SHOW(tfx_layer_class);
SHOW(tfx_state);
SHOW(tfx_param_info);
SHOW(tfx_update);
SHOW(tfx_optimizer_class);
SHOW(tfx_loader_config);
SHOW(tfx_loader_info);
SHOW(tfx_loader_position);
SHOW(tfx_loader_class);
SHOW(tfx_stage);
SHOW(tfx_planned_stage);
SHOW(tfx_curve_request);
SHOW(tfx_curve);
SHOW(tfx_growth_signals);
SHOW(tfx_grown_param);
SHOW(tfx_scaling_class);
SHOW(tfx_model_class);
SHOW(tfx_model_factor);
SHOW(tfx_model_param);
SHOW(tfx_model_view);
SHOW(tfx_growth);
SHOW(tfx_operator_class);
SHOW(tfx_tensor);
SHOW(tfx_node);
SHOW(tfx_step);
SHOW(tfx_program);
SHOW(tfx_backend_class);
SHOW(tfx_kernel_args);
SHOW(tfx_kernel);
SHOW(tfx_op_class);
SHOW(tfx_tokenizer_info);
SHOW(tfx_token_sink);
SHOW(tfx_byte_sink);
SHOW(tfx_tokenizer_class);

/* Named types that no struct mentions: graph.h hands these to functions as plain integers of
 * the ABI, ir.h stores them in attributes. */
SHOW(tfx_unary);
SHOW(tfx_norm);
SHOW(tfx_op);
SHOW(tfx_status);
SHOW(tfx_value);
