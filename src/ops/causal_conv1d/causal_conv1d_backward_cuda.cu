// A thread has one channel of a strip of a segment, or two of bf16, and walks forward through it with its last k
// inputs, its last k dc and its sums in registers (see causal_conv1d_backward_cpu.cpp: one walk is enough). It starts
// early, by k - 1 tokens, for the dc before the strip that reach inputs of the strip. Sums of strips, and gradients of
// the windows before segments, which lie where other strips still read those of the windows after, are put down in
// scratch memory; a second kernel adds up the former in a fixed order and moves the latter.
//
// Bytes: du, x read and dx written once, 12 a token and channel or 6 in bf16, and 8 (k + 1) / kConvStrip for the sums
// of strips: 0.3 of 4 taps. 8,192 channels in bf16: 52 KB a token, 12 ns at 4.3 TB/s. On their way are 8 rows of x and
// du a thread, 64 bytes in bf16, 40 KB with the 640 threads that a multiprocessor holds; 4.3 TB/s and 1 us of latency
// ask for 33 KB. In bf16 a token and channel takes 38 instructions, 2 of them of the unit for exponentials: at 128 a
// cycle and 1.8 GHz 0.16 ns of a multiprocessor, beside 0.19 ns for its bytes.
#include <algorithm>

#include "device/cuda/launch.cuh"
#include "device/cuda/vectors.cuh"
#include "ops/causal_conv1d/causal_conv1d_backward.h"
#include "ops/gpu_scratch.h"

namespace saker::cuda {

namespace {

constexpr int kThreads = 128, kRows = 4;  // rows of a group that is read ahead
static_assert(kConvStrip >= 2 * 7, "what a strip reads before itself belongs to its segment");

struct ConvSums {
  float *dweight, *dbias, *dstate;  // dbias and dstate may be null
  float* strips;                    // [strips, 2k, e]: dweight, dbias, window gradients
  const Segment* segments;
  int64_t channels;
  int segment_count;
};

template <class T>
struct ConvBackwardProblem {
  T* dx;
  const T *du, *x;
  const float *weight, *bias, *state;  // bias may be null
  int64_t dx_stride, du_stride, x_stride;
  ConvSums to;
};

template <class T, int kWidth>
struct RowGroup {
  Vector<T, kWidth> x[kRows], du[kRows];
};

template <class T, int kTaps, int kWidth>
__global__ void __launch_bounds__(kThreads, kTaps <= 4 ? 5 : 3) conv_backward_kernel(const ConvBackwardProblem<T> p) {
  using Values = Vector<float, kWidth>;
  constexpr int kWindow = kTaps - 1;
  const int64_t e = (blockIdx.x * int64_t{kThreads} + threadIdx.x) * kWidth, channels = p.to.channels;
  const Segment segment = p.to.segments[blockIdx.z];
  const int64_t begin = blockIdx.y * kConvStrip;
  if (e >= channels || begin >= segment.length) return;
  const int count = static_cast<int>(min(kConvStrip, segment.length - begin));

  Values weight[kTaps], bias = {}, dweight[kTaps] = {}, dbias = {};
#pragma unroll
  for (int j = 0; j < kTaps; ++j) weight[j] = load_vector<kWidth>(p.weight + j * channels + e);
  if (p.bias) bias = load_vector<kWidth>(p.bias + e);
  const int64_t window = segment.slot * kWindow * channels + e;
  float* const sums =
      p.to.strips + (first_chunk_row(segment, blockIdx.z, kConvStrip) + blockIdx.y) * 2 * kTaps * channels + e;
  // Of the strip's first token.
  const T* const x = p.x + (segment.begin + begin) * p.x_stride + e;
  const T* const du = p.du + (segment.begin + begin) * p.du_stride + e;
  T* const dx = p.dx + (segment.begin + begin) * p.dx_stride + e;

  // Before token t: inputs[j] is input t + j of [window before | segment], and dc[j] that of token t - 1 - j.
  Values inputs[kTaps], dc[kTaps] = {};
#pragma unroll
  for (int j = 0; j < kWindow; ++j) {
    inputs[j] = {};
    if (begin > 0)
      inputs[j] = widened(load_vector<kWidth>(x + (j - 2 * kWindow) * p.x_stride));
    else if (segment.slot >= 0)
      inputs[j] = load_vector<kWidth>(p.state + window + j * channels);
  }
  const auto push = [&](const Values& value) {
#pragma unroll
    for (int j = kWindow; j > 0; --j) dc[j] = dc[j - 1];
    dc[0] = value;
  };
  const auto differentiate = [&](const Vector<T, kWidth>& input, const Vector<T, kWidth>& gradient) {
    inputs[kWindow] = widened(input);
    Values value = widened(gradient);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      float c = bias.at[k];
#pragma unroll
      for (int j = 0; j < kTaps; ++j) c = fmaf(weight[j].at[k], inputs[j].at[k], c);
      value.at[k] *= silu_with_slope(c).y;
    }
    push(value);
  };
  const auto add_to_sums = [&] {
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
#pragma unroll
      for (int j = 0; j < kTaps; ++j) dweight[j].at[k] = fmaf(dc[0].at[k], inputs[j].at[k], dweight[j].at[k]);
      dbias.at[k] += dc[0].at[k];
    }
  };
  // Of input t, complete with the dc of token t.
  const auto reaching_input = [&](Values sum) {
#pragma unroll
    for (int k = 0; k < kWidth; ++k)
#pragma unroll
      for (int j = 0; j < kTaps; ++j) sum.at[k] = fmaf(weight[j].at[k], dc[j].at[k], sum.at[k]);
    return sum;
  };
  const auto forget_oldest = [&] {
#pragma unroll
    for (int j = 0; j < kWindow; ++j) inputs[j] = inputs[j + 1];
  };

  // A token where a strip begins or ends: before the strip (t < 0), for its dc alone; behind the segment, none, but
  // inputs there are the window after it.
  const auto step = [&](int t) {
    if (t < count)
      differentiate(load_vector<kWidth>(x + t * p.x_stride), load_vector<kWidth>(du + t * p.du_stride));
    else
      push({});
    if (t >= 0) {
      Values after = {};
      if (t < count)
        add_to_sums();
      else if (p.to.dstate && segment.slot >= 0)
        after = load_vector<kWidth>(p.to.dstate + window + (t - count) * channels);
      const Values gradient = reaching_input(after);
      if (begin > 0 || t >= kWindow)
        store_vector(dx + (t - kWindow) * p.dx_stride, rounded<T>(gradient));
      else
        store_vector(sums + (kTaps + 1 + t) * channels, gradient);
    }
    forget_oldest();
  };
  const int first = begin > 0 ? 0 : kWindow;
  const int last = begin + count == segment.length ? count + kWindow : count;

  // Two groups of rows are on their way; one is read again as soon as it has been used.
  const T *x_ahead = x + first * p.x_stride, *du_ahead = du + first * p.du_stride;
  T* to = dx + (first - kWindow) * p.dx_stride;
  const auto load = [&](RowGroup<T, kWidth>& rows, int from) {
#pragma unroll
    for (int i = 0; i < kRows; ++i, x_ahead += p.x_stride, du_ahead += p.du_stride)
      if (from + i < count) {
        rows.x[i] = load_vector<kWidth>(x_ahead);
        rows.du[i] = load_vector<kWidth>(du_ahead);
      }
  };
  const auto walk = [&](const RowGroup<T, kWidth>& rows) {
#pragma unroll
    for (int i = 0; i < kRows; ++i, to += p.dx_stride) {
      differentiate(rows.x[i], rows.du[i]);
      add_to_sums();
      store_vector(to, rounded<T>(reaching_input({})));
      forget_oldest();
    }
  };
  RowGroup<T, kWidth> even = {}, odd = {};
  load(even, first);
  load(odd, first + kRows);
#pragma unroll 1
  for (int t = begin > 0 ? -kWindow : 0; t < first; ++t) step(t);
  int t = first;
#pragma unroll 1
  for (; t + 2 * kRows <= count; t += 2 * kRows) {
    walk(even);
    load(even, t + 2 * kRows);
    walk(odd);
    load(odd, t + 3 * kRows);
  }
#pragma unroll 1
  for (; t < last; ++t) step(t);
#pragma unroll
  for (int j = 0; j < kTaps; ++j) store_vector(sums + j * channels, dweight[j]);
  store_vector(sums + kTaps * channels, dbias);
}

constexpr int kSumChannels = 32, kParts = 16;

// A block for 32 channels of row blockIdx.y of all strips. Each of 16 rows of threads adds up every 16th strip, in
// ascending order, the first then the parts.
__global__ void __launch_bounds__(kSumChannels* kParts) conv_backward_sums_kernel(const ConvSums p, int taps) {
  __shared__ float parts[kParts][kSumChannels];
  const int64_t e = blockIdx.x * int64_t{kSumChannels} + threadIdx.x;
  const int row = blockIdx.y, window = row - taps - 1;
  float* const to = row < taps ? p.dweight + row * p.channels : row == taps ? p.dbias : p.dstate;
  if (!to) return;
  const bool inside = e < p.channels;
  const auto strip_row = [&](int64_t strip) { return p.strips + (strip * 2 * taps + row) * p.channels + e; };
  if (window >= 0) {
    for (int s = threadIdx.y; inside && s < p.segment_count; s += kParts) {
      const Segment segment = p.segments[s];
      if (segment.slot >= 0 && segment.length > 0)
        to[(segment.slot * (taps - 1) + window) * p.channels + e] = *strip_row(first_chunk_row(segment, s, kConvStrip));
    }
    return;
  }
  float sum = 0.0f;
  for (int s = 0; inside && s < p.segment_count; ++s) {
    const Segment segment = p.segments[s];
    const int64_t first = first_chunk_row(segment, s, kConvStrip);
#pragma unroll 4
    for (int64_t strip = (threadIdx.y - first) & (kParts - 1); strip * kConvStrip < segment.length; strip += kParts)
      sum += *strip_row(first + strip);
  }
  parts[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y > 0 || !inside) return;
  float total = 0.0f;
#pragma unroll
  for (int part = 0; part < kParts; ++part) total += parts[part][threadIdx.x];
  to[e] += total;
}

template <class T, int kWidth>
void launch(Stream& stream, const ConvBackwardProblem<T>& problem, int64_t taps, int64_t longest) {
  const dim3 grid(static_cast<unsigned>(ceil_div(problem.to.channels, kThreads * kWidth)),
                  static_cast<unsigned>(ceil_div(longest, kConvStrip)),
                  static_cast<unsigned>(problem.to.segment_count));
  const auto go = [&](auto kernel) { kernel<<<grid, kThreads, 0, handle(stream)>>>(problem); };
  switch (taps) {
    case 2: return go(conv_backward_kernel<T, 2, kWidth>);
    case 3: return go(conv_backward_kernel<T, 3, kWidth>);
    case 4: return go(conv_backward_kernel<T, 4, kWidth>);
    case 5: return go(conv_backward_kernel<T, 5, kWidth>);
    case 6: return go(conv_backward_kernel<T, 6, kWidth>);
    case 7: return go(conv_backward_kernel<T, 7, kWidth>);
    default: return go(conv_backward_kernel<T, 8, kWidth>);
  }
}

}  // namespace

void causal_conv1d_backward(Stream& stream, const CausalConv1dBackwardArgs& args) {
  const auto& [dx, dweight, dbias, dstate, du, x, weight, bias, state, segments] = args;
  const int64_t e = weight.columns(), k = weight.rows();
  const auto count = static_cast<int64_t>(segments.size());
  int64_t longest = 0;
  for (const Segment& segment : segments) longest = std::max(longest, segment.length);
  if (longest == 0) return;
  const ConvSums to{
      .dweight = static_cast<float*>(dweight.data),
      .dbias = static_cast<float*>(dbias.data),
      .dstate = static_cast<float*>(dstate.data),
      .strips = static_cast<float*>(stream.gpu().scratch(conv_backward_scratch_bytes(x.rows(), count, k, e))),
      .segments = on_gpu(stream, segments),
      .channels = e,
      .segment_count = static_cast<int>(count)};
  with_f32_or<__nv_bfloat16>(x.dtype, [&]<class T>(T) {
    const ConvBackwardProblem<T> problem{.dx = static_cast<T*>(dx.data),
                                         .du = static_cast<const T*>(du.data),
                                         .x = static_cast<const T*>(x.data),
                                         .weight = static_cast<const float*>(weight.data),
                                         .bias = static_cast<const float*>(bias.data),
                                         .state = static_cast<const float*>(state.data),
                                         .dx_stride = dx.row_stride,
                                         .du_stride = du.row_stride,
                                         .x_stride = x.row_stride,
                                         .to = to};
    if constexpr (sizeof(T) == 2)
      if (are_vectors<2>(e, {dx, du, x, weight, bias, state, dstate})) return launch<T, 2>(stream, problem, k, longest);
    launch<T, 1>(stream, problem, k, longest);
  });
  const dim3 rows(static_cast<unsigned>(ceil_div(e, kSumChannels)), static_cast<unsigned>(2 * k));
  conv_backward_sums_kernel<<<rows, dim3(kSumChannels, kParts), 0, handle(stream)>>>(to, static_cast<int>(k));
  state_of(stream).launched("causal_conv1d_backward");
}

}  // namespace saker::cuda
