/* Claims for people and programs (framework/analysis/claim.h). */
#ifndef TFX_REPORT_CLAIM_REPORT_H
#define TFX_REPORT_CLAIM_REPORT_H

#include <stdio.h>

#include "framework/analysis/claim.h"

/* Verdict, reasons and lints; `text` is the sentence. */
void tfx_report_claim(const tfx_claim *c, const char *text, int json, FILE *out);

/* What the database keeps: verdict, reasons, lints and the comparison, as JSON. A heap string. */
char *tfx_claim_evidence(const tfx_claim *c);

/* Claims of an experiment, or of all (0). */
tfx_status tfx_report_claims(tfx_store *s, tfx_id experiment, int json, FILE *out, tfx_error *err);

#endif
