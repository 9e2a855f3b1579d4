/* Fits that were saved: see framework/report/fit_table.h. */
#include "framework/report/fit_table.h"
#include "framework/report/table.h"
#include "framework/store/queries_fits.h"

tfx_status tfx_report_fits(tfx_store *s, int json, FILE *out, tfx_error *err)
{
    static const tfx_column columns[] = {
        {"id", TFX_CELL_PLAIN},          {"name", TFX_CELL_PLAIN},        {"form", TFX_CELL_PLAIN},
        {"points", TFX_CELL_PLAIN},      {"Huber's sum", TFX_CELL_SMALL}, {"source", TFX_CELL_PLAIN},
        {"saved (UTC)", TFX_CELL_PLAIN},
    };
    tfx_rows *q = tfx_query_fits(s, json, err);
    tfx_table_print(q, columns, json ? TFX_FORMAT_JSON : TFX_FORMAT_TEXT, out, err);
    tfx_rows_close(q);
    return err->status;
}
