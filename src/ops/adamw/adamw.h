// One step of AdamW on tensors, with clipping by the global norm.
//
//   g      = gradient * gradient_scale * min(1, max_norm / norm),   norm = gradient_scale * sqrt(squared_norm[0])
//   m      = beta1 m + (1 - beta1) g;       v = beta2 v + (1 - beta2) g^2
//   p      = p (1 - lr weight_decay) - lr (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + eps)
//   rounded = p in its type, if given
//
// Shapes    parameter, moment1, moment2, gradient, rounded contiguous, of one number of elements; squared_norm [1].
// Types     parameter, moments, gradient f32 (all f64 on the reference backend); rounded bf16; squared_norm f64, of the
//           unscaled gradients of all tensors, read where the step is computed: nothing waits for it. Arithmetic f32
//           or better.
//           A list of tensors has one setting of everything but weight_decay.
// Masters   parameter, or where `low` is given `rounded` and `low` (split_master.h), of which `rounded` is then the
//           upper half; parameter has their shape, and no data.
// Aliasing  none.
// Result    bitwise independent of the number of threads, and of what else is in the list.
// Errors    invalid_argument if a shape or a setting, unsupported if a type differs from the above.
// Cost      28 bytes an element (30 with rounded, 28 of a split master on a GPU); on a GPU a launch for some 50
//           tensors.
// Source    Loshchilov and Hutter 2019, algorithm 2; as torch.optim.AdamW. Clipping as torch.nn.utils.clip_grad_norm_
//           without its 1e-6.
#pragma once

#include <cstdint>
#include <span>

#include "device/backend.h"
#include "device/tensor.h"

namespace saker {

class OpCheck;

struct AdamwArgs {
  TensorView parameter;                   // [...]
  TensorView moment1 = {}, moment2 = {};  // [...]
  TensorView rounded = {};                // [...] bf16, or empty
  TensorView low = {};                    // [2 ...] u8, 16-bit integers as the machine has them, or empty
  ConstTensorView gradient;               // [...]
  ConstTensorView squared_norm = {};      // [1] f64; empty: no clipping
  double max_norm = 0.0;                  // 0: no clipping
  double gradient_scale = 1.0;            // for gradients that are sums over micro-batches
  double lr = 0.0, beta1 = 0.9, beta2 = 0.95, eps = 1e-8, weight_decay = 0.0;
  int64_t step = 1;  // counts from 1
};

void adamw(Stream& stream, const AdamwArgs& args);
void adamw(Stream& stream, std::span<const AdamwArgs> list);

// Of the arguments all but moments and gradient.
void check_adamw_settings(const OpCheck& check, const AdamwArgs& args);

// What every gradient is multiplied by: gradient_scale and the clipping. NaN where the norm is NaN.
double adamw_gradient_factor(const AdamwArgs& args) noexcept;

namespace reference {
void adamw(Stream& stream, const AdamwArgs& args) noexcept;
}
namespace cpu {
void adamw(Stream& stream, const AdamwArgs& args) noexcept;
}
namespace cuda {
void adamw(Stream& stream, std::span<const AdamwArgs> list);
}

}  // namespace saker
