/* Document: the reference of spec keys, written from the declarations. */
#ifndef TFX_SPEC_DOCUMENT_H
#define TFX_SPEC_DOCUMENT_H

#include "framework/base/text.h"
#include "framework/plugin/registry.h"

/* Appends a Markdown page with a table of keys for every section and for every class of
 * every registered plugin. The same plugins give the same text. */
void tfx_spec_document(const tfx_registry *r, tfx_text *out);

#endif
