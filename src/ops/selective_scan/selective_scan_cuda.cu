#include <algorithm>

#include "device/cuda/intrinsics.cuh"
#include "device/cuda/launch.cuh"
#include "ops/selective_scan/scan_order.cuh"
#include "ops/selective_scan/selective_scan.h"
#include "ops/selective_scan/selective_scan_kernels.cuh"

namespace saker::cuda {

namespace {

constexpr int kThreads = 64, kMaxStates = 256;

template <class T, class G>
struct AnyScan {
  T* y;
  float *state, *chunk_states;
  const T* u;
  const G *delta, *z;
  const float *delta_bias, *A, *B, *C, *D;
  int64_t y_stride, u_stride, delta_stride, B_stride, C_stride, z_stride, channels;
  int n;
};

// For any number of states: a thread has one channel of one segment.
template <class T, class G, int kStates>
__global__ void __launch_bounds__(kThreads) selective_scan_any(const AnyScan<T, G> p, const Segment* segments) {
  const int64_t e = blockIdx.x * int64_t{kThreads} + threadIdx.x;
  if (e >= p.channels) return;
  const Segment segment = segments[blockIdx.y];
  if (segment.length == 0) return;
  float h[kStates];
  float* const slot = p.state + segment.slot * p.n * p.channels + e;
  for (int n = 0; n < p.n; ++n) h[n] = segment.slot >= 0 ? slot[n * p.channels] : 0.0f;
  float* kept = p.chunk_states + first_chunk_row(segment, blockIdx.y, kScanChunk) * p.n * p.channels + e;
  for (int64_t t = segment.begin; t < segment.begin + segment.length; ++t) {
    if (p.chunk_states && (t - segment.begin) % kScanChunk == 0)
      for (int n = 0; n < p.n; ++n, kept += p.channels) *kept = h[n];
    const float v = widen(p.delta[t * p.delta_stride + e]) + p.delta_bias[e];
    const float step = v > 20.0f ? v : log1pf(expf(v));
    const float input = widen(p.u[t * p.u_stride + e]), gate = widen(p.z[t * p.z_stride + e]);
    float sum = p.D[e] * input;
    for (int n = 0; n < p.n; ++n) {
      h[n] = expf(step * p.A[n * p.channels + e]) * h[n] + step * input * p.B[t * p.B_stride + n];
      sum = fmaf(p.C[t * p.C_stride + n], h[n], sum);
    }
    p.y[t * p.y_stride + e] = round_to<T>(sum * (gate / (1.0f + expf(-gate))));
  }
  if (segment.slot >= 0)
    for (int n = 0; n < p.n; ++n) slot[n * p.channels] = h[n];
}

const float* floats(const ConstTensorView& view) {
  return static_cast<const float*>(view.data);
}

template <class T, class G>
ScanProblem<T, G> problem_of(const SelectiveScanArgs& args, const Segment* segments) {
  return {static_cast<T*>(args.y.data),
          static_cast<float*>(args.state.data),
          static_cast<const T*>(args.u.data),
          static_cast<const G*>(args.delta.data),
          static_cast<const G*>(args.z.data),
          floats(args.B),
          floats(args.C),
          floats(args.A),
          floats(args.D),
          floats(args.delta_bias),
          segments,
          args.y.row_stride,
          args.u.row_stride,
          args.delta.row_stride,
          args.z.row_stride,
          args.B.row_stride,
          args.C.row_stride,
          static_cast<int>(args.A.columns()),
          static_cast<float*>(args.chunk_states.data)};
}

// False on a GPU with too little shared memory for tiles of kTile tokens.
template <int kTile, bool kKeeps, class T, class G>
bool scan_in_tiles(Stream& stream, const ScanProblem<T, G>& problem, unsigned segments) {
  using Shape = ScanShape<T, G, kTile, kKeeps>;
  const auto kernel = selective_scan_kernel<Shape>;
  if (cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, Shape::kBytes) != cudaSuccess) {
    cudaGetLastError();
    return false;
  }
  const dim3 grid(static_cast<unsigned>(problem.channels / kScanChannels), segments);
  kernel<<<grid, Shape::kThreads, Shape::kBytes, handle(stream)>>>(problem);
  return true;
}

// Inputs of half the bytes leave room for tiles twice as long; a token's arithmetic is the same in either.
template <bool kKeeps, class T, class G>
bool scan_in_tiles(Stream& stream, const ScanProblem<T, G>& problem, unsigned segments) {
  if constexpr (sizeof(G) == 2)
    if (scan_in_tiles<32, kKeeps>(stream, problem, segments)) return true;
  return scan_in_tiles<16, kKeeps>(stream, problem, segments);
}

// The kernels for 16 states; false where they do not serve these arguments or this GPU.
template <class T, class G>
bool scan_16(Stream& stream, const SelectiveScanArgs& args, const Segment* segments) {
  const int64_t channels = args.A.columns();
  if (args.A.rows() != kScanStates || channels % kScanChannels != 0) return false;
  for (const ConstTensorView& view : {ConstTensorView(args.y), ConstTensorView(args.state),
                                      ConstTensorView(args.chunk_states), args.u, args.delta, args.z, args.B, args.C})
    if (!in_vectors(view)) return false;
  auto problem = problem_of<T, G>(args, segments);
  const auto count = static_cast<unsigned>(args.segments.size());
  if (args.chunk_states) {
    problem.order = longest_first(stream, args.segments, segments,
                                  static_cast<int32_t*>(stream.gpu().scratch(count * sizeof(int32_t))));
    return scan_in_tiles<true>(stream, problem, count);
  }
  if (std::ranges::all_of(args.segments, [](const Segment& s) { return s.length <= 1; })) {
    const dim3 grid(static_cast<unsigned>(ceil_div(channels, kStepBlockChannels)), std::min(count, 16u));
    selective_step_kernel<T, G><<<grid, 256, 0, handle(stream)>>>(problem, static_cast<int>(count));
    return true;
  }
  return scan_in_tiles<false>(stream, problem, count);
}

template <class T, class G>
void scan(Stream& stream, const SelectiveScanArgs& args, const Segment* segments) {
  if (scan_16<T, G>(stream, args, segments)) return;
  const AnyScan<T, G> problem{static_cast<T*>(args.y.data),
                              static_cast<float*>(args.state.data),
                              static_cast<float*>(args.chunk_states.data),
                              static_cast<const T*>(args.u.data),
                              static_cast<const G*>(args.delta.data),
                              static_cast<const G*>(args.z.data),
                              floats(args.delta_bias),
                              floats(args.A),
                              floats(args.B),
                              floats(args.C),
                              floats(args.D),
                              args.y.row_stride,
                              args.u.row_stride,
                              args.delta.row_stride,
                              args.B.row_stride,
                              args.C.row_stride,
                              args.z.row_stride,
                              args.A.columns(),
                              static_cast<int>(args.A.rows())};
  const dim3 grid(static_cast<unsigned>(ceil_div(problem.channels, kThreads)),
                  static_cast<unsigned>(args.segments.size()));
  const auto kernel = problem.n <= 16 ? selective_scan_any<T, G, 16> : selective_scan_any<T, G, kMaxStates>;
  kernel<<<grid, kThreads, 0, handle(stream)>>>(problem, segments);
}

}  // namespace

void selective_scan(Stream& stream, const SelectiveScanArgs& args) {
  if (args.segments.empty()) return;
  const Segment* segments = on_gpu(stream, args.segments);
  with_element(args.u.dtype, [&]<class T>(T) {
    with_f32_or<T>(args.delta.dtype, [&]<class G>(G) { scan<T, G>(stream, args, segments); });
  });
  state_of(stream).launched("selective_scan");
}

}  // namespace saker::cuda
