// Gradients of the selective scan with step size, skip and gate (selective_scan.h).
//
// With s = softplus(delta + delta_bias), a_t = exp(s_t A), q = y before the gate, and l_t the gradient of h_t:
//
//   dq             = dy silu(z)                    dz = dy q silu'(z)
//   l_t            = dq_t C_t + a_{t+1} l_{t+1}    (behind the last token: the gradient of the final state)
//   dC[t, n]       = sum_e dq h_t[n]               dB[t, n] = sum_e l_t[n] s u
//   du             = D dq + s sum_n l_t[n] B[n]
//   ds             = u sum_n l_t[n] B[n] + sum_n l_t[n] A[n] a_t h_{t-1}[n];     ddelta = ds softplus'(delta + bias)
//   dA_log[n, e]  += A sum_t l_t s a_t h_{t-1}     (A = -exp(A_log), so that dA/dA_log = A)
//   dD[e]         += sum_t dq u                    ddelta_bias[e] += sum_t ddelta
//
// h is recomputed from the states before the segments; nothing but the inputs of the forward pass is needed. What the
// forward pass kept in `chunk_states` (selective_scan.h), of the same inputs and segments on the same backend, saves a
// GPU's kernels for 16 states the way forward; the gradients are the same bits. Other kernels, the CPU backend and the
// reference do not read it. `dstate`, if given, holds for each slot the gradient of the state after the segment, and
// afterwards that of the state before.
//
// Shapes    dy, u, delta, z, du, ddelta, dz [l, e]; B, C, dB, dC [l, n]; A, dA_log [n, e]; D, delta_bias, dD,
//           ddelta_bias [e]; state [s, n, e], the states BEFORE the segments (empty if no segment has a slot); dstate
//           [s, n, e] or empty: then states after the segments have no gradient and that of the states before is not
//           wanted (truncated back-propagation); chunk_states [chunk_row_count(l, segments, kScanChunk), n, e] or
//           empty. 1 <= n <= 256. Rows of all [l, ...] tensors may be slices of wider rows.
// Types     u f32 or bf16; dy, delta, z, du, ddelta, dz f32 or (not on the CPU backend) all of u's type; all else f32.
//           All arithmetic f32 or better, results rounded once.
// Segments  must not overlap, and no slot may appear twice. kNoSlot: zero state before.
// Aliasing  none.
// Result    bitwise independent of the number of threads; rows outside of segments are not written.
// Errors    invalid_argument if a shape or segment, unsupported if a type differs from the above.
// Cost      reads dy, u, delta, z, B, C, writes du, ddelta, dz, dB, dC; about 2 l e n exponentials and 20 l e n FLOPs.
// Source    model-spec 6.1 to 6.3. a_t h_{t-1} is multiplied, not subtracted (6.9).
#pragma once

#include "device/backend.h"
#include "device/tensor.h"
#include "ops/segment.h"

namespace saker {

struct SelectiveScanBackwardArgs {
  TensorView du;                      // [l, e]
  TensorView ddelta;                  // [l, e]
  TensorView dz;                      // [l, e]
  TensorView dB;                      // [l, n]
  TensorView dC;                      // [l, n]
  TensorView dA_log;                  // [n, e]
  TensorView dD;                      // [e]
  TensorView ddelta_bias;             // [e]
  TensorView dstate = {};             // [s, n, e] or empty: after -> before
  ConstTensorView dy;                 // [l, e]
  ConstTensorView u;                  // [l, e]
  ConstTensorView delta;              // [l, e]
  ConstTensorView delta_bias;         // [e]
  ConstTensorView A;                  // [n, e]
  ConstTensorView B;                  // [l, n]
  ConstTensorView C;                  // [l, n]
  ConstTensorView D;                  // [e]
  ConstTensorView z;                  // [l, e]
  ConstTensorView state = {};         // [s, n, e] before the segments, or empty
  ConstTensorView chunk_states = {};  // [chunk rows, n, e] or empty
  Segments segments;
};

void selective_scan_backward(Stream& stream, const SelectiveScanBackwardArgs& args);

namespace reference {
void selective_scan_backward(Stream& stream, const SelectiveScanBackwardArgs& args) noexcept;
}
namespace cpu {
void selective_scan_backward(Stream& stream, const SelectiveScanBackwardArgs& args);
}
namespace cuda {
void selective_scan_backward(Stream& stream, const SelectiveScanBackwardArgs& args);
}

}  // namespace saker
