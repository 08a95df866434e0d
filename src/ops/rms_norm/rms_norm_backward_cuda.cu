#include "device/cuda/intrinsics.cuh"
#include "device/cuda/launch.cuh"
#include "device/cuda/partial_sums.cuh"
#include "device/cuda/vectors.cuh"
#include "ops/gpu_scratch.h"
#include "ops/rms_norm/rms_norm_backward.h"
#include "ops/rms_norm/row_threads.cuh"

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
  int64_t l, rows;  // rows of a group
  int c;
  float eps;
  bool accumulate;
};

template <class T, int kCount>
__device__ __forceinline__ Vector<T, kCount> as_vector(const Word<sizeof(T) * kCount>& word) {
  Vector<T, kCount> vector;
  memcpy(&vector, &word, sizeof vector);
  return vector;
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

// dweight of the rows of a group that one row of threads had, vectors `held`, to `partial`: of all, in their order.
template <class Threads, class Values>
__device__ __forceinline__ void add_up_group(float* partial, const Values (&held)[Threads::kHeld], int c) {
  if constexpr (Threads::kRows == 1) {
#pragma unroll
    for (int j = 0; j < Threads::kHeld; ++j)
      if (Threads::at(j) < c) store_vector(partial + Threads::at(j), held[j]);
  } else {
    __shared__ Values sums[Threads::kRows][Threads::kHeld * Threads::kThreads];
#pragma unroll
    for (int j = 0; j < Threads::kHeld; ++j) sums[threadIdx.y][j * Threads::kThreads + threadIdx.x] = held[j];
    __syncthreads();
    const auto thread = static_cast<int>(threadIdx.y * Threads::kThreads + threadIdx.x);
    for (int v = thread; v * Threads::kWidth < c; v += Threads::kBlock) {
      Values total = {};
#pragma unroll
      for (const auto& row : sums)
#pragma unroll
        for (int k = 0; k < Threads::kWidth; ++k) total.at[k] += row[v].at[k];
      store_vector(partial + v * Threads::kWidth, total);
    }
  }
}

// A block for a group of rows, kRows at a time. x, dy and, if it is added to, dx of a row stay in registers between the
// sums and the gradients, as do the parts of the group's dweight; of rows longer than they hold, the rest is read
// again, and its part of dweight is in memory. Bytes: 8 + sizeof(T) an element, 4 more if added to dx, 2 more if
// rounded.
template <class T, class Threads>
__global__ void __launch_bounds__(Threads::kBlock) rms_norm_backward_kernel(const NormBackward<T> p) {
  constexpr int kHeld = Threads::kHeld, kWidth = Threads::kWidth;
  using Values = Vector<float, kWidth>;
  __shared__ float shared[2][Threads::kWarps][2];
  const int64_t begin = blockIdx.x * p.rows, end = begin + p.rows < p.l ? begin + p.rows : p.l;
  float* const partial = p.partial ? p.partial + blockIdx.x * static_cast<int64_t>(p.c) : nullptr;
  Values dweight[kHeld] = {};

  for (int64_t first = begin; first < end; first += Threads::kRows) {
    const int64_t t = first + threadIdx.y;
    const int c = t < end ? p.c : 0;  // a row beyond the last takes part in the sums of its warp
    const float* const x = p.x + t * p.x_stride;
    const T* const dy = p.dy + t * p.dy_stride;
    float* const dx = p.dx + t * p.dx_stride;
    const auto before = [&](int i) { return p.accumulate ? load_vector<kWidth>(dx + i) : Values{}; };
    const auto store = [&](int i, const Values& gradient) {
      store_vector(dx + i, gradient);
      if (p.rounded) store_vector(p.rounded + t * p.rounded_stride + i, rounded<__nv_bfloat16>(gradient));
    };
    Values x_held[kHeld] = {}, dx_held[kHeld] = {};
    Word<sizeof(T) * kWidth> dy_held[kHeld] = {};  // two bf16 in a register, which are not waited for before the sums
#pragma unroll
    for (int j = 0; j < kHeld; ++j)
      if (Threads::at(j) < c) {
        x_held[j] = load_vector<kWidth>(x + Threads::at(j));
        dy_held[j] = *reinterpret_cast<const Word<sizeof(T) * kWidth>*>(dy + Threads::at(j));
        dx_held[j] = before(Threads::at(j));
      }
    float sums[2] = {};  // of x^2 and of x g
    const auto add = [&](const Values& x_part, const Values& dy_part, int i) {
      const Values weight = weight_at<kWidth>(p.weight, i);
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        sums[0] = fmaf(x_part.at[k], x_part.at[k], sums[0]);
        sums[1] = fmaf(x_part.at[k], weight.at[k] * dy_part.at[k], sums[1]);
      }
    };
#pragma unroll
    for (int j = 0; j < kHeld; ++j)
      if (Threads::at(j) < c) add(x_held[j], widened(as_vector<T, kWidth>(dy_held[j])), Threads::at(j));
#pragma unroll 1
    for (int i = Threads::at(kHeld); Threads::kMore && i < c; i += Threads::kStep)
      add(load_vector<kWidth>(x + i), widened(load_vector<kWidth>(dy + i)), i);

    add_over_row<Threads>(sums, shared[t % 2]);
    const auto count = static_cast<float>(p.c);
    const float r = 1.0f / sqrtf(sums[0] / count + p.eps);
    const RowFactors row{r, r * r * (sums[1] / count)};
#pragma unroll
    for (int j = 0; j < kHeld; ++j)
      if (Threads::at(j) < c) {
        differentiate(dx_held[j], dweight[j], widened(as_vector<T, kWidth>(dy_held[j])), x_held[j],
                      weight_at<kWidth>(p.weight, Threads::at(j)), row);
        store(Threads::at(j), dx_held[j]);
      }
#pragma unroll 1
    for (int i = Threads::at(kHeld); Threads::kMore && i < c; i += Threads::kStep) {
      Values gradient = before(i), sum = {};
      if (partial && t > begin) sum = load_vector<kWidth>(partial + i);
      differentiate(gradient, sum, widened(load_vector<kWidth>(dy + i)), load_vector<kWidth>(x + i),
                    weight_at<kWidth>(p.weight, i), row);
      store(i, gradient);
      if (partial) store_vector(partial + i, sum);
    }
  }
  if (partial) add_up_group<Threads>(partial, dweight, p.c);
}

}  // namespace

void rms_norm_backward(Stream& stream, const RmsNormBackwardArgs& args) {
  const int64_t l = args.x.rows(), c = args.x.columns();
  const RowGroups groups = row_groups(l);
  float* partial = nullptr;
  if (args.dweight) partial = static_cast<float*>(stream.gpu().scratch(row_sums_scratch_bytes(l, c)));
  with_f32_or<__nv_bfloat16>(args.dy.dtype, [&]<class T>(T) {
    NormBackward<T> problem{.dx = static_cast<float*>(args.dx.data),
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
                            .rows = groups.each,
                            .c = static_cast<int>(c),
                            .eps = static_cast<float>(args.eps),
                            .accumulate = args.accumulate};
    const bool fours = are_fours(c, {args.dx, args.rounded, args.dy, args.x, args.weight});
    with_row_threads(c, fours, [&]<class Threads>(Threads) {
      if (!partial) problem.rows = Threads::kRows;
      const auto blocks = static_cast<unsigned>(ceil_div(l, problem.rows));
      rms_norm_backward_kernel<T, Threads>
          <<<blocks, dim3(Threads::kThreads, Threads::kRows), 0, handle(stream)>>>(problem);
    });
  });
  state_of(stream).launched("rms_norm_backward_kernel");
  if (args.dweight) add_partial_sums(stream, static_cast<float*>(args.dweight.data), partial, groups.count, c);
}

}  // namespace saker::cuda
