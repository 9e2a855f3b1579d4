/* Figures for papers: one column wide, without a title, drawn by gnuplot from the numbers and in the colours of reports. */
#ifndef TFX_REPORT_PAPER_H
#define TFX_REPORT_PAPER_H

#include "framework/store/store.h"

/* Draws one of the figures "curves", "scaling", "sweep" and "growth" of an experiment to `path`, whose name says whether it is
 * SVG, PDF or PNG. Whole or not at all, in place of what is there; the same rows give the same bytes. */
tfx_status tfx_report_paper(tfx_store *s, tfx_id experiment, const char *figure, const char *path, tfx_error *err);

#endif
