/* Call: the bracket around every call into a plugin.
 *
 * What a plugin does wrong must be told in its name, whatever it is: an error that it reports
 * through host->fail, a result that its contract does not allow, a crash. So nothing outside of
 * this folder calls a function of a class table; each kind has a file here with one function for
 * each of the table's, which brackets the call and checks what came back. A test keeps it so.
 *
 * Messages are kept per thread, because the loader's thread and the main thread may fail at the
 * same time, and per call, because calls nest: a layer's build asks for a socket to be filled, and
 * the host calls another layer's build to do it. */
#ifndef TFX_PLUGIN_CALL_H
#define TFX_PLUGIN_CALL_H

#include "framework/base/error.h"
#include "tfx/graph.h"

/* What a message says of a call that failed and gave none. */
#define TFX_WITHOUT_MESSAGE "failed without a message"

typedef struct tfx_call {
    struct tfx_call *outer;
    const char *kind;     /* TFX_KIND_*; NULL: the plugin is being loaded */
    const void *impl;     /* the class table */
    const char *function; /* its member, "build" */
    const char *about;    /* what the call is for: a layer's path, a parameter; NULL: nothing more to say */
    tfx_error first;      /* the first message of this call */
    int misuse;           /* it says that the plugin broke its contract, which counts whatever the call
                          returns: a layer's build has no status to return */
} tfx_call;

/* Every begin has its end, on the same thread. Strings are borrowed until then. */
void tfx_call_begin(tfx_call *c, const char *kind, const void *impl, const char *function, const char *about);
/* Makes the call an error, "bug in the plugin: ...", whatever it returned. */
void tfx_call_bug(tfx_call *c, const char *fmt, ...) TFX_PRINTF(2, 3);
/* Moves the first message into err, after "what: " unless that is NULL or empty, if `status` or a bug
 * makes the call an error. Returns the call's status. */
tfx_status tfx_call_end(tfx_call *c, tfx_status status, const char *what, tfx_error *err);
/* The same where nothing around the message says whose it is: a bug, and a failure without a message, name the class.
 * What the plugin itself says stays as it is, since it may begin with the name of an option. */
tfx_status tfx_call_end_named(tfx_call *c, tfx_status status, tfx_error *err);
/* The end of a call that makes an object; `noun` says what. `what` NULL: as tfx_call_end_named. */
tfx_status tfx_call_end_making(tfx_call *c, tfx_status status, const void *made, const char *noun, const char *what,
                               tfx_error *err);
/* The end of a call that cannot fail: what the plugin got over is forgotten. */
void tfx_call_end_quietly(tfx_call *c);

/* The innermost call that this thread is in; NULL outside of any. And where it is kept, for another thread that
 * knows that this one is waiting. */
tfx_call *tfx_call_current(void);
tfx_call *const *tfx_call_place(void);

/* Room for a struct that a plugin fills in the host's memory. One that was compiled with newer headers may
 * assign it as a whole, and its struct is longer than ours. */
#define TFX_ROOMY(type) \
    union { \
        type it; \
        char room[sizeof(type) + 256]; \
    }

/* ---- checks of values that a plugin gave back ---- */

/* Whether v is a value of the graph that b builds; TFX_POISON is none. */
int tfx_call_is_value(const tfx_builder *b, tfx_value v);
int tfx_call_same_shape(const tfx_builder *b, tfx_value x, tfx_value y);

#endif
