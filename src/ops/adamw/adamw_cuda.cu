#include "device/cuda/intrinsics.cuh"
#include "device/cuda/launch.cuh"
#include "device/cuda/vectors.cuh"
#include "ops/adamw/adamw_step.cuh"

namespace saker::cuda {

namespace {

constexpr int kThreads = 256;

struct Update {
  float *parameter, *moment1, *moment2;
  __nv_bfloat16* rounded;  // or null
  const float* gradient;
  int64_t count;
  AdamwStep step;
};

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
  if (threadIdx.x == 0) shared_factor = gradient_factor(u.step);
  __syncthreads();
  if (!there) return;
  const float factor = shared_factor;
  Vector<__nv_bfloat16, kWidth> rounded;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) {
    const float scaled = g.at[k] * factor;
    m.at[k] = fmaf(u.step.keep1, m.at[k], u.step.take1 * scaled);
    v.at[k] = fmaf(u.step.keep2, v.at[k], u.step.take2 * (scaled * scaled));
    p.at[k] = moved(p.at[k], m.at[k], v.at[k], u.step);
    rounded.at[k] = round_to<__nv_bfloat16>(p.at[k]);
  }
  store_vector(u.parameter + i, p);
  store_vector(u.moment1 + i, m);
  store_vector(u.moment2 + i, v);
  if (u.rounded) store_vector(u.rounded + i, rounded);
}

Update update_of(const AdamwArgs& args) {
  return {.parameter = static_cast<float*>(args.parameter.data),
          .moment1 = static_cast<float*>(args.moment1.data),
          .moment2 = static_cast<float*>(args.moment2.data),
          .rounded = static_cast<__nv_bfloat16*>(args.rounded.data),
          .gradient = static_cast<const float*>(args.gradient.data),
          .count = args.parameter.shape.elements(),
          .step = adamw_step_of(args)};
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
