#include <algorithm>

#include "device/cuda/launch.cuh"
#include "device/cuda/launch_overlapping.cuh"
#include "ops/mixer_step/mixer_step.h"
#include "ops/mixer_step/mixer_step_kernels.cuh"

namespace saker::cuda {

namespace {

StreamedWeight streamed(const ConstTensorView& weight) {
  return {weight.data, nullptr, static_cast<int>(weight.rows()), static_cast<int>(weight.columns())};
}
const float* floats(const ConstTensorView& view) {
  return static_cast<const float*>(view.data);
}
float* floats(const TensorView& view) {
  return static_cast<float*>(view.data);
}

// Queues of kDepth units: deep ones keep more of the memory busy, and keep a multiprocessor to one block of a kernel,
// which a kernel that starts early would share out unevenly; x takes the rest of shared memory.
template <class T, int kDepth>
void run(Stream& stream, const MixerStepArgs& a, const Segment* segments) {
  using F = Sixteen<T>;
  using In = StreamShape<F, 8, 8, kDepth>;
  using Split = StreamShape<F, 1, 8, 2>;
  using Step = StreamShape<F, 2, 4, 2>;
  using Out = StreamShape<F, 2, 8, kDepth>;
  constexpr int kShare = 76 * 1024;  // of shared memory: at most two blocks of the small kernels on a multiprocessor
  const int b = static_cast<int>(a.residual.rows()), d = static_cast<int>(a.residual.columns()),
            e = static_cast<int>(a.u.columns()), r = static_cast<int>(a.dt_proj.columns()),
            width = static_cast<int>(a.x_proj.rows());
  const auto blocks = [](int outputs, int rows) { return static_cast<unsigned>(ceil_div(outputs, rows)); };
  auto* partial = static_cast<float*>(stream.gpu().scratch(sizeof(float) * kStepSplits * b * width));

  const NormProduct in{.weight = streamed(a.in_proj),
                       .bias = floats(a.in_proj_bias),
                       .residual = floats(a.residual),
                       .norm = floats(a.norm),
                       .eps = static_cast<float>(a.eps),
                       .batch = b,
                       .y = floats(a.xz),
                       .u = a.u.data,
                       .window = floats(a.conv),
                       .segments = segments,
                       .taps = floats(a.conv_weight),
                       .conv_bias = floats(a.conv_bias),
                       .channels = e,
                       .kernel = static_cast<int>(a.conv_weight.rows())};
  launch_overlapping(stream, norm_product_kernel<In>, blocks(2 * e, In::kRows), kStreamThreads,
                     norm_product_bytes<In>(d, b), in);
  const SplitProduct split{streamed(a.x_proj), a.u.data, partial, b};
  launch_overlapping(stream, split_product_kernel<Split>, dim3(blocks(width, Split::kRows), kStepSplits),
                     kStreamThreads, std::max(kShare, split_product_bytes<Split>(e, b)), split);
  const StateStep step{.weight = streamed(a.dt_proj),
                       .partial = partial,
                       .delta_bias = floats(a.dt_bias),
                       .A = floats(a.A),
                       .D = floats(a.D),
                       .u = a.u.data,
                       .z = floats(a.xz) + e,
                       .y = a.y.data,
                       .state = floats(a.ssm),
                       .segments = segments,
                       .eps = static_cast<float>(a.mixer_eps),
                       .batch = b,
                       .z_pitch = 2 * e,
                       .norms = a.mixer_norms};
  launch_overlapping(stream, state_step_kernel<Step>, blocks(e, kStepChannels), kStreamThreads,
                     std::max(kShare, state_step_bytes<Step>(r, b)), step);
  const RowsProduct out{.weight = streamed(a.out_proj),
                        .bias = floats(a.out_proj_bias),
                        .x = a.y.data,
                        .y = floats(a.residual),
                        .x_stride = e,
                        .y_stride = d,
                        .batch = b,
                        .accumulate = true};
  launch_overlapping(stream, rows_product_kernel<Out>, blocks(d, Out::kRows), kStreamThreads,
                     rows_product_bytes<Out>(e, b), out);
}

// Shapes of whole units.
bool serves(Stream& stream, const MixerStepArgs& a) {
  const int64_t d = a.residual.columns(), e = a.u.columns(), r = a.dt_proj.columns();
  const DType type = a.in_proj.dtype;
  for (const ConstTensorView& view : {ConstTensorView(a.u), ConstTensorView(a.y), a.x_proj, a.dt_proj, a.out_proj})
    if (view.dtype != type || !view.contiguous()) return false;
  return has_overlap(stream) && (type == DType::bf16 || type == DType::f16) && a.A.rows() == kStepStates &&
         a.conv_weight.rows() == 4 && d % 512 == 0 && d <= kStepMaxModel && e % 4096 == 0 && e <= 8192 && r == 256 &&
         a.residual.contiguous() && a.xz.contiguous();
}

}  // namespace

bool mixer_step(Stream& stream, const MixerStepArgs& args) {
  if (!serves(stream, args)) return false;
  const Segment* segments = on_gpu(stream, args.segments);
  const int64_t b = args.residual.rows();
  const auto with_type = [&]<class T>(T) {
    if (b <= 2)
      run<T, 12>(stream, args, segments);
    else if (b <= 4)
      run<T, 8>(stream, args, segments);
    else
      run<T, 6>(stream, args, segments);
  };
  args.u.dtype == DType::bf16 ? with_type(__nv_bfloat16()) : with_type(__half());
  return true;
}

}  // namespace saker::cuda
