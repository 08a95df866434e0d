// The selective scan: the recurrence of Mamba, with step size, skip and gate.
//
//   step[t, e]     = softplus(delta[t, e] + delta_bias[e])            softplus(v) = v for v > 20, else log(1 + exp(v))
//   h_t[n, e]      = exp(step A[n, e]) h_{t-1}[n, e] + step u[t, e] B[t, n]
//   y[t, e]        = (D[e] u[t, e] + sum_n C[t, n] h_t[n, e]) silu(z[t, e])
//
// h before a segment's first token is its slot of `state` (kNoSlot: zeros); afterwards the slot holds h after its
// last token.
//
// `chunk_states`, if given, gets the states before every 8 tokens of each segment, for selective_scan_backward: those
// of segment i of the list begin at row first_chunk_row(segment, i, kScanChunk); other rows are not written. The
// reference and GPUs make them; the CPU backend, whose backward pass does not want them, leaves them as they are. With
// them a GPU takes the steps of its backward pass, which are more exact by some 1e-5 of a step: y and the states after
// the segments may differ by that from a pass without.
//
// Shapes    u, delta, z, y [l, e]; B, C [l, n]; A [n, e]; D, delta_bias [e]; state [s, n, e]; 1 <= n <= 256.
//           chunk_states [chunk_row_count(l, segments, kScanChunk), n, e] or empty.
//           States and A are stored state-major (the transpose of the checkpoint's [e, n]) so that vectors, and the
//           threads of a GPU, run over channels. Rows of u, delta, z, B, C may be slices of wider rows.
// Types     u f32, bf16 or f16; delta and z f32 or (not on the CPU backend) both of u's type; B, C, A (negative:
//           -exp(A_log)), D, delta_bias, state, chunk_states f32; y of u's type, rounded once. All arithmetic f32 or
//           better.
// Segments  must not overlap, and no slot may appear twice.
// Aliasing  y may be u.
// Result    bitwise independent of threads, of other segments, and of how a sequence is cut into segments (all of them
//           with or all without chunk_states).
// Errors    invalid_argument if a shape or segment, unsupported if a type differs from the above.
// Cost      reads u, delta, z, B, C and writes y once, state once each way, chunk_states of l n e / 8 f32;
//           l e n exponentials and 5 l e n FLOPs.
// Source    Gu and Dao 2023, algorithm 2 (selective SSM) with the simplified (Euler) input step of its section C;
//           state-spaces/mamba selective_scan_ref.
#pragma once

#include "device/backend.h"
#include "device/tensor.h"
#include "ops/segment.h"

namespace saker {

struct SelectiveScanArgs {
  TensorView y;                  // [l, e]
  TensorView state;              // [s, n, e]
  TensorView chunk_states = {};  // [chunk rows, n, e] or empty
  ConstTensorView u;             // [l, e]
  ConstTensorView delta;         // [l, e]
  ConstTensorView delta_bias;    // [e]
  ConstTensorView A;             // [n, e]
  ConstTensorView B;             // [l, n]
  ConstTensorView C;             // [l, n]
  ConstTensorView D;             // [e]
  ConstTensorView z;             // [l, e]
  Segments segments;
};

void selective_scan(Stream& stream, const SelectiveScanArgs& args);

namespace reference {
void selective_scan(Stream& stream, const SelectiveScanArgs& args) noexcept;
}
namespace cpu {
void selective_scan(Stream& stream, const SelectiveScanArgs& args) noexcept;
}
namespace cuda {
void selective_scan(Stream& stream, const SelectiveScanArgs& args);
}

}  // namespace saker
