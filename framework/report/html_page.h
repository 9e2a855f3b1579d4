/* Page: the report of an experiment as one HTML file that needs nothing else: no network, and no script to be read. */
#ifndef TFX_REPORT_HTML_PAGE_H
#define TFX_REPORT_HTML_PAGE_H

#include "framework/store/store.h"

/* Writes the report of an experiment to `path`, whole or not at all, in place of what is there; "-" is standard
 * output. */
tfx_status tfx_report_html(tfx_store *s, tfx_id experiment, const char *path, tfx_error *err);

#endif
