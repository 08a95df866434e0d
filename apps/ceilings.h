// What this machine can do, measured: figures of speed are held against it.
#pragma once

#include "device/backend.h"
#include "device/cpu/bandwidth.h"

namespace saker::apps {

// FLOPs per second of y [l, o] = x [l, i] weight [o, i]^T in `dtype`: the best of several runs.
double measure_product(const Backend& backend, DType dtype, int64_t l, int64_t o, int64_t i);

}  // namespace saker::apps
