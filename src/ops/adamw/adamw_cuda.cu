#include <cmath>

#include "device/cuda/intrinsics.cuh"
#include "device/cuda/launch.cuh"
#include "device/cuda/vectors.cuh"
#include "ops/adamw/adamw.h"

namespace saker::cuda {

namespace {

constexpr int kThreads = 256;

struct Update {
  float *parameter, *moment1, *moment2;
  __nv_bfloat16* rounded;  // or null
  const float* gradient;
  const double* squared_norm;  // or null: no clipping
  int64_t count;
  double max_norm, gradient_scale;
  float keep1, take1, keep2, take2, rate, correction2, eps, decay;
};

// adamw_gradient_factor(), with the norm read here: the host does not wait for it.
__device__ __forceinline__ float gradient_factor(const Update& u) {
  if (!u.squared_norm) return static_cast<float>(u.gradient_scale);
  const double norm = u.gradient_scale * sqrt(*u.squared_norm);
  return static_cast<float>(norm <= u.max_norm ? u.gradient_scale : u.gradient_scale * (u.max_norm / norm));
}

// A thread for kWidth elements; the operations of the CPU in its order. Bytes: 28 an element, 30 with `rounded`.
template <int kWidth>
__global__ void __launch_bounds__(kThreads) adamw_kernel(const Update u) {
  __shared__ float shared_factor;
  const int64_t i = (blockIdx.x * int64_t{kThreads} + threadIdx.x) * kWidth;
  const bool there = i < u.count;
  Vector<float, kWidth> p, m, v, g;
  if (there) {
    p = load_vector<kWidth>(u.parameter + i);
    m = load_vector<kWidth>(u.moment1 + i);
    v = load_vector<kWidth>(u.moment2 + i);
    g = load_vector<kWidth>(u.gradient + i);
  }
  if (threadIdx.x == 0) shared_factor = gradient_factor(u);
  __syncthreads();
  if (!there) return;
  const float factor = shared_factor;
  Vector<__nv_bfloat16, kWidth> rounded;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) {
    const float scaled = g.at[k] * factor;
    m.at[k] = fmaf(u.keep1, m.at[k], u.take1 * scaled);
    v.at[k] = fmaf(u.keep2, v.at[k], u.take2 * (scaled * scaled));
    const float ratio = (u.rate * m.at[k]) / (sqrtf(v.at[k] * u.correction2) + u.eps);
    p.at[k] -= fmaf(u.decay, p.at[k], ratio);
    rounded.at[k] = round_to<__nv_bfloat16>(p.at[k]);
  }
  store_vector(u.parameter + i, p);
  store_vector(u.moment1 + i, m);
  store_vector(u.moment2 + i, v);
  if (u.rounded) store_vector(u.rounded + i, rounded);
}

// What is common to all elements is computed in double and rounded once.
Update update_of(const AdamwArgs& args) {
  const auto step = static_cast<double>(args.step);
  const bool clips = args.squared_norm && args.max_norm != 0.0;
  return {.parameter = static_cast<float*>(args.parameter.data),
          .moment1 = static_cast<float*>(args.moment1.data),
          .moment2 = static_cast<float*>(args.moment2.data),
          .rounded = static_cast<__nv_bfloat16*>(args.rounded.data),
          .gradient = static_cast<const float*>(args.gradient.data),
          .squared_norm = clips ? static_cast<const double*>(args.squared_norm.data) : nullptr,
          .count = args.parameter.shape.elements(),
          .max_norm = args.max_norm,
          .gradient_scale = args.gradient_scale,
          .keep1 = static_cast<float>(args.beta1),
          .take1 = static_cast<float>(1.0 - args.beta1),
          .keep2 = static_cast<float>(args.beta2),
          .take2 = static_cast<float>(1.0 - args.beta2),
          .rate = static_cast<float>(args.lr / (1.0 - std::pow(args.beta1, step))),
          .correction2 = static_cast<float>(1.0 / (1.0 - std::pow(args.beta2, step))),
          .eps = static_cast<float>(args.eps),
          .decay = static_cast<float>(args.lr * args.weight_decay)};
}

}  // namespace

void adamw(Stream& stream, const AdamwArgs& args) {
  const Update update = update_of(args);
  const auto flat = [&](const ConstTensorView& view) {  // all are contiguous
    return view ? ConstTensorView(view.data, view.dtype, Shape{update.count}) : view;
  };
  const bool fours = are_fours(update.count, {flat(args.parameter), flat(args.moment1), flat(args.moment2),
                                              flat(args.rounded), flat(args.gradient)});
  with_width(fours, [&](auto width) {
    constexpr int kWidth = width();
    const auto blocks = static_cast<unsigned>(ceil_div(update.count, int64_t{kThreads} * kWidth));
    adamw_kernel<kWidth><<<blocks, kThreads, 0, handle(stream)>>>(update);
  });
  state_of(stream).launched("adamw_kernel");
}

}  // namespace saker::cuda
