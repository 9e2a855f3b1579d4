/* Classes: what the seven kinds of class table have in common, and whether one is fit for use.
 *
 * A table is checked once, when its plugin is loaded, so that the rest of the host may call
 * its mandatory functions and trust its declarations without asking. */
#ifndef TFX_PLUGIN_CLASSES_H
#define TFX_PLUGIN_CLASSES_H

#include "framework/base/error.h"
#include "tfx/tfx.h"

/* The size of a struct that ends with this member. */
#define TFX_SIZE_THROUGH(type, m) (offsetof(type, m) + sizeof(((type *)0)->m))

/* The short name of a kind, "layer" for TFX_KIND_LAYER; NULL for a kind this host does not know. */
const char *tfx_kind_word(const char *kind);
/* The known kind that one looks like; NULL: none. */
const char *tfx_kind_nearest(const char *kind);

typedef struct tfx_class_info {
    const char *kind;           /* the short name */
    const char *name, *summary; /* an op's name is its id */
    const tfx_option *options;  /* read with tfx_option_at */
    size_t n_options;
    const tfx_slot *sockets; /* layers only: its `slots`; read with tfx_socket_at */
    size_t n_sockets;
} tfx_class_info;

/* `kind` must be known and `impl` must have passed tfx_class_check. Pointers live as long as
 * the plugin, which is for ever. */
tfx_class_info tfx_class_describe(const char *kind, const void *impl);

/* The i-th place that another layer can fill, a slot in the words of ABI 1.0: arrays of them are walked by
 * the first element's struct_size. */
const tfx_slot *tfx_socket_at(const tfx_slot *sockets, size_t i);

/* Checks sizes, names, mandatory functions, options (defaults included) and slots. `kind`
 * must be known. */
tfx_status tfx_class_check(const char *kind, const void *impl, tfx_error *err);

/* Whether a name can be written in a spec: letters, digits and "_.-" (and "/" in ids of ops). */
int tfx_name_valid(const char *name, int slash);

#endif
