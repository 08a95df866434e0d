#include <algorithm>
#include <cfloat>

#include "device/cuda/intrinsics.cuh"
#include "device/cuda/launch.cuh"
#include "device/cuda/vectors.cuh"
#include "ops/gpu_scratch.h"
#include "ops/linear/blas_product.cuh"
#include "ops/linear/linear.h"
#include "ops/linear_cross_entropy/linear_cross_entropy.h"

namespace saker::cuda {

namespace {

constexpr int kThreads = 1024, kWidth = 4;

struct HeadRows {
  float *nats, *lse;    // rows, nats_stride and lse_stride apart
  const float* logits;  // [rows, v], `stride` apart, a multiple of eight; 16-byte aligned
  const int32_t* labels;
  int64_t nats_stride, lse_stride, stride, v;
  double scale, z_loss;
};

__device__ __forceinline__ float e_to(float x) {
  return exp2_approximate(kLog2E * x);
}

// sum e^x over some x, as total e^largest. Any x that is no number makes a total that is none.
struct ExpSum {
  float largest = -FLT_MAX, total = 0.0f;

  template <int kCount>
  __device__ void add(const Vector<float, kCount>& x) {
    float above = largest;
#pragma unroll
    for (int k = 0; k < kCount; ++k) above = fmaxf(above, x.at[k]);
    total *= e_to(largest - above);
    largest = above;
#pragma unroll
    for (int k = 0; k < kCount; ++k) total += e_to(x.at[k] - largest);
  }
};

// Calls f(i, vector) with this thread's vectors of a row; what lies behind the row's end is not read. Backwards, from
// what a pass forwards has read last.
template <bool kBackwards, class F>
__device__ __forceinline__ void for_row(const float* row, int64_t v, const F& f) {
  const int64_t vectors = v / kWidth, last = vectors * kWidth + threadIdx.x;
  if (last < v) f(last, load_vector<1>(row + last));
#pragma unroll 4
  for (int64_t j = threadIdx.x; j < vectors; j += kThreads) {
    const int64_t i = (kBackwards ? vectors - 1 - j : j) * kWidth;
    f(i, load_vector<kWidth>(row + i));
  }
}

// A block for a row: the loss, and in the second pass dlogits, which may lie where the logits do. Two blocks of a
// multiprocessor have few rows at once, so that the second pass finds them in the cache: 34 MB for all 132, of 32,768
// logits. Bytes: 4 an element, sizeof(T) more with gradients; 15 instructions, 2.3 of the unit for exponentials.
template <class T, bool kGradients>
__global__ void __launch_bounds__(kThreads, 2) loss_kernel(T* dlogits, const HeadRows p) {
  __shared__ float largest_of[kThreads / 32], sums[kThreads / 32];
  const float* const row = p.logits + blockIdx.x * p.stride;
  float &nats = p.nats[blockIdx.x * p.nats_stride], &lse = p.lse[blockIdx.x * p.lse_stride];
  const int32_t label = p.labels[blockIdx.x];
  T* const to = dlogits + blockIdx.x * p.stride;
  if (label < 0) {
    if (threadIdx.x == 0) nats = lse = 0.0f;
    if constexpr (kGradients)
      for (int64_t i = threadIdx.x; i < p.v; i += kThreads) to[i] = round_to<T>(0.0f);
    return;
  }
  const float labelled = row[label];  // before the row is overwritten
  ExpSum own;
  for_row<false>(row, p.v, [&](int64_t, const auto& x) { own.add(x); });
  const float largest = block_max<kThreads>(own.largest, largest_of);
  const float total = block_sum<kThreads>(own.total * e_to(own.largest - largest), sums);
  const float sum_of_all = largest + logf(total);
  if (threadIdx.x == 0) {
    nats = sum_of_all - labelled;
    lse = sum_of_all;
  }
  if constexpr (kGradients) {
    const auto factor = static_cast<float>(p.scale * (1.0 + 2.0 * p.z_loss * static_cast<double>(sum_of_all)));
    const auto scale = static_cast<float>(p.scale);
    for_row<true>(row, p.v, [&]<int kCount>(int64_t i, const Vector<float, kCount>& x) {
      Vector<float, kCount> gradient;
#pragma unroll
      for (int k = 0; k < kCount; ++k) {
        const float softmax = e_to(x.at[k] - sum_of_all) * factor;
        gradient.at[k] = i + k == label ? softmax - scale : softmax;
      }
      store_vector(to + i, rounded<T>(gradient));
    });
  }
}

// Logits of gpu_head_rows() rows and their gradients, in scratch memory: products of these types use none.
class Head {
 public:
  Head(Stream& stream, const LinearCrossEntropyArgs& args)
      : stream_(stream),
        args_(args),
        labels_(on_gpu(stream, args.labels)),
        stride_(head_row_stride(args.weight.rows())),
        rows_(std::min(args.x.rows(), gpu_head_rows(args.weight.rows()))) {
    const int64_t elements = rows_ * stride_;
    const bool apart = args.dx && args.x.dtype != DType::f32;
    const size_t bytes = static_cast<size_t>(elements) * sizeof(float);  // a multiple of 32
    auto* const scratch = static_cast<std::byte*>(
        stream.gpu().scratch(bytes + (apart ? static_cast<size_t>(elements) * size_of(args.x.dtype) : 0)));
    logits_ = scratch;
    dlogits_ = apart ? scratch + bytes : scratch;
  }

  void run() {
    for (int64_t begin = 0; begin < args_.x.rows(); begin += rows_)
      chunk(begin, std::min(rows_, args_.x.rows() - begin));
  }

 private:
  // Rows [begin, begin + rows).
  void chunk(int64_t begin, int64_t rows) {
    const ConstTensorView x = args_.x.slice_rows(begin, rows);
    const Shape shape{rows, args_.weight.rows()};
    linear(stream_, {.y = {logits_, DType::f32, shape, stride_}, .x = x, .weight = args_.weight, .bias = {}});
    with_element(args_.x.dtype,
                 [&]<class T>(T) { args_.dx ? loss<T, true>(begin, rows) : loss<T, false>(begin, rows); });
    if (!args_.dx) return;
    const ConstTensorView dlogits(dlogits_, args_.x.dtype, shape, stride_);
    blas_product(stream_, {.y = args_.dx.slice_rows(begin, rows), .left = dlogits, .right = args_.weight});
    blas_product(stream_, {.y = args_.dweight,
                           .left = dlogits,
                           .right = x,
                           .left_transposed = true,
                           .accumulate = !args_.first || begin > 0});
  }

  template <class T, bool kGradients>
  void loss(int64_t begin, int64_t rows) {
    const TensorView &nats = args_.nats, &lse = args_.lse;
    loss_kernel<T, kGradients><<<static_cast<unsigned>(rows), kThreads, 0, handle(stream_)>>>(
        reinterpret_cast<T*>(dlogits_), {.nats = static_cast<float*>(nats.data) + nats.offset(begin),
                                         .lse = static_cast<float*>(lse.data) + lse.offset(begin),
                                         .logits = reinterpret_cast<const float*>(logits_),
                                         .labels = labels_ + begin,
                                         .nats_stride = nats.row_stride,
                                         .lse_stride = lse.row_stride,
                                         .stride = stride_,
                                         .v = args_.weight.rows(),
                                         .scale = args_.scale,
                                         .z_loss = args_.z_loss});
    state_of(stream_).launched("loss_kernel");
  }

  Stream& stream_;
  const LinearCrossEntropyArgs& args_;
  const int32_t* labels_;
  int64_t stride_, rows_;  // of a row of logits; of a chunk
  std::byte *logits_ = nullptr, *dlogits_ = nullptr;
};

}  // namespace

void linear_cross_entropy(Stream& stream, const LinearCrossEntropyArgs& args) {
  Head(stream, args).run();
}

}  // namespace saker::cuda
