/* The units of a program as a drawing for Graphviz. */
#ifndef TFX_PLAN_UNITS_DOT_H
#define TFX_PLAN_UNITS_DOT_H

#include <stdio.h>

#include "framework/plan/units.h"

/* A node for each unit of the forward pass, and with `backward` of the whole program, in a frame for each layer; an edge from each
 * unit to what reads its results. Units that blocks have alike are drawn once, unless `all`. */
void tfx_units_print_dot(const tfx_unit_list *l, int all, int backward, FILE *out);

#endif
