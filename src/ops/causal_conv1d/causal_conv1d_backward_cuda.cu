// A thread has one channel of a strip of a segment, or two of bf16, and walks forward through it with its last k
// inputs, its last k dc and its sums in registers (see causal_conv1d_backward_cpu.cpp: one walk is enough). It starts
// early, by k - 1 tokens, for the dc before the strip that reach inputs of the strip. Sums of strips, and gradients of
// the windows before segments, which lie where other strips still read those of the windows after, are put down in
// scratch memory; a second kernel adds up the former in a fixed order and moves the latter.
//
// Bytes: du, x read and dx written once, 12 a token and channel or 6 in bf16. Of 4 taps a strip reads 9 rows of its
// neighbour again, 0.14 in bf16, and its sums are written and read, 0.31. At 4.2 TB/s, in bf16:
//   tokens, channels   blocks      MB    us
//   65,536, 1,536       3,072     650   155
//   65,536, 1,024       2,048     433   103
//    8,192, 8,192       2,048     434   103
// With 64 registers 8 blocks of 128 threads are on a multiprocessor, so that the blocks are 2.9 and 1.9 times what 132
// of them hold. On their way are 4 rows of x and du a thread, 32 KB; reads of 2.8 TB/s and 1 us of latency ask for 21.
// A token and channel takes 30 instructions in bf16, 2 of them of the unit for exponentials: 95 us of the 155 at 128 a
// cycle and 1.9 GHz. The sums: 16 loads of a thread at once, 3 us of latency for the 544 places of 32 segments of
// 2,048.
#include <algorithm>

#include "device/cuda/launch.cuh"
#include "device/cuda/vectors.cuh"
#include "ops/causal_conv1d/causal_conv1d_backward.h"
#include "ops/gpu_scratch.h"

namespace saker::cuda {

namespace {

constexpr int kThreads = 128, kRows = 4;  // rows that are read ahead
static_assert(kConvStrip >= 2 * 7, "what a strip reads before itself belongs to its segment");

struct ConvSums {
  float *dweight, *dbias, *dstate;  // dbias and dstate may be null
  float* strips;                    // [places, 2k, e]: dweight, dbias, window gradients
  const Segment* segments;
  int64_t channels, place_count;
  int segment_count;
};

template <class T>
struct ConvBackwardProblem {
  T* dx;
  const T *du, *x;
  const float *weight, *bias, *state;      // bias may be null
  int64_t dx_stride, du_stride, x_stride;  // bytes
  ConvSums to;
};

// A row's channels of a thread, in one register until they are used: as elements of 16 bits they would be taken apart
// where they are loaded, and the load waited for there.
template <class T, int kWidth>
using RowWord = Word<sizeof(T) * kWidth>;

template <class T, int kWidth>
__device__ __forceinline__ RowWord<T, kWidth> load_row(const T* from) {
  return *reinterpret_cast<const RowWord<T, kWidth>*>(from);
}
template <class T, int kWidth>
__device__ __forceinline__ Vector<float, kWidth> widened_row(RowWord<T, kWidth> word) {
  if constexpr (sizeof(T) == 2 && kWidth == 2)
    return {__uint_as_float(word << 16), __uint_as_float(word & 0xffff0000u)};
  Vector<T, kWidth> row;
  memcpy(&row, &word, sizeof row);
  return widened(row);
}

template <class T>
__device__ __forceinline__ T* moved(T* pointer, int64_t bytes) {
  using Byte = std::conditional_t<std::is_const_v<T>, const char, char>;
  return reinterpret_cast<T*>(reinterpret_cast<Byte*>(pointer) + bytes);
}

template <class T, int kTaps, int kWidth>
__global__ void __launch_bounds__(kThreads, kTaps <= 4 ? 8 : 4) conv_backward_kernel(const ConvBackwardProblem<T> p) {
  using Values = Vector<float, kWidth>;
  using Row = RowWord<T, kWidth>;
  constexpr int kWindow = kTaps - 1;
  const int64_t e = (blockIdx.x * int64_t{kThreads} + threadIdx.x) * kWidth, channels = p.to.channels;
  const Segment segment = p.to.segments[blockIdx.z];
  const int64_t begin = blockIdx.y * kConvStrip;
  if (e >= channels || begin >= segment.length) return;
  const int count = static_cast<int>(min(kConvStrip, segment.length - begin));
  // The rows to be read next, and to be written: those of the strip's first token and of k - 1 tokens before.
  const T* x = moved(p.x, (segment.begin + begin) * p.x_stride) + e;
  const T* du = moved(p.du, (segment.begin + begin) * p.du_stride) + e;
  T* dx = moved(p.dx, (segment.begin + begin - kWindow) * p.dx_stride) + e;

  // The next rows of the strip, which are on their way.
  Row x_rows[kRows] = {}, du_rows[kRows] = {};
  const auto read_row = [&](int i) {
    x_rows[i] = load_row<T, kWidth>(x);
    du_rows[i] = load_row<T, kWidth>(du);
    x = moved(x, p.x_stride), du = moved(du, p.du_stride);
  };
#pragma unroll
  for (int i = 0; i < kRows; ++i)
    if (i < count) read_row(i);

  Values weight[kTaps], bias = {}, dweight[kTaps] = {}, dbias = {};
#pragma unroll
  for (int j = 0; j < kTaps; ++j) weight[j] = load_vector<kWidth>(p.weight + j * channels + e);
  if (p.bias) bias = load_vector<kWidth>(p.bias + e);
  const int slot = static_cast<int>(segment.slot);
  const auto in_window = [&](int j) { return (int64_t{slot} * kWindow + j) * channels + e; };
  float* const sums =
      p.to.strips + (first_chunk_row(segment, blockIdx.z, kConvStrip) + blockIdx.y) * 2 * kTaps * channels + e;

  // Before token t: inputs[j] is input t + j of [window before | segment], and dc[j] that of token t - 1 - j.
  Values inputs[kTaps], dc[kTaps] = {};
  const auto push = [&](const Values& value) {
#pragma unroll
    for (int j = kWindow; j > 0; --j) dc[j] = dc[j - 1];
    dc[0] = value;
  };
  const auto differentiate = [&](Row input, Row gradient) {
    inputs[kWindow] = widened_row<T, kWidth>(input);
    Values value = widened_row<T, kWidth>(gradient);
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

  if (begin > 0) {
    // The tokens before the strip, for their dc alone.
    const T* x_from = moved(p.x, (segment.begin + begin - 2 * kWindow) * p.x_stride) + e;
    const T* du_from = moved(p.du, (segment.begin + begin - kWindow) * p.du_stride) + e;
    Row x_before[2 * kWindow], du_before[kWindow];
#pragma unroll
    for (int j = 0; j < 2 * kWindow; ++j) x_before[j] = load_row<T, kWidth>(moved(x_from, j * p.x_stride));
#pragma unroll
    for (int j = 0; j < kWindow; ++j) du_before[j] = load_row<T, kWidth>(moved(du_from, j * p.du_stride));
#pragma unroll
    for (int j = 0; j < kWindow; ++j) inputs[j] = widened_row<T, kWidth>(x_before[j]);
#pragma unroll
    for (int j = 0; j < kWindow; ++j) {
      differentiate(x_before[kWindow + j], du_before[j]);
      forget_oldest();
    }
  } else {
#pragma unroll
    for (int j = 0; j < kWindow; ++j) {
      inputs[j] = {};
      if (slot >= 0) inputs[j] = load_vector<kWidth>(p.state + in_window(j));
    }
  }

  const auto finish = [&] {
    forget_oldest();
    dx = moved(dx, p.dx_stride);
  };
  // So many tokens of the strip, where all inputs that become complete are the segment's.
  const auto walk = [&] {
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      differentiate(x_rows[i], du_rows[i]);
      read_row(i);
      add_to_sums();
      store_vector(dx, rounded<T>(reaching_input({})));
      finish();
    }
  };
  // A token anywhere; behind the segment, none, but inputs there are the window after it.
  const auto step = [&](int t) {
    Values after = {};
    if (t < count) {
      differentiate(x_rows[0], du_rows[0]);
      add_to_sums();
#pragma unroll
      for (int i = 0; i + 1 < kRows; ++i) x_rows[i] = x_rows[i + 1], du_rows[i] = du_rows[i + 1];
      if (t + kRows < count) read_row(kRows - 1);
    } else {
      push({});
      if (p.to.dstate && slot >= 0) after = load_vector<kWidth>(p.to.dstate + in_window(t - count));
    }
    const Values gradient = reaching_input(after);
    if (begin > 0 || t >= kWindow)
      store_vector(dx, rounded<T>(gradient));
    else
      store_vector(sums + (kTaps + 1 + t) * channels, gradient);
    finish();
  };
  const int last = begin + count == segment.length ? count + kWindow : count;
#pragma unroll 1
  for (int t = 0; t < last; ++t) {
    if (begin > 0 || t >= kWindow)
#pragma unroll 1
      for (; t + 2 * kRows <= count; t += kRows) walk();
    step(t);
  }
#pragma unroll
  for (int j = 0; j < kTaps; ++j) store_vector(sums + j * channels, dweight[j]);
  store_vector(sums + kTaps * channels, dbias);
}

// Whether scratch memory has sums in this place of a strip: a segment may have one place more than strips.
__device__ bool is_strip(const ConvSums& p, int64_t place) {
  int behind = 0;  // the first segment whose strips begin behind it
  for (int end = p.segment_count; behind < end;) {
    const int middle = (behind + end) / 2;
    if (first_chunk_row(p.segments[middle], middle, kConvStrip) > place)
      end = middle;
    else
      behind = middle + 1;
  }
  if (behind == 0) return false;
  const Segment segment = p.segments[behind - 1];
  return (place - first_chunk_row(segment, behind - 1, kConvStrip)) * kConvStrip < segment.length;
}

constexpr int kSumChannels = 32, kParts = 16, kPlaces = 1024, kAhead = 16;
static_assert(kPlaces % (kAhead * kParts) == 0);

// A block for 32 channels of row blockIdx.y of all strips. Each of 16 rows of threads adds up every 16th place, in
// ascending order, and the first then the parts.
__global__ void __launch_bounds__(kSumChannels* kParts, 3) conv_backward_sums_kernel(const ConvSums p, int taps) {
  __shared__ float parts[kParts][kSumChannels];
  __shared__ bool is_used[kPlaces];
  const int64_t e = blockIdx.x * int64_t{kSumChannels} + threadIdx.x;
  const int row = blockIdx.y, window = row - taps - 1;
  float* const to = row < taps ? p.dweight + row * p.channels : row == taps ? p.dbias : p.dstate;
  if (!to) return;
  const bool inside = e < p.channels;
  const auto strip_row = [&](int64_t place) { return p.strips + (place * 2 * taps + row) * p.channels + e; };
  if (window >= 0) {
    for (int s = threadIdx.y; inside && s < p.segment_count; s += kParts) {
      const Segment segment = p.segments[s];
      if (segment.slot >= 0 && segment.length > 0)
        to[(segment.slot * (taps - 1) + window) * p.channels + e] = *strip_row(first_chunk_row(segment, s, kConvStrip));
    }
    return;
  }
  const bool adds = threadIdx.y == 0 && inside;
  const float before = adds ? to[e] : 0.0f;
  const float* from = strip_row(threadIdx.y);
  const int64_t step = int64_t{kParts} * 2 * taps * p.channels;
  float sum = 0.0f;
  for (int64_t first = 0; first < p.place_count; first += kPlaces) {
    __syncthreads();
    for (int i = threadIdx.y * kSumChannels + threadIdx.x; i < kPlaces; i += kParts * kSumChannels)
      is_used[i] = first + i < p.place_count && is_strip(p, first + i);
    __syncthreads();
    const int count = static_cast<int>(min(int64_t{kPlaces}, p.place_count - first));
    for (int i = threadIdx.y; inside && i < count; i += kAhead * kParts) {
      float values[kAhead];
#pragma unroll
      for (int j = 0; j < kAhead; ++j, from += step) values[j] = is_used[i + j * kParts] ? *from : 0.0f;
#pragma unroll
      for (const float value : values) sum += value;
    }
  }
  parts[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (!adds) return;
  float total = 0.0f;
#pragma unroll
  for (int part = 0; part < kParts; ++part) total += parts[part][threadIdx.x];
  to[e] = before + total;
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
      .place_count = chunk_row_count(x.rows(), count, kConvStrip),
      .segment_count = static_cast<int>(count)};
  with_f32_or<__nv_bfloat16>(x.dtype, [&]<class T>(T) {
    const ConvBackwardProblem<T> problem{.dx = static_cast<T*>(dx.data),
                                         .du = static_cast<const T*>(du.data),
                                         .x = static_cast<const T*>(x.data),
                                         .weight = static_cast<const float*>(weight.data),
                                         .bias = static_cast<const float*>(bias.data),
                                         .state = static_cast<const float*>(state.data),
                                         .dx_stride = dx.row_stride * int64_t{sizeof(T)},
                                         .du_stride = du.row_stride * int64_t{sizeof(T)},
                                         .x_stride = x.row_stride * int64_t{sizeof(T)},
                                         .to = to};
    if constexpr (sizeof(T) == 2)
      if (are_vectors<2>(e, {dx, du, x, weight, bias, state, dstate})) return launch<T, 2>(stream, problem, k, longest);
    launch<T, 1>(stream, problem, k, longest);
  });
  const dim3 rows(static_cast<unsigned>(ceil_div(e, kSumChannels)), static_cast<unsigned>(dstate ? 2 * k : k + 1));
  conv_backward_sums_kernel<<<rows, dim3(kSumChannels, kParts), 0, handle(stream)>>>(to, static_cast<int>(k));
  state_of(stream).launched("causal_conv1d_backward");
}

}  // namespace saker::cuda
