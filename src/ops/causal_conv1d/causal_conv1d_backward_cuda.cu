// A thread has one channel of a strip of a segment and walks forward through it with its last k inputs, its last k dc
// and its sums in registers (see causal_conv1d_backward_cpu.cpp: one walk is enough). It starts k - 1 tokens early, for
// the dc before the strip that reach inputs of the strip. Sums of strips, and gradients of the windows before segments,
// which lie where other strips still read those of the windows after, are put down in scratch memory; a second kernel
// adds up the former in the order of the strips and moves the latter.
//
// Bytes: du, x read and dx written once, 12 a token and channel, and 16 k / kConvStrip for the sums of strips: 0.5 of 4
// taps. 8,192 channels: 102 KB a token, 24 ns at 4.3 TB/s. About 35 FLOPs and 2 of the unit for exponentials each: 2
// and 4 ns.
#include <algorithm>

#include "device/cuda/intrinsics.cuh"
#include "device/cuda/launch.cuh"
#include "ops/causal_conv1d/causal_conv1d_backward.h"
#include "ops/gpu_scratch.h"

namespace saker::cuda {

namespace {

constexpr int kThreads = 128;

struct ConvBackwardProblem {
  float *dx, *dweight, *dbias, *dstate;         // dbias and dstate may be null
  const float *du, *x, *weight, *bias, *state;  // bias may be null
  float* sums;                                  // [strips, 2k, e]: dweight, dbias, window gradients
  const Segment* segments;
  int64_t dx_stride, du_stride, x_stride, channels;
  int segment_count;
};

template <int kTaps>
__global__ void __launch_bounds__(kThreads) conv_backward_kernel(const ConvBackwardProblem p) {
  constexpr int kWindow = kTaps - 1, kAhead = 4;
  const int64_t e = blockIdx.x * int64_t{kThreads} + threadIdx.x;
  const Segment segment = p.segments[blockIdx.z];
  const int64_t begin = blockIdx.y * kConvStrip, end = min(begin + kConvStrip, segment.length);
  if (e >= p.channels || begin >= end) return;

  float weight[kTaps], dweight[kTaps] = {}, dbias = 0.0f;
#pragma unroll
  for (int j = 0; j < kTaps; ++j) weight[j] = p.weight[j * p.channels + e];
  const float bias = p.bias ? p.bias[e] : 0.0f;
  const int64_t window = segment.slot * kWindow * p.channels + e;
  float* const sums =
      p.sums + (first_chunk_row(segment, blockIdx.z, kConvStrip) + blockIdx.y) * 2 * kTaps * p.channels + e;

  // Input i of [window before | segment]; its gradient.
  const auto input = [&](int64_t i) {
    if (i >= kWindow) return p.x[(segment.begin + i - kWindow) * p.x_stride + e];
    return segment.slot >= 0 ? p.state[window + i * p.channels] : 0.0f;
  };
  const auto store = [&](int64_t i, float gradient) {
    if (i >= kWindow)
      p.dx[(segment.begin + i - kWindow) * p.dx_stride + e] = gradient;
    else
      sums[(kTaps + 1 + i) * p.channels] = gradient;
  };

  // Before token t: inputs[j] is input t + j, and dc[j] that of token t - 1 - j.
  const int64_t first = max(begin - kWindow, int64_t{0});
  float inputs[kTaps], dc[kTaps] = {};
#pragma unroll
  for (int j = 0; j < kWindow; ++j) inputs[j] = input(first + j);
  const auto push = [&](float value) {
#pragma unroll
    for (int j = kWindow; j > 0; --j) dc[j] = dc[j - 1];
    dc[0] = value;
  };
  const auto reaching_input = [&] {
    float sum = weight[0] * dc[0];
#pragma unroll
    for (int j = 1; j < kTaps; ++j) sum = fmaf(weight[j], dc[j], sum);
    return sum;
  };

  // Rows are read kAhead at a time, before the ones before are finished.
  float next_x[kAhead] = {}, next_du[kAhead] = {};
  const auto load = [&](int64_t t) {
#pragma unroll
    for (int i = 0; i < kAhead; ++i)
      if (t + i < end) {
        next_x[i] = p.x[(segment.begin + t + i) * p.x_stride + e];
        next_du[i] = p.du[(segment.begin + t + i) * p.du_stride + e];
      }
  };
  load(first);
  for (int64_t t0 = first; t0 < end; t0 += kAhead) {
    float x[kAhead], du[kAhead];
#pragma unroll
    for (int i = 0; i < kAhead; ++i) x[i] = next_x[i], du[i] = next_du[i];
    load(t0 + kAhead);
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      const int64_t t = t0 + i;
      if (t >= end) break;
      inputs[kWindow] = x[i];
      float c = bias;
#pragma unroll
      for (int j = 0; j < kTaps; ++j) c = fmaf(weight[j], inputs[j], c);
      push(du[i] * silu_with_slope(c).y);
      if (t >= begin) {
#pragma unroll
        for (int j = 0; j < kTaps; ++j) dweight[j] = fmaf(dc[0], inputs[j], dweight[j]);
        dbias += dc[0];
        store(t, reaching_input());
      }
#pragma unroll
      for (int j = 0; j < kWindow; ++j) inputs[j] = inputs[j + 1];
    }
  }
  // The last k - 1 inputs: what reaches them through the window after the segment, too.
  if (end == segment.length) {
#pragma unroll
    for (int j = 0; j < kWindow; ++j) {
      push(0.0f);
      const float after = p.dstate && segment.slot >= 0 ? p.dstate[window + j * p.channels] : 0.0f;
      store(segment.length + j, reaching_input() + after);
    }
  }
#pragma unroll
  for (int j = 0; j < kTaps; ++j) sums[j * p.channels] = dweight[j];
  sums[kTaps * p.channels] = dbias;
}

// Row blockIdx.y of the sums of all strips.
__global__ void __launch_bounds__(kThreads) conv_backward_sums_kernel(const ConvBackwardProblem p, int taps) {
  const int64_t e = blockIdx.x * int64_t{kThreads} + threadIdx.x;
  const int row = blockIdx.y, window = row - taps - 1;
  float* const to = row < taps ? p.dweight + row * p.channels : row == taps ? p.dbias : p.dstate;
  if (e >= p.channels || !to) return;
  float sum = 0.0f;
  for (int s = 0; s < p.segment_count; ++s) {
    const Segment segment = p.segments[s];
    const float* from = p.sums + (first_chunk_row(segment, s, kConvStrip) * 2 * taps + row) * p.channels + e;
    if (window < 0) {
#pragma unroll 4
      for (int64_t t = 0; t < segment.length; t += kConvStrip, from += 2 * taps * p.channels) sum += *from;
    } else if (segment.slot >= 0 && segment.length > 0) {
      to[(segment.slot * (taps - 1) + window) * p.channels + e] = *from;
    }
  }
  if (window < 0) to[e] += sum;
}

}  // namespace

void causal_conv1d_backward(Stream& stream, const CausalConv1dBackwardArgs& args) {
  const int64_t e = args.weight.columns(), k = args.weight.rows();
  const auto count = static_cast<int64_t>(args.segments.size());
  int64_t longest = 0;
  for (const Segment& segment : args.segments) longest = std::max(longest, segment.length);
  if (longest == 0) return;
  const ConvBackwardProblem problem{
      static_cast<float*>(args.dx.data),
      static_cast<float*>(args.dweight.data),
      static_cast<float*>(args.dbias.data),
      static_cast<float*>(args.dstate.data),
      static_cast<const float*>(args.du.data),
      static_cast<const float*>(args.x.data),
      static_cast<const float*>(args.weight.data),
      static_cast<const float*>(args.bias.data),
      static_cast<const float*>(args.state.data),
      static_cast<float*>(stream.gpu().scratch(conv_backward_scratch_bytes(args.x.rows(), count, k, e))),
      on_gpu(stream, args.segments),
      args.dx.row_stride,
      args.du.row_stride,
      args.x.row_stride,
      e,
      static_cast<int>(count)};
  const auto blocks = static_cast<unsigned>(ceil_div(e, kThreads));
  const dim3 grid(blocks, static_cast<unsigned>(ceil_div(longest, kConvStrip)), static_cast<unsigned>(count));
  const auto launch = [&](auto kernel) { kernel<<<grid, kThreads, 0, handle(stream)>>>(problem); };
  switch (k) {
    case 2: launch(conv_backward_kernel<2>); break;
    case 3: launch(conv_backward_kernel<3>); break;
    case 4: launch(conv_backward_kernel<4>); break;
    case 5: launch(conv_backward_kernel<5>); break;
    case 6: launch(conv_backward_kernel<6>); break;
    case 7: launch(conv_backward_kernel<7>); break;
    default: launch(conv_backward_kernel<8>);
  }
  const dim3 rows(blocks, static_cast<unsigned>(2 * k));
  conv_backward_sums_kernel<<<rows, kThreads, 0, handle(stream)>>>(problem, static_cast<int>(k));
  state_of(stream).launched("causal_conv1d_backward");
}

}  // namespace saker::cuda
