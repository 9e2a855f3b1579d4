#!/usr/bin/env python3
"""Mistakes that authors of plugins make: in the plugins of `tfx plugin new`, one at a time, each told in one line, with
what the host says of it. Argument: a C compiler, then the names of tests."""
import subprocess

from harness import *

COMPILER = sys.argv.pop(1).split()
TEMPLATES = SOURCE / "tools" / "plugin-template"

# For each kind: what is wrong, the words that say so, and what is changed in the template, from and to. Where the third
# is "run", planning does not see it.
MISTAKES = {
    "layer": [
        ('missing export', 'my_plugin.so was refused: not a tfx plugin: it does not export `tfx_plugin_entry` (see TFX_PLUGIN', 'plan',
         ('TFX_PLUGIN(', '#define NOTHING(a, b, c, d, e) extern int unused\nNOTHING(')),
        ('default out of range', 'option rank: its default "0" is not valid; expected integer, 1 to 1G', 'plan',
         ('TFX_OPT_INT, "16", 1', 'TFX_OPT_INT, "0", 1')),
        ('undeclared option', 'layer blocks.0.ffn (my_plugin): bug in the plugin: opt_int("rnk"): no such option is declared', 'plan',
         ('b->options, "rank")', 'b->options, "rnk")')),
        ('wrong type of option', 'bug in the plugin: opt_int("init_std"): the option is declared as real', 'plan',
         ('h->opt_real(h, b->options, "init_std")', '(double)h->opt_int(h, b->options, "init_std")')),
        ('NULL build', 'layer my_plugin: its mandatory function `build` is NULL', 'plan',
         ('    .build = my_plugin_build,\n', '')),
        ('no struct_size', 'its layer table has struct_size 0; expected at least 64', 'plan',
         ('    .struct_size = sizeof(tfx_layer_class),\n', '')),
        ('inner dimensions', 'layer blocks.0.ffn (my_plugin): matmul: inner dimensions 32 and 33 differ', 'plan',
         ('{rank, b->dim_of(b, x, -1)}', '{rank, b->dim_of(b, x, -1) + 1}')),
        ('wrong width', 'layer blocks.0.ffn (my_plugin): returned an output of width 33, expected 32', 'plan',
         ('{rank, out_dim}', '{rank, out_dim + 1}')),
        ('returns nothing', 'build returned TFX_POISON although nothing had failed', 'plan',
         ('return b->matmul(b, y, up, 0, 1.0);', '(void)y, (void)up;\n    return TFX_POISON;')),
        ('unused parameter', 'parameter blocks.0.ffn.down does not influence the loss', 'plan',
         ('return b->matmul(b, y, up, 0, 1.0);', '(void)up, (void)y;\n    return x;')),
        ('keeps state', 'build is not a pure function', 'plan',
         ('    int64_t rank =', '    static int calls;\n    int64_t rank = ++calls +')),
        ('misspelt function', 'cannot be loaded: undefined symbol: relu', 'plan',
         ('b->unary(b, TFX_RELU,', 'relu(')),
        ('stray value', 'returned a value that does not exist', 'plan',
         ('return b->matmul(b, y, up, 0, 1.0);', '(void)up;\n    return y + 1000;')),
        ('bad axis', 'dim_of: a value of rank 3 has no axis 5', 'plan',
         ('b->dim_of(b, x, -1)', 'b->dim_of(b, x, 5)')),
        ('option in spec misspelt', 'my_plugin.ini:25: blocks.ffn.rnak: layer \'my_plugin\' (at blocks.ffn) has no option or slot \'rnak\'; did you mean "rank"?', 'plan',
         ('blocks.ffn.rank = 16', 'blocks.ffn.rnak = 16')),
        ('a negative deviation', 'param down: expected tfx_init_constant or tfx_init_normal of finite numbers; found kind 2, mean 0, std -1', 'plan',
         ('tfx_init_normal(h->opt_real(h, b->options, "init_std"))', 'tfx_init_normal(-1.0)')),
        ('null dims', 'param down: its dims are NULL', 'plan',
         ('2, a_shape', '2, NULL')),
        ('name NULL', 'a layer has no valid name: NULL', 'plan',
         ('.name = "my_plugin"', '.name = NULL')),
    ],
    "optimizer": [
        ('new_param missing', 'parameter embedding.weight: build_update did not set new_param', 'plan',
         ('u->new_param =', 'tfx_value unused =')),
        ('state not written', 'build_update did not set new_state[0], the new value of state "m"', 'plan',
         ('u->new_state[0] =', 'tfx_value unused =')),
        ('undeclared option', 'opt_real("beta_1"): no such option is declared', 'plan',
         ('u->options, "beta1"', 'u->options, "beta_1"')),
        ('wrong type', 'opt_int("weight_decay"): the option is declared as real', 'plan',
         ('decay = h->opt_real', 'decay = (double)h->opt_int')),
        ('state without name', 'optimizer my_plugin: bug in the plugin: state 0 has no valid name', 'plan',
         ('.name = "m"', '.name = NULL')),
        ('too many states', 'optimizer my_plugin: bug in the plugin: `states` declares 9 states; expected at most 8', 'plan',
         ('*n = 1', '*n = 9')),
        ('state of no shape', 'state "m" has the unknown shape 0', 'plan',
         ('TFX_STATE_LIKE_PARAM', '0')),
        ('state of dtype i32', 'state "m" has dtype 3; expected f32 (1) or bf16 (2)', 'plan',
         ('.dtype = TFX_F32', '.dtype = TFX_I32')),
        ('state not declared but used', 'or made it of a state that `states` does not declare', 'plan',
         ('*n = 1', '*n = 0')),
        ('shape of new_param', 'build_update gave a new value for new_param of another shape or dtype: expected f32 [64, 32]; found f32 []', 'plan',
         ('u->new_param = b->sub(b, u->param, b->mul(b, u->lr, direction))', 'u->new_param = u->lr')),
        ('shape of state', 'build_update gave a new value for m of another shape', 'plan',
         ('u->new_state[0] = b->add(b, b->affine(b, m, beta2, 0.0), b->affine(b, g, 1.0 - beta2, 0.0))', 'u->new_state[0] = u->lr')),
        ('NULL states', 'optimizer my_plugin: both `states` and `states_for` are NULL; expected one of them', 'plan',
         ('    .states = my_plugin_states,\n', '')),
        ('positive status', '`build_update` returned 1, which is no tfx_status', 'plan',
         ('    u->new_state[0] = b->add', '    return 1;\n    u->new_state[0] = b->add')),
        ('fail without message', '`build_update` failed without a message (status -1, invalid argument)', 'plan',
         ('    u->new_state[0] = b->add', '    return TFX_E_INVALID;\n    u->new_state[0] = b->add')),
        ('layer call', 'param x: only layers have parameters', 'plan',
         ('    tfx_value m = u->state[0]', '    b->param(b, "x", 0, NULL, NULL, 0, 0);\n    tfx_value m = u->state[0]')),
        ('two states one name', 'two states are called "m"', 'plan',
         ('*n = 1', '*out[1] = *out[0];\n    *n = 2')),
        ('spec value', 'my_plugin.ini:25: [arm mine]: train.optimizer.weight_decay: expected number, 0 to 10; found "-1"', 'plan',
         ('weight_decay = 0.01', 'weight_decay = -1')),
    ],
    "loader": [
        ('token out of range', 'token 0 of the targets is 256, expected 0 to 255', 'run',
         ('targets[i] = (unsigned char)l->text[at];', 'targets[i] = 256;')),
        ('vocab zero', 'loader my_plugin: bug in the plugin: `info` says vocab 0; expected 1 to 2^31', 'plan',
         ('out->vocab = 256', 'out->vocab = 0')),
        ('negative tokens', '`info` says -7 tokens; expected a count, or -1 for no end', 'plan',
         ('out->n_tokens = (int64_t)l->lines[l->n_lines]', 'out->n_tokens = -7')),
        ('negative bytes per token', '`info` says -1 bytes per token', 'plan',
         ('out->bytes_per_token = 1', 'out->bytes_per_token = -1')),
        ('open gives nothing', '`open` succeeded and gave no loader', 'plan',
         ('        *out = l;\n', '        (void)out;\n')),
        ('fail without message', 'loader my_plugin: `open` failed without a message (status -2, input/output error)', 'plan',
         ('return h->fail(h, TFX_E_IO, "%s: cannot read: %s", l->path, strerror(cause));', 'return TFX_E_IO;'),
         ('loader.train = train.txt', 'loader.train = nope.txt')),
        ('missing file', 'nope.txt: cannot read: No such file or directory', 'plan',
         ('loader.train = train.txt', 'loader.train = nope.txt')),
        ('NULL seek', 'loader my_plugin: its mandatory function `seek` is NULL', 'plan',
         ('    .seek = my_plugin_seek,\n', '')),
        ('undeclared option', 'opt_string("trian"): no such option is declared', 'plan',
         ('? "train" : "val"', '? "trian" : "vla"')),
        ('wrong option type', 'opt_int("train"): the option is declared as path', 'plan',
         ('h->opt_string(h, config->options, config->split', '(const char *)(uintptr_t)h->opt_int(h, config->options, config->split')),
        ('option missing in the spec', 'my_plugin.ini:5: [data]: missing key "loader.val": expected path (held-out text to evaluate on)', 'plan',
         ('loader.val = val.txt\n', '')),
        ('next_batch fails without message', '`next_batch` failed without a message (status -3, malformed data)', 'run',
         ('    l->batch++;\n    return TFX_OK;', '    return ++l->batch > 3 ? TFX_E_DATA : TFX_OK;')),
        ('positive status', '`next_batch` returned 5, which is no tfx_status', 'run',
         ('    l->batch++;\n    return TFX_OK;', '    l->batch++;\n    return 5;')),
        ('seek loses', 'loader my_plugin: after `seek` to the position that `tell` gave, another batch follows than before', 'run',
         ('l->byte = p[2];', 'l->byte = 0; l->place = 0;')),
        ('vocab larger than model', "model 'small' has vocab = 256, but the data has tokens up to 299", 'plan',
         ('out->vocab = 256', 'out->vocab = 300')),
        ('no val tokens', 'the validation split has 5 tokens; expected at least 33 (context + 1)', 'plan',
         ('out->n_tokens = (int64_t)l->lines[l->n_lines]', 'out->n_tokens = 5')),
        ('choice without choices', 'loader my_plugin: option train is a choice without choices', 'plan',
         ('"train", TFX_OPT_PATH, NULL', '"train", TFX_OPT_CHOICE, NULL')),
    ],
    "scaling": [
        ('no stages', 'scaling my_plugin: bug in the plugin: `n_stages` returned 0; expected 1 to 10000', 'plan',
         ('return (uint32_t)s->n_models + 1;', '(void)s;\n    return 0;')),
        ('unknown model', 'my_plugin.ini:31: policy.models: there is no [model lagre]; did you mean "large"?', 'plan',
         ('policy.models = large', 'policy.models = lagre')),
        ('negative steps', 'stage 0 has -5 steps; expected a count, or 0 for train.steps', 'plan',
         ('    out->restart_schedule = 1;', '    out->restart_schedule = 1;\n    out->steps = -5;')),
        ('steps and tokens', 'stage 0 has 5 tokens, 5 steps and 0 FLOPs; expected one of them', 'plan',
         ('    out->restart_schedule = 1;', '    out->restart_schedule = 1;\n    out->steps = 5;\n    out->tokens = 5;')),
        ('schedule', 'stage 0 has the unknown schedule "cosin"', 'plan',
         ('    out->restart_schedule = 1;', '    out->restart_schedule = 1;\n    out->schedule = "cosin";')),
        ('carry', 'stage 0 has the unknown carry 9', 'plan',
         ('    out->restart_schedule = 1;', '    out->restart_schedule = 1;\n    out->carry = 9;')),
        ('save without load', 'scaling my_plugin: has `save`, but not `load`; expected both or neither', 'plan',
         ('    .load = my_plugin_load,\n', '')),
        ('create gives nothing', '`create` succeeded and gave no policy', 'plan',
         ('    **out = s;\n', '    *out = NULL;\n')),
        ('undeclared option', 'opt_int("patiense"): no such option is declared', 'plan',
         ('"patience");', '"patiense");')),
        ('wrong type', 'opt_int("gain"): the option is declared as real', 'plan',
         ('s.gain = h->opt_real', 's.gain = (double)h->opt_int')),
        ('reason not printable', '`reason` returned a text with the byte 0xc3 at 12; expected printable ASCII', 'run',
         ('"no gain of %.4g', '"kein Gewinn \\xc3\\xbc %.4g')),
        ('save too long', '`save` returned a text of more than 65536 bytes', 'run',
         ('    return s->text;\n}\n\nstatic tfx_status my_plugin_load', '    static char huge[70000];\n    memset(huge, 120, 69999);\n    return huge;\n}\n\nstatic tfx_status my_plugin_load'),
         ('#include <stdlib.h>', '#include <stdlib.h>\n#include <string.h>')),
        ('never grows in time', 'my_plugin.ini:32: policy.patience: expected less than the 12 evaluations of stage 0', 'plan',
         ('policy.patience = 3', 'policy.patience = 40')),
        ('negative lr', 'stage 0 has lr = -1; expected a number from 0 on', 'plan',
         ('    out->restart_schedule = 1;', '    out->restart_schedule = 1;\n    out->lr = -1;')),
        ('NULL stage', 'scaling my_plugin: its mandatory function `stage` is NULL', 'plan',
         ('    .stage = my_plugin_stage,\n', '')),
        ('no models', 'my_plugin.ini:31: policy.models: expected at least one model to grow into; found none', 'plan',
         ('policy.models = large', 'policy.models =')),
        ('fail without message', 'scaling my_plugin: `stage` failed without a message (status -1, invalid argument)', 'plan',
         ('    out->restart_schedule = 1;\n    return TFX_OK;', '    out->restart_schedule = 1;\n    return TFX_E_INVALID;')),
    ],
    "operator": [
        ('NULL map', 'operator my_plugin: its mandatory function `map` is NULL', 'plan',
         ('    .map = my_plugin_map,\n', '')),
        ('index out of range', 'entry 48 of the index of blocks.0.ffn.hidden is 48; expected an element of blocks.0.ffn.up.weight, 0 to 47', 'plan',
         ('index[i] = i % n_old', 'index[i] = i')),
        ('class out of range', 'the map is about class 9999; the grown model has', 'plan',
         ('g->set_class(g, cls,', 'g->set_class(g, 9999,')),
        ('function changed', 'does not keep the function: layer blocks.0.ffn.down (linear), matmul: of blocks.0.ffn.hidden, old element 0 counts 2 times', 'plan',
         ('share[i] = 1.0 / (double)copies', 'share[i] = 1.0')),
        ('a scale that is NaN', 'the scale of element 0 is not finite', 'plan',
         ('share[i] = 1.0 / (double)copies', 'share[i] = 0.0 / 0.0 * (double)copies')),
        ('nothing grown', "expected a dimension of 'large' that is larger than before; found none", 'plan',
         ('blocks.ffn.hidden = 80', 'blocks.ffn.hidden = 48')),
        ('spec option', 'unknown key "operator.exakt" of operator my_plugin; did you mean "operator.exact"?', 'plan',
         ('operator = my_plugin', 'operator = my_plugin\noperator.exakt = true')),
    ],
    "op": [
        ('unknown id', 'there is no op "local.my_plugn/1"; did you mean "local.my_plugin/1"?', 'plan',
         ('b->custom(b, my_plugin_id,', 'b->custom(b, "local.my_plugn/1",')),
        ('infer rank', 'local.my_plugin/1: bug in the plugin: `infer` gave rank 12; expected at most 8', 'plan',
         ('*n_dims = in[0]->n_dims;', '*n_dims = 12;\n    return TFX_OK;')),
        ('infer dim', '`infer` gave 0 for dimension 0; expected at least 1', 'plan',
         ('dims[i] = in[0]->dims[i];', 'dims[i] = 0;')),
        ('lower poison', '`lower` returned TFX_POISON, which is no value, and gave no reason', 'plan',
         ('    (void)n_in, (void)reals;\n    return my_plugin_power(b, in[0], ints[0]);', '    (void)n_in, (void)reals, (void)b, (void)in, (void)ints;\n    return TFX_POISON;'),
         ('    .vjp = my_plugin_vjp,\n', '')),
        ('vjp shape', '`vjp` gave operand 0 a gradient of another shape or dtype', 'plan',
         ('dx[0] = b->mul(b, dy, slope)', 'dx[0] = b->sum(b, b->mul(b, dy, slope), 1, (int[]){-1}, 1)')),
        ('vjp unset', 'parameter blocks.0.norm2.weight does not influence the loss', 'plan',
         ('    dx[0] = b->mul(b, dy, slope);\n', '    (void)dx, (void)slope;\n')),
        ('attribute passed wrong', 'custom op: local.my_plugin/1: expected a power from 2 to 8; found 0', 'plan',
         ('1, &power, 0, NULL', '0, NULL, 0, NULL')),
        ('too many attributes', 'at most 8 operands, 8 ints and 4 reals', 'plan',
         ('1, &power, 0, NULL', '9, &power, 0, NULL')),
        ('kernel NULL', 'op local.my_plugin/1: kernel 0 lacks its run function', 'plan',
         ('{sizeof(tfx_kernel), "cpu", my_plugin_kernel}', '{sizeof(tfx_kernel), "cpu", NULL}')),
        ('factory twice', 'offers the op local.my_plugin/1 twice', 'plan',
         ('&my_plugin_op, &my_plugin_layer', '&my_plugin_op, &my_plugin_op')),
        ('NULL infer', 'op local.my_plugin/1: its mandatory function `infer` is NULL', 'plan',
         ('    .infer = my_plugin_infer,\n', '')),
        ('infer no message', '`infer` failed without a message (status -1, invalid argument)', 'plan',
         ('return h->fail(h, TFX_E_INVALID, "expected a power from 2 to 8; found %lld", (long long)ints[0]);', 'return TFX_E_INVALID;'),
         ('ints[0] > 8', 'ints[0] < 9')),
        ('results without functions', 'op local.my_plugin/1: its mandatory function `infer_results` is NULL', 'plan',
         ('    .vjp = my_plugin_vjp,\n', '    .vjp = my_plugin_vjp,\n    .n_results = 2,\n'), ('#include "tfx/layer.h"', '#define TFX_NEEDS_MINOR 1\n#include "tfx/layer.h"')),
        ('number of results', 'custom op local.my_plugin/1 has 1 result; found room for 2', 'plan',
         ('        y = b->custom(b, my_plugin_id, 1, &y, 1, &power, 0, NULL);', '        b->custom_results(b, my_plugin_id, 1, &y, 1, &power, 0, NULL, 2, (tfx_value[2]){0});'),
         ('#include "tfx/layer.h"', '#define TFX_NEEDS_MINOR 1\n#include "tfx/layer.h"')),
        ('id with blank', 'an op has no valid id: "local my_plugin 1"', 'plan',
         ('"local.my_plugin/1"', '"local my_plugin 1"')),
    ],
    "tokenizer": [
        ('token too large', 'tokenizer my_plugin: bug in the plugin: `encode` gave token 300; expected 0 to 270', 'tokenize',
         ('int32_t token = (unsigned char)text[at];', 'int32_t token = 300;'), ('t->lengths[i] > length &&', 't->lengths[i] > 9999 &&')),
        ('end of text', 'bug in the plugin: `encode` gave token 270; expected 0 to 270, and not the one that ends a document', 'tokenize',
         ('int32_t token = (unsigned char)text[at];', 'int32_t token = 270;'), ('t->lengths[i] > length &&', 't->lengths[i] > 9999 &&')),
        ('vocab not set', 'tokenizer my_plugin: bug in the plugin: `info` says vocab 0; expected 1 to 2^31', 'tokenize',
         ('out->vocab = (int64_t)(MY_PLUGIN_BYTES + t->n + 1);', '(void)t;')),
        ('end beyond vocab', 'tokenizer my_plugin: bug in the plugin: `info` says end_of_text 271; expected a token below 271, or -1 for none', 'tokenize',
         ('out->end_of_text = out->vocab - 1;', 'out->end_of_text = out->vocab;')),
        ('cut before', 'tokenizer my_plugin: bug in the plugin: `cut` gave', 'tokenize',
         ('        at++;\n    return at;', '        at++;\n    return 0;')),
        ('NULL decode', 'tokenizer my_plugin: its mandatory function `decode` is NULL', 'tokenize',
         ('    .decode = my_plugin_decode,\n', '')),
        ('encode no message', 'tokenizer my_plugin: `encode` failed without a message', 'tokenize',
         ('        out->put(out, &token, 1);\n    }\n    return TFX_OK;', '        out->put(out, &token, 1);\n    }\n    return TFX_E_DATA;')),
        ('open gives nothing', 'tokenizer my_plugin: bug in the plugin: `open` succeeded and gave no tokenizer', 'tokenize',
         ('        *out = t;\n', '')),
        ('file not there', 'pieces.tx: cannot read: No such file or directory', 'tokenize pieces=pieces.tx', ('', '')),
        ('option not given', 'missing key "pieces"', 'tokenize -', ('', '')),
        ('option misspelt', 'tokenizer my_plugin: unknown key "piecs"; did you mean "pieces"?', 'tokenize piecs=pieces.txt', ('', '')),
        ('option of the plugin misspelt', 'opt_string("piece"): no such option is declared', 'tokenize',
         ('opt_string(h, o, "pieces")', 'opt_string(h, o, "piece")')),
    ],
    "backend": [
        ('matmul not supported', "my_plugin.ini:18: [model transformer]: backend 'my_plugin' cannot execute matmul as model 'transformer' uses it", 'plan',
         ('    case TFX_OP_MATMUL: return run_matmul;\n', '')),
        ('open gives nothing', 'my_plugin: bug in the plugin: `open` succeeded and gave no backend', 'plan',
         ('    *out = calloc(1, sizeof(**out));\n    if (!*out)\n        return h->fail(h, TFX_E_MEMORY, "out of memory");\n    (*out)->host = h;\n    (*out)->memory = (uint64_t)h->opt_int(h, o, "memory");', '    (void)h, (void)o, (void)out;')),
        ('buffer no message', 'my_plugin: `buffer_create` failed without a message (status -4, out of memory)', 'run',
         ('return b->host->fail(b->host, TFX_E_MEMORY, "no %.2f GB of memory", (double)bytes * 1e-9);', 'return TFX_E_MEMORY;'),
         ('if (!buf || !buf->data) {', 'if (bytes) {')),
        ('NULL run', 'backend my_plugin: its mandatory function `run` is NULL', 'plan',
         ('    .run = my_plugin_run,\n', '')),
        ('no device', 'backend my_plugin has no valid device name', 'plan',
         ('    .device = "cpu",\n', '')),
        ('run fails', 'my_plugin: `run` failed without a message (status -6, internal error)', 'run',
         ('    double before = now();\n    for (uint32_t', '    double before = now();\n    return TFX_E_INTERNAL;\n    for (uint32_t')),
        ('products that are NaN', 'the validation loss is nan; all parameters are finite', 'run',
         ('out[i] = (float)(n->reals[0] * sum', 'out[i] = (float)(NAN * sum')),
        ('compile gives nothing', 'my_plugin: bug in the plugin: `compile` succeeded and gave no program', 'run',
         ('    *out = e;\n    return TFX_OK;', '    (void)out;\n    return TFX_OK;')),
        ('bf16', "backend 'my_plugin' does not compute in bf16; expected f32", 'plan',
         ('lr = 1e-2', 'lr = 1e-2\ncompute = bf16')),
    ],
}


def changed(path, changes):
    for old, new in changes:
        p = next((p for p in sorted(path.iterdir()) if old in p.read_text()), None)
        expect(p, f"a template has '{old}'")
        p.write_text(p.read_text().replace(old, new, 1))


def one_mistake(kind, words, verb, changes):
    with folder() as f:
        for p in (TEMPLATES / kind).iterdir():
            shutil.copy(p, f.path)
        changed(f.path, changes)
        r = subprocess.run([*COMPILER, "-O0", "-w", "-shared", "-fPIC", "-fvisibility=hidden", "-I", SOURCE / "include",
                            f.path / "my_plugin.c", "-o", f.path / "my_plugin.so"], capture_output=True, text=True)
        same((r.returncode, r.stderr), (0, ""), "the compiler")
        verb, _, setting = verb.partition(" ")
        arguments = ["my_plugin.ini"]
        if kind == "tokenizer":
            (f.path / "long.txt").write_bytes(b"a line of it\n" * 200000)  # which is cut
            arguments = ["long.txt", "--tokenizer", "my_plugin", "-o", "text.bin"]
            arguments += [] if setting == "-" else ["--set", setting or "pieces=pieces.txt"]
        r = f.tfx(verb, *arguments, status=None, env={"TFX_PLUGIN_PATH": str(f.path)})
        lines = [line for line in r.stderr.splitlines() if words in line]
        expect(lines and all(line.startswith("tfx: ") for line in lines), f"a line has '{words}'", r.stderr)
        # A plan that holds although the data does not says so, and succeeds.
        expect(r.returncode != 0 or "a run would stop here" in r.stderr, "it is an error", r.returncode)


def test_mistakes():
    failures = []
    for kind, mistakes in MISTAKES.items():
        expect(kind in ("operator", "backend") or len(mistakes) >= 12, f"a dozen mistakes of a {kind}", len(mistakes))
        for what, words, verb, *changes in mistakes:
            try:
                one_mistake(kind, words, verb, changes)
            except Failure as e:
                failures.append(f"{kind}: {what}: {e}")
    expect(not failures, f"{len(failures)} mistakes are not told as they should be", "\n".join(failures))


main(globals())
