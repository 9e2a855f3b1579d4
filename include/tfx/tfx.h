/* tfx plugin ABI: everything at once. */
#ifndef TFX_TFX_H
#define TFX_TFX_H

#include "abi.h"
#include "backend.h"
#include "graph.h"
#include "growth.h"
#include "host.h"
#include "ir.h"
#include "layer.h"
#include "loader.h"
#include "op.h"
#include "optimizer.h"
#include "options.h"
#include "scaling.h"
#include "tokenizer.h"
#include "types.h"

#endif
