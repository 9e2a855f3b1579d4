/* Registry: finds plugins, checks their version, and looks classes up by kind and name. */
#ifndef TFX_PLUGIN_REGISTRY_H
#define TFX_PLUGIN_REGISTRY_H

#include "framework/base/error.h"
#include "framework/base/suggest.h"
#include "tfx/tfx.h"

typedef struct tfx_loaded_plugin {
    const tfx_plugin *entry;
    char *path;    /* absolute */
    char hash[33]; /* XXH3-128 of the file, lower-case hex */
} tfx_loaded_plugin;

/* A plugin file that was found and refused, with the reason. */
typedef struct tfx_refused_plugin {
    char *path, *reason;
    size_t hides_from; /* plugins from this one on are of later folders */
} tfx_refused_plugin;

typedef struct tfx_registry tfx_registry;

/* Scans $TFX_PLUGIN_PATH (colon separated folders; first match of a name wins), then
 * `default_dir`. Files that cannot be loaded are remembered as refused, and reported when
 * somebody asks for a name that is not found. */
tfx_registry *tfx_registry_open(const char *default_dir, tfx_error *err);
/* The same with the plugin in `file` before all others; NULL with a message where that one is refused. It is plugin 0. */
tfx_registry *tfx_registry_open_with(const char *file, const char *default_dir, tfx_error *err);
void tfx_registry_close(tfx_registry *r); /* never unloads code */

/* The class `name` of kind TFX_KIND_*, or NULL with a message that has the nearest name. Where NAME.so was
 * refused, one of a later folder does not take its place: who put it first meant it. */
const void *tfx_registry_find(const tfx_registry *r, const char *kind, const char *name, tfx_error *err);

size_t tfx_registry_count(const tfx_registry *r);
const tfx_loaded_plugin *tfx_registry_at(const tfx_registry *r, size_t i);
size_t tfx_registry_refused_count(const tfx_registry *r);
const tfx_refused_plugin *tfx_registry_refused_at(const tfx_registry *r, size_t i);
/* Adds the names of the classes of this kind (NULL: of all) that a spec can use. */
void tfx_registry_suggest(const tfx_registry *r, const char *kind, tfx_suggest *known);
/* Records that there is no `what` called known->name. Where a file of that name was refused, that is the
 * reason and all there is to say; otherwise it ends as tfx_suggest_end would have it. */
tfx_status tfx_registry_fail_unknown(const tfx_registry *r, const char *what, tfx_suggest *known, const char *none,
                                     tfx_error *err);
/* The plugin that offers a class. */
const tfx_loaded_plugin *tfx_registry_owner(const tfx_registry *r, const void *impl);

#endif
