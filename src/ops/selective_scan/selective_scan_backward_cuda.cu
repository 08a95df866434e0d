#include <algorithm>

#include "device/cuda/launch.cuh"
#include "ops/selective_scan/scan_order.cuh"
#include "ops/selective_scan/selective_scan_backward.h"
#include "ops/selective_scan/selective_scan_backward_kernels.cuh"

namespace saker::cuda {

namespace {

// Whether the kernels for 16 states serve these arguments.
bool in_groups_of_64(const SelectiveScanBackwardArgs& args) {
  if (!has_scan_groups(args.A.rows(), args.A.columns())) return false;
  const ConstTensorView views[] = {args.du, args.ddelta,     args.dz, args.dstate, args.dy,
                                   args.u,  args.delta,      args.z,  args.B,      args.C,
                                   args.A,  args.delta_bias, args.D,  args.state,  args.chunk_states};
  return std::ranges::all_of(views, [](const ConstTensorView& view) { return !view || in_vectors(view); });
}

template <class Kernel>
bool allow_shared(const Kernel kernel, int bytes) {
  if (cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes) == cudaSuccess) return true;
  cudaGetLastError();
  return false;
}

// Scratch memory of the problem, what lies there, and its groups. `kept`: the states before chunks are, in `starts`.
template <class T, class G>
void provide_scratch(Stream& stream, ScanBackwardProblem<T, G>& p, Segments segments, bool in_groups, bool kept) {
  const ScanBackwardScratch scratch =
      scan_backward_scratch(p.l, p.segment_count, p.n, p.channels, in_groups, kept, sizeof(G) < sizeof(float));
  p.groups = static_cast<int>(scratch.groups);
  auto* const floats = static_cast<float*>(stream.gpu().scratch(scratch.bytes()));
  if (!kept) p.starts = floats;
  p.partials = floats + scratch.starts;
  p.sums = p.partials + scratch.partials;
  p.token_sums = p.sums + scratch.sums;
  p.order = longest_first(stream, segments, p.segments, reinterpret_cast<int32_t*>(p.token_sums + scratch.token_sums));
}

template <class T, class G>
ScanBackwardProblem<T, G> problem_of(const SelectiveScanBackwardArgs& args, const Segment* segments) {
  ScanBackwardProblem<T, G> p{};
  const auto floats = [](const auto& view) { return static_cast<float*>(const_cast<void*>(view.data)); };
  const auto rounded = [](const auto& view) { return static_cast<G*>(const_cast<void*>(view.data)); };
  p.du = rounded(args.du), p.ddelta = rounded(args.ddelta), p.dz = rounded(args.dz);
  p.dB = floats(args.dB), p.dC = floats(args.dC), p.dA_log = floats(args.dA_log), p.dD = floats(args.dD);
  p.ddelta_bias = floats(args.ddelta_bias), p.dstate = floats(args.dstate);
  p.dy = rounded(args.dy), p.delta = rounded(args.delta), p.z = rounded(args.z);
  p.u = static_cast<const T*>(args.u.data);
  p.delta_bias = floats(args.delta_bias), p.A = floats(args.A), p.B = floats(args.B), p.C = floats(args.C);
  p.D = floats(args.D), p.state = floats(args.state);
  p.starts = floats(args.chunk_states);
  p.segments = segments;
  p.du_stride = args.du.row_stride, p.ddelta_stride = args.ddelta.row_stride, p.dz_stride = args.dz.row_stride;
  p.dB_stride = args.dB.row_stride, p.dC_stride = args.dC.row_stride, p.dy_stride = args.dy.row_stride;
  p.u_stride = args.u.row_stride, p.delta_stride = args.delta.row_stride, p.B_stride = args.B.row_stride;
  p.C_stride = args.C.row_stride, p.z_stride = args.z.row_stride;
  p.l = args.u.rows(), p.channels = args.A.columns(), p.n = static_cast<int>(args.A.rows());
  p.segment_count = static_cast<int>(args.segments.size());
  return p;
}

template <class T, class G>
void scan_backward(Stream& stream, const SelectiveScanBackwardArgs& args, int64_t longest) {
  constexpr int kBytes = sizeof(ScanBackwardShared<T, G>), kStartsBytes = sizeof(ScanStartsShared<T, G>);
  ScanBackwardProblem<T, G> p = problem_of<T, G>(args, on_gpu(stream, args.segments));
  const cudaStream_t to = handle(stream);
  const bool in_groups = in_groups_of_64(args) && allow_shared(scan_backward_kernel<T, G>, kBytes);
  const bool kept = in_groups && args.chunk_states;
  provide_scratch(stream, p, args.segments, in_groups, kept);
  const auto count = static_cast<unsigned>(p.segment_count);
  const dim3 grid(static_cast<unsigned>(p.groups), count);
  if (in_groups) {
    if (!kept) scan_starts_kernel<T, G><<<grid, kScanBackwardThreads, kStartsBytes, to>>>(p);
    scan_backward_kernel<T, G><<<grid, kScanBackwardThreads, kBytes, to>>>(p);
  } else {
    scan_backward_any_kernel<T, G><<<grid, kAnyScanChannels, 0, to>>>(p);
  }
  const dim3 rows(static_cast<unsigned>(ceil_div(longest * 2 * p.n, 256)), count);
  scan_group_sums_kernel<T, G><<<rows, 256, 0, to>>>(p);
  const dim3 channels(static_cast<unsigned>(ceil_div(p.channels, 128)), static_cast<unsigned>(p.n + 2));
  scan_segment_sums_kernel<T, G><<<channels, 128, 0, to>>>(p);
}

}  // namespace

void selective_scan_backward(Stream& stream, const SelectiveScanBackwardArgs& args) {
  int64_t longest = 0;
  for (const Segment& segment : args.segments) longest = std::max(longest, segment.length);
  if (longest == 0) return;
  if (args.u.dtype == DType::f32)
    scan_backward<float, float>(stream, args, longest);
  else
    with_f32_or<__nv_bfloat16>(args.delta.dtype,
                               [&]<class G>(G) { scan_backward<__nv_bfloat16, G>(stream, args, longest); });
  state_of(stream).launched("selective_scan_backward");
}

}  // namespace saker::cuda
