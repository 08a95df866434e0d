#include "device/cuda/intrinsics.cuh"
#include "device/cuda/launch.cuh"
#include "device/cuda/vectors.cuh"
#include "ops/causal_conv1d/causal_conv1d.h"
#include "ops/causal_conv1d/causal_conv1d_kernels.cuh"

namespace saker::cuda {

namespace {

constexpr int kThreads = 128, kMaxTaps = 8;

// A thread has one channel of one segment and walks over its rows, the window in registers.
template <class X, class T>
__global__ void __launch_bounds__(kThreads)
    causal_conv1d_any(T* u, int64_t u_stride, float* state, const X* x, int64_t x_stride, const float* weight,
                      const float* bias, const Segment* segments, int k, int64_t channels) {
  const int64_t e = blockIdx.x * int64_t{kThreads} + threadIdx.x;
  if (e >= channels) return;
  const Segment segment = segments[blockIdx.y];
  if (segment.length == 0) return;
  float taps[kMaxTaps], window[kMaxTaps] = {};
#pragma unroll
  for (int j = 0; j < kMaxTaps; ++j) taps[j] = j < k ? weight[j * channels + e] : 0.0f;
  float* const slot = state + segment.slot * (k - 1) * channels + e;
  // The window ends at place k - 2; place k - 1 is the current input.
  for (int j = 0; j < kMaxTaps; ++j)
    if (j < k - 1 && segment.slot >= 0) window[j] = slot[j * channels];
  for (int64_t t = segment.begin; t < segment.begin + segment.length; ++t) {
    float c = bias ? bias[e] : 0.0f;
    const float input = widen(x[t * x_stride + e]);
#pragma unroll
    for (int j = 0; j < kMaxTaps; ++j) {
      if (j == k - 1) window[j] = input;
      if (j < k) c = fmaf(taps[j], window[j], c);
    }
    u[t * u_stride + e] = round_to<T>(c / (1.0f + expf(-c)));
#pragma unroll
    for (int j = 0; j + 1 < kMaxTaps; ++j) window[j] = window[j + 1];
  }
  if (segment.slot >= 0)
    for (int j = 0; j < kMaxTaps; ++j)
      if (j < k - 1) slot[j * channels] = window[j];
}

// The kernel for 4 taps; false where it does not serve these arguments.
template <class X, class T>
bool conv_4(Stream& stream, const CausalConv1dArgs& args, const Segment* segments) {
  constexpr bool kSixteen = sizeof(X) == 2;
  constexpr int kTaps = 4, kAhead = kSixteen ? 8 : 4;
  const int64_t channels = args.weight.columns(), l = args.x.rows();
  if (l == 0) return true;
  static_assert(kVector == 4);
  if (args.weight.rows() != kTaps) return false;
  if (!are_fours(channels, {args.u, args.state, args.x, args.weight, args.bias})) return false;
  // Long strips read the window again less often; short ones fill the GPU.
  const int strip = l < 2048 ? 1 : kSixteen ? 64 : 16;
  const ConvProblem<X, T> problem{static_cast<T*>(args.u.data),
                                  static_cast<float*>(args.state.data),
                                  static_cast<const X*>(args.x.data),
                                  static_cast<const float*>(args.weight.data),
                                  static_cast<const float*>(args.bias.data),
                                  segments,
                                  args.u.row_stride,
                                  args.x.row_stride,
                                  static_cast<int>(args.segments.size()),
                                  static_cast<int>(channels),
                                  strip};
  const dim3 grid(static_cast<unsigned>(ceil_div(channels, kThreads * kVector)),
                  static_cast<unsigned>(ceil_div(l, strip)));
  causal_conv1d_kernel<X, T, kTaps, kAhead><<<grid, kThreads, 0, handle(stream)>>>(problem);
  return true;
}

}  // namespace

void causal_conv1d(Stream& stream, const CausalConv1dArgs& args) {
  const int64_t channels = args.weight.columns();
  if (args.segments.empty()) return;
  const Segment* segments = on_gpu(stream, args.segments);
  const dim3 grid(static_cast<unsigned>(ceil_div(channels, kThreads)), static_cast<unsigned>(args.segments.size()));
  with_element(args.u.dtype, [&]<class T>(T) {
    with_f32_or<T>(args.x.dtype, [&]<class X>(X) {
      if (conv_4<X, T>(stream, args, segments)) return;
      causal_conv1d_any<<<grid, kThreads, 0, handle(stream)>>>(
          static_cast<T*>(args.u.data), args.u.row_stride, static_cast<float*>(args.state.data),
          static_cast<const X*>(args.x.data), args.x.row_stride, static_cast<const float*>(args.weight.data),
          static_cast<const float*>(args.bias.data), segments, static_cast<int>(args.weight.rows()), channels);
    });
  });
  state_of(stream).launched("causal_conv1d");
}

}  // namespace saker::cuda
