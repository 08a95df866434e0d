// What this machine can do, measured: figures of speed are held against it.
#pragma once

#include "device/backend.h"
#include "device/cpu/bandwidth.h"

namespace saker::apps {

// FLOPs per second of y [l, o] = x [l, i] weight [o, i]^T in `dtype`: the best of several runs.
double measure_product(const Backend& backend, DType dtype, int64_t l, int64_t o, int64_t i);

// What a backend's memory moves and its products compute, in bytes and FLOPs per second. On a GPU `read` is that of
// copies, as reads alone are not faster; and `sustained` is the rate of products after half a second of them, when the
// GPU's power limit has lowered its clock.
struct Ceilings {
  double read = 0.0, copy = 0.0, product = 0.0, sustained = 0.0;
};
Ceilings measure_gpu(const Backend& backend, DType dtype);

}  // namespace saker::apps
