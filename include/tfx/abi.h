/* tfx plugin ABI: versions, status codes and the plugin entry.
 *
 * A plugin is a shared object that exports exactly one symbol, the constant data
 * `tfx_plugin_entry`. The host reads it before it calls anything in the plugin, so a
 * plugin that does not fit is refused without running any of its code.
 *
 * Rules that hold for every header in this folder, stated once:
 *
 *  - Every struct that crosses the boundary starts with `struct_size`, set by its
 *    creator to its own sizeof. Structs and function tables only ever grow at the end;
 *    a reader treats members past the creator's struct_size as absent (zero or NULL).
 *  - A thread tag on every function pointer says who calls it: [main] the thread that
 *    drives the run, [loader] the prefetch thread, [compute] any backend thread, [any] all of
 *    these.
 *  - Strings and arrays given to a call are borrowed for that call unless said otherwise.
 *    The creator of an object destroys it; destroy functions accept NULL.
 *  - Errors: return a negative status after host->fail(...). Plugins never print, abort,
 *    exit, or throw.
 *  - Plugins link neither the host nor another plugin. All they need arrives in tables.
 *
 * Since ABI 1.0 unless a member says otherwise. What a later minor added is there only for a
 * plugin that asks for it: see TFX_NEEDS_MINOR. Changes: docs/abi-changelog.md.
 */
#ifndef TFX_ABI_H
#define TFX_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of these headers, and of a host that was built with them. A plugin loads when its
 * major equals the host's and the minor that it needs is not above the host's. */
#define TFX_ABI_MAJOR 1
#define TFX_ABI_MINOR 1

/* The minor that a plugin needs. One that uses something of minor N says so before its first
 * include,
 *
 *     #define TFX_NEEDS_MINOR N
 *
 * and the members added up to N appear. All others see the structs of 1.0 whatever headers they
 * are compiled with, so they cannot use by accident what an older host lacks, and load into it. */
#ifndef TFX_NEEDS_MINOR
#define TFX_NEEDS_MINOR 0
#endif
#if TFX_NEEDS_MINOR > TFX_ABI_MINOR
#error "TFX_NEEDS_MINOR is above the minor version of these headers"
#endif

/* Result of a call that can fail. Zero is success; every failure is negative. */
typedef int32_t tfx_status;
enum {
    TFX_OK = 0,
    TFX_E_INVALID = -1,     /* an option, argument or shape that cannot be used */
    TFX_E_IO = -2,          /* a file that cannot be read or written */
    TFX_E_DATA = -3,        /* a file that can be read but is malformed */
    TFX_E_MEMORY = -4,      /* allocation failed */
    TFX_E_UNSUPPORTED = -5, /* valid, but not offered by this plugin */
    TFX_E_INTERNAL = -6     /* a bug in the callee */
};

#if defined(__GNUC__)
#define TFX_EXPORT __attribute__((visibility("default")))
#define TFX_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define TFX_EXPORT
#define TFX_PRINTF(fmt, args)
#endif

/* Whether table `t` was created by someone who knew member `m`, and filled it in. */
#define TFX_HAS(t, m) ((t)->struct_size >= offsetof(__typeof__(*(t)), m) + sizeof((t)->m) && (t)->m)

/* One thing a plugin offers. `kind` is one of the TFX_KIND_* strings; `impl` points to
 * the constant class table of that kind (tfx_layer_class and so on). */
typedef struct tfx_factory {
    size_t struct_size;
    const char *kind;
    const void *impl;
} tfx_factory;

#define TFX_KIND_LAYER "tfx.layer/1"
#define TFX_KIND_OPTIMIZER "tfx.optimizer/1"
#define TFX_KIND_LOADER "tfx.loader/1"
#define TFX_KIND_SCALING "tfx.scaling/1"
#define TFX_KIND_BACKEND "tfx.backend/1"
#define TFX_KIND_OP "tfx.op/1"

/* The plugin entry. Everything it points to is constant and lives as long as the
 * shared object, which the host never unloads. */
typedef struct tfx_plugin {
    size_t struct_size;
    uint32_t abi_major;                  /* TFX_ABI_MAJOR the plugin was compiled with */
    uint32_t abi_minor;                  /* TFX_NEEDS_MINOR the plugin was compiled with */
    const char *name;                    /* unique among loaded plugins, e.g. "pattention" */
    const char *version;                 /* the plugin's own version, e.g. "1.0.0" */
    const char *summary;                 /* one line for `tfx plugin list` */
    const tfx_factory *const *factories; /* ends with NULL */
} tfx_plugin;

/* Defines the entry of a plugin with a single class. */
#define TFX_PLUGIN(plugin_name, plugin_version, plugin_summary, factory_kind, class_ptr) \
    TFX_FACTORY(tfx_factory_0, factory_kind, class_ptr); \
    TFX_PLUGIN_OF(plugin_name, plugin_version, plugin_summary, &tfx_factory_0)

/* Defines a factory, to be one of several in TFX_PLUGIN_OF. */
#define TFX_FACTORY(factory_name, factory_kind, class_ptr) \
    static const tfx_factory factory_name = {sizeof(tfx_factory), factory_kind, class_ptr}

/* Defines the entry of a plugin with several classes, the factories of which are listed:
 *
 *     TFX_FACTORY(encoder, TFX_KIND_LAYER, &encoder_class);
 *     TFX_FACTORY(decoder, TFX_KIND_LAYER, &decoder_class);
 *     TFX_PLUGIN_OF("coders", "1.0.0", "an encoder and a decoder", &encoder, &decoder); */
#define TFX_PLUGIN_OF(plugin_name, plugin_version, plugin_summary, ...) \
    static const tfx_factory *const tfx_factories[] = {__VA_ARGS__, NULL}; \
    extern TFX_EXPORT const tfx_plugin tfx_plugin_entry; \
    const tfx_plugin tfx_plugin_entry = {sizeof(tfx_plugin), TFX_ABI_MAJOR,  TFX_NEEDS_MINOR, plugin_name, \
                                         plugin_version,     plugin_summary, tfx_factories}

#ifdef __cplusplus
}
#endif
#endif
