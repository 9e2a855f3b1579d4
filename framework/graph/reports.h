/* Reports: single numbers that layers give beside their output, to be logged and, if they are losses, minimised. */
#ifndef TFX_GRAPH_REPORTS_H
#define TFX_GRAPH_REPORTS_H

#include "framework/graph/graph.h"

typedef struct tfx_report {
    char *name;      /* of the metric: "loss.balance", "layer.entropy" */
    tfx_value value; /* scalar */
    int is_loss;
    double weight; /* of a loss */
} tfx_report;

typedef struct tfx_reports {
    tfx_report *items;
    uint32_t n;
    size_t cap;
} tfx_reports;

void tfx_reports_finish(tfx_reports *r);

/* One more of that name, where the graph collects them. An error is the graph's. */
void tfx_report_add(tfx_graph *g, const char *name, tfx_value value, int is_loss, double weight);

/* `loss` and, each times its weight, all others. */
tfx_value tfx_reports_objective(tfx_graph *g, const tfx_reports *r, tfx_value loss);

/* The means over reports of one name, as [*n], and *names, which are heap. TFX_POISON where there are none. */
tfx_value tfx_reports_means(tfx_graph *g, const tfx_reports *r, char ***names, uint32_t *n);

#endif
