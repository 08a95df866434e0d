#include "device/cuda/intrinsics.cuh"
#include "device/cuda/launch.cuh"
#include "device/cuda/partial_sums.cuh"
#include "device/cuda/vectors.cuh"
#include "ops/gpu_scratch.h"
#include "ops/rms_norm/rms_norm_backward.h"

namespace saker::cuda {

namespace {

template <class T>
struct NormBackward {
  float* dx;               // [l, c]
  __nv_bfloat16* rounded;  // [l, c] or null
  float* partial;          // [groups, c], or null: no dweight
  const T* dy;             // [l, c]
  const float* x;          // [l, c]
  const float* weight;     // [c] or null
  int64_t dx_stride, rounded_stride, dy_stride, x_stride;
  int64_t l, c, rows;  // rows of a group
  float eps;
  bool accumulate;
};

template <int kThreads>
__device__ __forceinline__ float row_sum(float value, float* shared) {
  if constexpr (kThreads == 32)
    return warp_sum(value);
  else
    return block_sum<kThreads>(value, shared);
}

template <int kWidth>
__device__ __forceinline__ Vector<float, kWidth> weight_at(const float* weight, int64_t i) {
  if (weight) return load_vector<kWidth>(weight + i);
  Vector<float, kWidth> ones;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) ones.at[k] = 1.0f;
  return ones;
}

// What a row has in common: r, and r^2 mean(x g).
struct RowFactors {
  float r, share;
};

// Adds the gradient of kWidth elements to `dx`, and their part of dweight to `dweight`.
template <int kWidth>
__device__ __forceinline__ void differentiate(Vector<float, kWidth>& dx, Vector<float, kWidth>& dweight,
                                              const Vector<float, kWidth>& dy, const Vector<float, kWidth>& x,
                                              const Vector<float, kWidth>& weight, const RowFactors& row) {
#pragma unroll
  for (int k = 0; k < kWidth; ++k) {
    dx.at[k] += row.r * fmaf(-x.at[k], row.share, weight.at[k] * dy.at[k]);
    dweight.at[k] = fmaf(dy.at[k] * x.at[k], row.r, dweight.at[k]);
  }
}

// kThreads threads for a group of rows, one after the other; kGroups groups in a block. Of x and dy, kHeld vectors a
// thread, and dx if it is added to, stay in registers between the sums and the gradients, as does their part of the
// group's dweight; what is beyond is read again, and its part of dweight is in memory. Bytes: 8 + sizeof(T) an element,
// 4 more if added to dx, 2 more if rounded.
template <class T, int kThreads, int kGroups, int kHeld, int kWidth>
__global__ void __launch_bounds__(kThreads* kGroups, kThreads == 128 ? 8 : 1)
    rms_norm_backward_kernel(const NormBackward<T> p) {
  using Values = Vector<float, kWidth>;
  __shared__ float shared[kThreads / 32];
  const int64_t group = blockIdx.x * int64_t{kGroups} + threadIdx.y, begin = group * p.rows;
  const int64_t end = begin + p.rows < p.l ? begin + p.rows : p.l;
  const auto held_at = [](int j) { return (j * kThreads + static_cast<int>(threadIdx.x)) * kWidth; };
  constexpr int kStep = kThreads * kWidth;
  float* const partial = p.partial ? p.partial + group * p.c : nullptr;
  Values dweight[kHeld] = {};

  for (int64_t t = begin; t < end; ++t) {
    const float* const x = p.x + t * p.x_stride;
    const T* const dy = p.dy + t * p.dy_stride;
    float* const dx = p.dx + t * p.dx_stride;
    const auto before = [&](int64_t i) { return p.accumulate ? load_vector<kWidth>(dx + i) : Values{}; };
    const auto store = [&](int64_t i, const Values& gradient) {
      store_vector(dx + i, gradient);
      if (p.rounded) store_vector(p.rounded + t * p.rounded_stride + i, rounded<__nv_bfloat16>(gradient));
    };
    Values x_held[kHeld] = {}, dx_held[kHeld] = {};
    Vector<T, kWidth> dy_held[kHeld] = {};
#pragma unroll
    for (int j = 0; j < kHeld; ++j)
      if (held_at(j) < p.c) {
        x_held[j] = load_vector<kWidth>(x + held_at(j));
        dy_held[j] = load_vector<kWidth>(dy + held_at(j));
        dx_held[j] = before(held_at(j));
      }
    float squares = 0.0f, products = 0.0f;
    const auto add = [&](const Values& x_part, const Values& dy_part, int64_t i) {
      const Values weight = weight_at<kWidth>(p.weight, i);
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        squares = fmaf(x_part.at[k], x_part.at[k], squares);
        products = fmaf(x_part.at[k], weight.at[k] * dy_part.at[k], products);
      }
    };
#pragma unroll
    for (int j = 0; j < kHeld; ++j)
      if (held_at(j) < p.c) add(x_held[j], widened(dy_held[j]), held_at(j));
#pragma unroll 1
    for (int64_t i = held_at(kHeld); i < p.c; i += kStep)
      add(load_vector<kWidth>(x + i), widened(load_vector<kWidth>(dy + i)), i);

    const auto count = static_cast<float>(p.c);
    const float r = 1.0f / sqrtf(row_sum<kThreads>(squares, shared) / count + p.eps);
    const RowFactors row{r, r * r * (row_sum<kThreads>(products, shared) / count)};
#pragma unroll
    for (int j = 0; j < kHeld; ++j)
      if (held_at(j) < p.c) {
        differentiate(dx_held[j], dweight[j], widened(dy_held[j]), x_held[j], weight_at<kWidth>(p.weight, held_at(j)),
                      row);
        store(held_at(j), dx_held[j]);
      }
#pragma unroll 1
    for (int64_t i = held_at(kHeld); i < p.c; i += kStep) {
      Values gradient = before(i), sum = {};
      if (partial && t > begin) sum = load_vector<kWidth>(partial + i);
      differentiate(gradient, sum, widened(load_vector<kWidth>(dy + i)), load_vector<kWidth>(x + i),
                    weight_at<kWidth>(p.weight, i), row);
      store(i, gradient);
      if (partial) store_vector(partial + i, sum);
    }
  }
  if (!partial || begin >= end) return;
#pragma unroll
  for (int j = 0; j < kHeld; ++j)
    if (held_at(j) < p.c) store_vector(partial + held_at(j), dweight[j]);
}

template <int kThreads, int kGroups, int kHeld, int kWidth, class T>
void launch(Stream& stream, const NormBackward<T>& problem, int64_t groups) {
  rms_norm_backward_kernel<T, kThreads, kGroups, kHeld, kWidth>
      <<<static_cast<unsigned>(ceil_div(groups, kGroups)), dim3(kThreads, kGroups), 0, handle(stream)>>>(problem);
}

}  // namespace

void rms_norm_backward(Stream& stream, const RmsNormBackwardArgs& args) {
  const int64_t l = args.x.rows(), c = args.x.columns();
  const RowGroups groups = args.dweight ? row_groups(l) : RowGroups{.each = 1, .count = l};
  float* partial = nullptr;
  if (args.dweight) partial = static_cast<float*>(stream.gpu().scratch(row_sums_scratch_bytes(l, c)));
  with_f32_or<__nv_bfloat16>(args.dy.dtype, [&]<class T>(T) {
    const NormBackward<T> problem{.dx = static_cast<float*>(args.dx.data),
                                  .rounded = static_cast<__nv_bfloat16*>(args.rounded.data),
                                  .partial = partial,
                                  .dy = static_cast<const T*>(args.dy.data),
                                  .x = static_cast<const float*>(args.x.data),
                                  .weight = static_cast<const float*>(args.weight.data),
                                  .dx_stride = args.dx.row_stride,
                                  .rounded_stride = args.rounded.row_stride,
                                  .dy_stride = args.dy.row_stride,
                                  .x_stride = args.x.row_stride,
                                  .l = l,
                                  .c = c,
                                  .rows = groups.each,
                                  .eps = static_cast<float>(args.eps),
                                  .accumulate = args.accumulate};
    with_width(are_fours(c, {args.dx, args.rounded, args.dy, args.x, args.weight}), [&](auto width) {
      constexpr int kWidth = width();
      if (c <= 128)
        launch<32, 8, 4 / kWidth, kWidth>(stream, problem, groups.count);
      else if (c <= 1024)
        launch<128, 1, 8 / kWidth, kWidth>(stream, problem, groups.count);
      else
        launch<256, 1, 16 / kWidth, kWidth>(stream, problem, groups.count);
    });
  });
  state_of(stream).launched("rms_norm_backward_kernel");
  if (args.dweight) add_partial_sums(stream, static_cast<float*>(args.dweight.data), partial, groups.count, c);
}

}  // namespace saker::cuda
