#include <algorithm>

#include "device/cuda/launch.cuh"
#include "device/cuda/launch_overlapping.cuh"
#include "ops/linear/dequantize.cuh"
#include "ops/linear/linear.h"
#include "ops/mixer_step/mixer_step.h"
#include "ops/mixer_step/mixer_step_kernels.cuh"
#include "ops/mixer_step/wide_state_kernel.cuh"
#include "ops/mixer_step/wide_step_kernels.cuh"

namespace saker::cuda {

namespace {

const float* floats(const ConstTensorView& view) {
  return static_cast<const float*>(view.data);
}
float* floats(const TensorView& view) {
  return static_cast<float*>(view.data);
}

// The formats of x_proj and dt_proj where in_proj and out_proj have F. dt_proj has rows of 256, which are whole units
// of bytes.
template <class F>
struct Beside {
  using OfX = F;
  using OfDt = F;
};
template <>
struct Beside<Int4> {
  using OfX = Int4;
  using OfDt = Int8;
};
template <>
struct Beside<Fp8> {
  using OfX = Int8;
  using OfDt = Int8;
};

// Queues of kDepth units: deep ones keep more of the memory busy, and keep a multiprocessor to one block of a kernel,
// which a kernel that starts early would share out unevenly; x takes the rest of shared memory.
template <class F, int kDepth>
void run(Stream& stream, const MixerStepArgs& a, const Segment* segments) {
  using OfX = typename Beside<F>::OfX;
  using OfDt = typename Beside<F>::OfDt;
  constexpr bool kFour = std::is_same_v<OfX, Int4>, kBytes = std::is_same_v<OfDt, Int8>;
  constexpr int kSmallDepth = kBytes ? 1 : 2;  // all that a thread of the small kernels reads
  using In = StreamShape<F, 8, 8, kDepth>;
  using Split = StreamShape<OfX, 1, kFour ? 4 : 8, kSmallDepth>;
  using Step = StreamShape<OfDt, kBytes ? 1 : 2, kBytes ? 2 : 4, kSmallDepth>;
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
                       .y = floats(a.z),
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
                       .z = floats(a.z),
                       .y = a.y.data,
                       .state = floats(a.ssm),
                       .segments = segments,
                       .eps = static_cast<float>(a.mixer_eps),
                       .batch = b,
                       .z_pitch = e,
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

template <class S>
void split_wide(Stream& stream, const SplitProduct& split, int splits) {
  const auto blocks = [](int count, int of_a_block) { return static_cast<unsigned>(ceil_div(count, of_a_block)); };
  const dim3 grid(blocks(split.weight.outputs, S::kRows), static_cast<unsigned>(splits),
                  blocks(split.batch, kWideColumns));
  launch_overlapping(stream, wide_split_kernel<S>, grid, kStreamThreads, S::kBytes, split);
}

// What lies between the kernels of run_wide, in scratch memory.
template <class T>
struct WideScratch {
  float *xz, *partial, *B_C, *of_out;  // [b, 2e], or z [b, e]; of x_proj [splits, b, r + 2n]; [b, 2n]; of out_proj
  T *dt, *normalised, *y;              // [b, r]; [b, d] and [b, e], perhaps in chunks
  int* arrived;                        // [d / 128], for out_proj

  WideScratch(Stream& stream, int64_t b, int64_t d, int64_t e, int64_t width) {
    size_t bytes = 0;
    const auto lay_out = [&](uintptr_t base) {
      bytes = 0;
      const auto take = [&]<class V>(V*& pointer, int64_t count) {
        pointer = reinterpret_cast<V*>(base + bytes);
        bytes += (static_cast<size_t>(count) * sizeof(V) + 255) / 256 * 256;
      };
      take(xz, b * 2 * e), take(partial, e / kWideLength * b * width), take(B_C, b * 2 * kStepStates);
      take(of_out, kWideOutSplits * b * d), take(dt, b * kWideRank);
      take(normalised, b * d / kWideChunk * kWidePitch), take(y, b * e / kWideChunk * kWidePitch);
      take(arrived, d / 128);
    };
    lay_out(0);
    lay_out(reinterpret_cast<uintptr_t>(stream.gpu().scratch(bytes)));
  }
};

// Beyond so many rows cuBLASLt's in_proj and out_proj are faster.
constexpr int64_t kOwnProductRows = 32;

// u and z [b, e], rows z_pitch apart.
template <class T, class S>
void wide_in(Stream& stream, const MixerStepArgs& a, const Segment* segments, const WideScratch<T>& at) {
  const int channels = static_cast<int>(a.u.columns());
  const WideIn in{.weight = a.in_proj.data,
                  .bias = floats(a.in_proj_bias),
                  .x = at.normalised,
                  .z = at.xz,
                  .u = a.u.data,
                  .window = floats(a.conv),
                  .segments = segments,
                  .taps = floats(a.conv_weight),
                  .conv_bias = floats(a.conv_bias),
                  .batch = static_cast<int>(a.residual.rows()),
                  .inputs = static_cast<int>(a.residual.columns()),
                  .channels = channels};
  launch_overlapping(stream, wide_in_kernel<S>, static_cast<unsigned>(channels / (S::kRows / 2)), kWideProductThreads,
                     S::kBytes, in);
}

template <class T, class S>
void wide_out(Stream& stream, const MixerStepArgs& a, const WideScratch<T>& at) {
  const int outputs = static_cast<int>(a.residual.columns());
  const WideOut out{.weight = a.out_proj.data,
                    .bias = floats(a.out_proj_bias),
                    .x = at.y,
                    .residual = floats(a.residual),
                    .partial = at.of_out,
                    .arrived = at.arrived,
                    .batch = static_cast<int>(a.residual.rows()),
                    .inputs = static_cast<int>(a.u.columns()),
                    .outputs = outputs};
  launch_overlapping(stream, wide_out_kernel<S>, dim3(static_cast<unsigned>(outputs / S::kRows), kWideOutSplits),
                     kWideProductThreads, S::kBytes, out);
}

template <class T>
void library_in(Stream& stream, const MixerStepArgs& a, const Segment* segments, const WideScratch<T>& at) {
  const int64_t b = a.residual.rows(), d = a.residual.columns(), e = a.u.columns();
  linear(stream, LinearArgs{TensorView(at.xz, DType::f32, {b, 2 * e}),
                            TensorView(at.normalised, a.in_proj.dtype, {b, d}), a.in_proj, a.in_proj_bias});
  const StepConvolution convolution{.x = at.xz,
                                    .u = a.u.data,
                                    .window = floats(a.conv),
                                    .segments = segments,
                                    .taps = floats(a.conv_weight),
                                    .bias = floats(a.conv_bias),
                                    .channels = static_cast<int>(e),
                                    .x_pitch = static_cast<int>(2 * e)};
  const dim3 grid(static_cast<unsigned>(e / (128 * kVector)), static_cast<unsigned>(b));
  launch_overlapping(stream, step_convolution_kernel<T>, grid, 128, 0, convolution);
}

// More rows than tensor-core tiles have columns.
template <class T>
void run_wide(Stream& stream, const MixerStepArgs& a, const Segment* segments) {
  const int64_t b = a.residual.rows(), d = a.residual.columns(), e = a.u.columns();
  const WideScratch<T> at(stream, b, d, e, a.x_proj.rows());
  const bool own = b <= kOwnProductRows;
  const auto rows = static_cast<unsigned>(b);
  const int batch = static_cast<int>(b), channels = static_cast<int>(e), splits = channels / kWideLength;
  const auto with_shape = [&](const auto& f) { b <= 16 ? f(WideShape<T, 2>()) : f(WideShape<T, 4>()); };

  NormProduct norm{};
  norm.weight.inputs = static_cast<int>(d);
  norm.residual = floats(a.residual), norm.norm = floats(a.norm), norm.eps = static_cast<float>(a.eps);
  const ChunkedRows normalised =
      own ? chunked_rows(at.normalised, batch) : plain_rows(at.normalised, static_cast<int>(d));
  launch_overlapping(stream, norm_rows_kernel<T>, rows, kStreamThreads, 2 * 8 * static_cast<int>(sizeof(float)), norm,
                     normalised, at.arrived, static_cast<int>(d / 128));
  if (own)
    with_shape([&]<class S>(S) { wide_in<T, S>(stream, a, segments, at); });
  else
    library_in(stream, a, segments, at);
  const SplitProduct split{streamed(a.x_proj), a.u.data, at.partial, batch};
  // Few sequences: enough blocks to fill the GPU; many: few enough, and fewer reads of u.
  if (b <= kWideColumns)
    split_wide<WideSplitShape<T, 2, 2>>(stream, split, splits);
  else if (b <= 2 * kWideColumns)
    split_wide<WideSplitShape<T, 6, 2>>(stream, split, splits);
  else
    split_wide<WideSplitShape<T, 9, 1>>(stream, split, splits);
  const StepNorms norms{.partial = at.partial,
                        .dt = at.dt,
                        .B_C = at.B_C,
                        .splits = splits,
                        .batch = batch,
                        .eps = static_cast<float>(a.mixer_eps),
                        .norms = a.mixer_norms};
  launch_overlapping(stream, step_norms_kernel<T>, rows, kNormsThreads, kNormsBytes, norms);
  const WideState state{.weight = a.dt_proj.data,
                        .delta_bias = floats(a.dt_bias),
                        .A = floats(a.A),
                        .D = floats(a.D),
                        .dt = at.dt,
                        .B_C = at.B_C,
                        .u = a.u.data,
                        .z = own ? at.xz : at.xz + e,
                        .y = own ? chunked_rows(at.y, batch) : plain_rows(a.y.data, channels),
                        .state = floats(a.ssm),
                        .segments = segments,
                        .batch = batch,
                        .z_pitch = own ? channels : 2 * channels,
                        .channels = channels};
  launch_overlapping(stream, wide_state_kernel<T>, static_cast<unsigned>(e / kStepChannels), kWideThreads,
                     WideStateShape::kBytes, state);
  if (own)
    with_shape([&]<class S>(S) { wide_out<T, S>(stream, a, at); });
  else
    linear(stream, LinearArgs{a.residual, a.y, a.out_proj, a.out_proj_bias, /*accumulate=*/true});
}

// Shapes of whole units.
bool serves(Stream& stream, const MixerStepArgs& a) {
  const int64_t d = a.residual.columns(), e = a.u.columns(), r = a.dt_proj.columns();
  const DType type = a.in_proj.dtype, of_x = type == DType::fp8 ? DType::q8 : type,
              of_dt = is_quantized(type) ? DType::q8 : type;
  const int64_t unit = type == DType::q4 ? 2048 : is_quantized(type) ? 1024 : 512;  // of eight warps
  const int64_t shared_unit = is_quantized(type) ? 1024 : 512;                      // of the blocks that share x_proj
  const bool few = a.residual.rows() <= kMixerStepRows;
  return has_overlap(stream) && type != DType::f32 && (few || !is_quantized(type)) && a.out_proj.dtype == type &&
         a.x_proj.dtype == of_x && a.dt_proj.dtype == of_dt && a.out_proj.contiguous() && a.x_proj.contiguous() &&
         a.u.contiguous() && a.y.contiguous() && a.A.rows() == kStepStates && a.conv_weight.rows() == 4 &&
         d % unit == 0 && d <= kStepMaxModel && e % unit == 0 && e % (kStepSplits * shared_unit) == 0 && e <= 8192 &&
         r == 256 && a.residual.contiguous() && a.z.contiguous();
}

}  // namespace

bool mixer_step(Stream& stream, const MixerStepArgs& args) {
  if (!serves(stream, args)) return false;
  const Segment* segments = on_gpu(stream, args.segments);
  const int64_t b = args.residual.rows();
  if (b > kMixerStepRows) {
    args.in_proj.dtype == DType::bf16 ? run_wide<__nv_bfloat16>(stream, args, segments)
                                      : run_wide<__half>(stream, args, segments);
    return true;
  }
  const auto unscaled = [&]<class F>(F) {  // no scales of groups in shared memory
    if (b <= 2)
      run<F, 12>(stream, args, segments);
    else if (b <= 4)
      run<F, 8>(stream, args, segments);
    else
      run<F, 6>(stream, args, segments);
  };
  const auto scaled = [&]<class F>(F) {
    constexpr int kFew = std::is_same_v<F, Int4> ? 6 : 8;
    b <= 4 ? run<F, kFew>(stream, args, segments) : run<F, 4>(stream, args, segments);
  };
  switch (args.in_proj.dtype) {
    case DType::q8: scaled(Int8()); break;
    case DType::q4: scaled(Int4()); break;
    case DType::fp8: unscaled(Fp8()); break;
    case DType::bf16: unscaled(Sixteen<__nv_bfloat16>()); break;
    default: unscaled(Sixteen<__half>());
  }
  return true;
}

}  // namespace saker::cuda
