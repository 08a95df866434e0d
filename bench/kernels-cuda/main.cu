// Times the kernels at the shapes of the 7B model and checks them against plain loops on the device.
#include <cublasLt.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "ops/causal_conv1d/causal_conv1d_kernels.cuh"
#include "ops/selective_scan/selective_scan_kernels.cuh"
#include "references.cuh"

#define CHECK(call)                                                                         \
  do {                                                                                      \
    const cudaError_t error_ = (call);                                                      \
    if (error_ != cudaSuccess) {                                                            \
      std::printf("%s:%d %s: %s\n", __FILE__, __LINE__, #call, cudaGetErrorString(error_)); \
      std::exit(1);                                                                         \
    }                                                                                       \
  } while (0)

static cudaStream_t stream;

__device__ inline float uniform(uint64_t i, uint32_t seed) {  // in [-1, 1)
  uint64_t x = i * 0x9E3779B97F4A7C15ull + seed * 0xD1B54A32D192ED03ull;
  x ^= x >> 32, x *= 0xD6E8FEB86659FD93ull, x ^= x >> 32, x *= 0xD6E8FEB86659FD93ull, x ^= x >> 32;
  return static_cast<float>(static_cast<int32_t>(x)) * 0x1p-31f;
}
template <class T>
__global__ void fill_kernel(T* p, int64_t count, uint32_t seed, float scale, float mean) {
  for (int64_t i = blockIdx.x * 256ll + threadIdx.x; i < count; i += gridDim.x * 256ll)
    p[i] = round_to<T>(mean + scale * uniform(i, seed));
}
template <class T>
T* device(int64_t count) {
  void* p;
  CHECK(cudaMalloc(&p, count * sizeof(T)));
  return static_cast<T*>(p);
}
template <class T>
T* random(int64_t count, uint32_t seed, float scale = 1.0f, float mean = 0.0f) {
  T* p = device<T>(count);
  fill_kernel<<<1024, 256, 0, stream>>>(p, count, seed, scale, mean);
  return p;
}
template <class T>
std::vector<float> host(const T* p, int64_t count) {
  std::vector<T> raw(count);
  CHECK(cudaStreamSynchronize(stream));
  CHECK(cudaMemcpy(raw.data(), p, count * sizeof(T), cudaMemcpyDeviceToHost));
  std::vector<float> out(count);
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<float>(raw[i]);
  return out;
}
static bool all_good = true;  // no check failed so far: the exit status
// |a - b| / |b| of the whole, and the largest error over the largest value.
static void compare(const std::string& what, const std::vector<float>& got, const std::vector<float>& want,
                    double bound) {
  double error = 0, norm = 0, worst = 0, largest = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double d = std::abs(static_cast<double>(got[i]) - want[i]);
    error += d * d, norm += static_cast<double>(want[i]) * want[i];
    worst = std::isnan(d) ? INFINITY : std::max(worst, d),
    largest = std::max(largest, std::abs(static_cast<double>(want[i])));
  }
  const double relative = std::sqrt(error / (norm + 1e-300));
  const bool good = relative <= bound && worst <= 20 * bound * largest;
  std::printf("  check %-44s rel %.2e  max %.2e of %.2e  %s\n", what.c_str(), relative, worst, largest,
              good ? "ok" : "WRONG");
  all_good = all_good && good;
}
// Median microseconds of one run.
static double time_us(const std::function<void(int)>& run, int repeats = 20, int inner = 1) {
  std::vector<double> times;
  cudaEvent_t a, b;
  cudaEventCreate(&a), cudaEventCreate(&b);
  for (int i = 0; i < 3; ++i) run(i);
  for (int i = 0; i < repeats; ++i) {
    cudaEventRecord(a, stream);
    for (int j = 0; j < inner; ++j) run(i * inner + j);
    cudaEventRecord(b, stream);
    CHECK(cudaEventSynchronize(b));
    float ms;
    cudaEventElapsedTime(&ms, a, b);
    times.push_back(ms * 1e3 / inner);
  }
  CHECK(cudaGetLastError());
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

static bool overlap = true;
constexpr int kShare = 76 * 1024;  // the least shared memory of the small kernels, as in mixer_step
template <class... Params, class... Args>
void launch(void (*kernel)(Params...), dim3 grid, int block, int bytes, const Args&... args) {
  cudaLaunchConfig_t config = {};
  config.gridDim = grid, config.blockDim = block, config.dynamicSmemBytes = bytes, config.stream = stream;
  cudaLaunchAttribute attributes[1];
  config.attrs = attributes;
  if (overlap) {
    attributes[config.numAttrs].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attributes[config.numAttrs++].val.programmaticStreamSerializationAllowed = 1;
  }
  if (bytes > 48 * 1024) CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
  CHECK(cudaLaunchKernelEx(&config, kernel, args...));
}

// ---- decode ------------------------------------------------------------------------------------------------------
struct Model {  // one block of weights, read as any format
  char* weights;
  bf16* scales;
  float *norm, *taps, *conv_bias, *A, *D, *dt_bias;
  float *residual, *z, *partial, *window, *state, *logits;
  bf16 *u, *y;
  Segment* segments;
};
static Model model;
static const int64_t kLayerWeights = 2ll * kE * kD + int64_t{kQ} * kE + int64_t{kE} * kR + int64_t{kD} * kE;

static void make_model() {
  const int64_t weights = kLayerWeights * kLayers + int64_t{kV} * kD;
  model.weights = reinterpret_cast<char*>(random<bf16>(weights, 1, 0.02f));
  model.scales = random<bf16>(weights / kGroup, 2, 0.0001f, 0.0004f);
  model.norm = random<float>(kD, 3, 0.2f, 1.0f);
  model.taps = random<float>(4 * kE, 4, 0.5f);
  model.conv_bias = random<float>(kE, 5, 0.1f);
  model.A = random<float>(kN * kE, 6, 1.0f, 1.0f);
  negative_exp<<<256, 256, 0, stream>>>(model.A, kN * kE);
  model.D = random<float>(kE, 7);
  model.dt_bias = random<float>(kE, 8, 1.0f, -3.0f);
  model.residual = random<float>(8 * kD, 9);
  model.z = device<float>(8 * kE);
  model.partial = device<float>(kStepSplits * 8 * kQ);
  model.window = random<float>(int64_t{kLayers} * 8 * 3 * kE, 10);
  model.state = random<float>(int64_t{kLayers} * 8 * kN * kE, 11);
  model.logits = device<float>(8ll * kV);
  model.u = device<bf16>(8 * kE), model.y = device<bf16>(8 * kE);
  const Segment segments[8] = {{0, 1, 3}, {1, 1, 0}, {2, 1, 7}, {3, 1, 1}, {4, 1, 6}, {5, 1, 2}, {6, 1, 5}, {7, 1, 4}};
  model.segments = device<Segment>(8);
  CHECK(cudaMemcpy(model.segments, segments, sizeof segments, cudaMemcpyHostToDevice));
}

template <class F>
constexpr Kind kind_of() {
  return std::is_same_v<F, Int8> ? Kind::int8 : std::is_same_v<F, Int4> ? Kind::int4 : Kind::bf16;
}
template <class F>
constexpr double bytes_of() {
  return F::kPerLane == 8 ? 2 : F::kPerLane == 16 ? 1 : 0.5;
}

// The formats' shapes of blocks.
template <class F, int kDepth1, int kDepth4>
struct Plan {
  using Format = F;
  static constexpr bool kFour = std::is_same_v<F, Int4>;
  using Dt = std::conditional_t<kFour, Int8, F>;
  using S1 = StreamShape<F, 8, 8, kDepth1>;
  static constexpr bool kBytes = std::is_same_v<Dt, Int8>;
  using S2 = StreamShape<F, 1, kFour ? 4 : 8, kBytes ? 1 : 2>;
  using S3 = StreamShape<Dt, kBytes ? 1 : 2, kBytes ? 2 : 4, kBytes ? 1 : 2>;
  using S4 = StreamShape<F, 2, 8, kDepth4>;
};

template <class P>
struct Layer {
  StreamedWeight in, x, dt, out;
  explicit Layer(int layer) {
    const double size = bytes_of<typename P::Format>();
    int64_t at = kLayerWeights * layer;
    const auto take = [&](int o, int i) {
      StreamedWeight w{model.weights + static_cast<int64_t>(at * size) / 128 * 128, model.scales + at / kGroup, o, i};
      at += static_cast<int64_t>(o) * i;
      return w;
    };
    in = take(2 * kE, kD), x = take(kQ, kE), dt = take(kE, kR), out = take(kD, kE);
  }
};

template <class P>
void norm_product(const StreamedWeight& w, int batch, float* y, bool conv, int layer) {
  NormProduct p{w,       nullptr, model.residual, model.norm, 1e-5f,           batch, y,
                nullptr, nullptr, model.segments, model.taps, model.conv_bias, kE,    4};
  if (conv) p.u = model.u, p.window = model.window + int64_t{layer} * 8 * 3 * kE;
  launch(norm_product_kernel<typename P::S1>, dim3((w.outputs + P::S1::kRows - 1) / P::S1::kRows), 256,
         norm_product_bytes<typename P::S1>(kD, batch), p);
}
template <class P>
void x_product(const StreamedWeight& w, int batch) {
  SplitProduct p{w, model.u, model.partial, batch};
  const dim3 grid((kQ + P::S2::kRows - 1) / P::S2::kRows, kStepSplits);
  launch(split_product_kernel<typename P::S2>, grid, 256,
         std::max(kShare, split_product_bytes<typename P::S2>(kE, batch)), p);
}
template <class P>
void state_step(const StreamedWeight& w, int batch, int layer) {
  StateStep p{w,
              model.partial,
              model.dt_bias,
              model.A,
              model.D,
              model.u,
              model.z,
              model.y,
              model.state + int64_t{layer} * 8 * kN * kE,
              model.segments,
              1e-6f,
              batch,
              kE,
              true};
  launch(state_step_kernel<typename P::S3>, dim3(kE / kStepChannels), 256,
         std::max(kShare, state_step_bytes<typename P::S3>(kR, batch)), p);
}
template <class P>
void add_product(const StreamedWeight& w, int batch) {
  const RowsProduct p{w, nullptr, model.y, model.residual, kE, kD, batch, true};
  launch(rows_product_kernel<typename P::S4>, dim3((kD + P::S4::kRows - 1) / P::S4::kRows), 256,
         rows_product_bytes<typename P::S4>(kE, batch), p);
}
template <class P>
void decode_step(int batch, int layers = kLayers, bool head = true) {
  for (int i = 0; i < layers; ++i) {
    const Layer<P> layer(i);
    norm_product<P>(layer.in, batch, model.z, true, i);
    x_product<P>(layer.x, batch);
    state_step<P>(layer.dt, batch, i);
    add_product<P>(layer.out, batch);
  }
  const int64_t at = kLayerWeights * kLayers;
  const StreamedWeight w{model.weights + static_cast<int64_t>(at * bytes_of<typename P::Format>()),
                         model.scales + at / kGroup, kV, kD};
  if (head) norm_product<P>(w, batch, model.logits, false, 0);
}

template <class P>
void time_decode(const char* name, int batch) {
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  decode_step<P>(batch);
  CHECK(cudaStreamEndCapture(stream, &graph));
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  const double us = time_us([&](int) { cudaGraphLaunch(exec, stream); }, 20);
  const double bytes = (kLayerWeights * kLayers + double{kV} * kD) * bytes_of<typename P::Format>() *
                           (P::Format::kHalvesPerGroup ? 1 + 2.0 / kGroup / bytes_of<typename P::Format>() : 1) +
                       batch * kLayers * (kN + 3) * kE * 8.0;
  std::printf("decode %-28s b=%d overlap=%d: %8.1f us  %8.1f tok/s  %6.0f GB/s\n", name, batch, overlap, us,
              batch * 1e6 / us, bytes / us * 1e-3);
  cudaGraphExecDestroy(exec), cudaGraphDestroy(graph);
}

// Single phases over the layers' weights in turn.
template <class P>
void time_phases(const char* name, int batch) {
  const double size = bytes_of<typename P::Format>();
  const auto show = [&](const char* phase, double elements, double us) {
    std::printf("phase %-12s %-10s b=%d: %7.2f us %6.0f GB/s\n", name, phase, batch, us, elements * size / us * 1e-3);
  };
  show("in_proj", 2.0 * kE * kD,
       time_us([&](int i) { norm_product<P>(Layer<P>(i % 64).in, batch, model.z, true, i % 64); }, 10, 32));
  show("x_proj", double{kQ} * kE, time_us([&](int i) { x_product<P>(Layer<P>(i % 64).x, batch); }, 10, 32));
  show("state", double{kE} * kR, time_us([&](int i) { state_step<P>(Layer<P>(i % 64).dt, batch, i % 64); }, 10, 32));
  show("out_proj", double{kD} * kE, time_us([&](int i) { add_product<P>(Layer<P>(i % 64).out, batch); }, 10, 32));
}

template <class P>
void check_decode(const char* name, int batch) {
  using F = typename P::Format;
  const Kind kind = kind_of<F>(), dt_kind = kind_of<typename P::Dt>();
  const Layer<P> layer(1);
  const int b = batch;
  fill_kernel<<<64, 256, 0, stream>>>(model.residual, 8ll * kD, 100 + b, 1.0f, 0.0f);
  float *window = model.window + 8 * 3 * kE, *state = model.state + 8ll * kN * kE;
  fill_kernel<<<64, 256, 0, stream>>>(window, 8ll * 3 * kE, 101, 1.0f, 0.0f);
  fill_kernel<<<64, 256, 0, stream>>>(state, 8ll * kN * kE, 102, 1.0f, 0.0f);
  float *window2 = device<float>(8 * 3 * kE), *state2 = device<float>(8 * kN * kE);
  CHECK(cudaMemcpyAsync(window2, window, 8 * 3 * kE * 4, cudaMemcpyDeviceToDevice, stream));
  CHECK(cudaMemcpyAsync(state2, state, 8ll * kN * kE * 4, cudaMemcpyDeviceToDevice, stream));
  bf16* x = device<bf16>(8 * kD);
  float *xz = device<float>(8 * 2 * kE), *q = device<float>(8 * kQ), *q2 = device<float>(8 * kQ);
  bf16 *u = device<bf16>(8 * kE), *dt = device<bf16>(8 * kR), *y = device<bf16>(8 * kE);
  float *delta = device<float>(8 * kE), *out = device<float>(8 * kD), *BC = device<float>(8 * 32);
  std::vector<Segment> segments;
  const int32_t slots[8] = {3, 0, 7, 1, 6, 2, 5, 4};
  for (int t = 0; t < b; ++t) segments.push_back({t, 1, slots[t]});
  Segment* s = device<Segment>(8);
  CHECK(cudaMemcpy(s, segments.data(), b * sizeof(Segment), cudaMemcpyHostToDevice));
  const std::string tag = std::string(name) + " b=" + std::to_string(b) + " ";

  float* rounded = device<float>(8 * kE);
  const auto multiplied = [&](const bf16* elements, int columns, Kind weights) {
    round_reference<<<(b * columns / kGroup + 7) / 8, 256, 0, stream>>>(rounded, elements, weights != Kind::bf16);
    return rounded;
  };
  norm_reference<<<b, 32, 0, stream>>>(x, model.residual, model.norm, kD, kD, kD, 1e-5f);
  product_reference<<<b * 2 * kE / 8, 256, 0, stream>>>(xz, multiplied(x, kD, kind), layer.in.data, layer.in.scales,
                                                        kind, b, 2 * kE, kD);
  conv_reference<<<dim3(kE / 256, b), 256, 0, stream>>>(u, window2, xz, 2 * kE, model.taps, model.conv_bias, s);
  norm_product<P>(layer.in, b, model.z, true, 1);
  compare(tag + "u", host(model.u, b * kE), host(u, b * kE), 3e-3);
  compare(tag + "window", host(window, 8 * 3 * kE), host(window2, 8 * 3 * kE), 1e-5 + 2e-3);
  std::vector<float> xz2 = host(xz, b * 2 * kE), z2;
  for (int t = 0; t < b; ++t) z2.insert(z2.end(), xz2.begin() + t * 2 * kE + kE, xz2.begin() + (t + 1) * 2 * kE);
  compare(tag + "z", host(model.z, b * kE), z2, 1e-3);

  x_product<P>(layer.x, b);
  product_reference<<<b * kQ / 8, 256, 0, stream>>>(q, multiplied(model.u, kE, kind), layer.x.data, layer.x.scales,
                                                    kind, b, kQ, kE);
  sum_partials<<<(b * kQ + 255) / 256, 256, 0, stream>>>(q2, model.partial, b * kQ, kStepSplits);
  compare(tag + "x_proj", host(q2, b * kQ), host(q, b * kQ), 1e-5);

  norm_reference<<<b, 32, 0, stream>>>(dt, q2, nullptr, kR, kQ, kR, 1e-6f);
  norm_reference<<<b, 32, 0, stream>>>(BC, q2 + kR, nullptr, kN, kQ, 32, 1e-6f);
  norm_reference<<<b, 32, 0, stream>>>(BC + 16, q2 + kR + kN, nullptr, kN, kQ, 32, 1e-6f);
  product_reference<<<b * kE / 8, 256, 0, stream>>>(delta, multiplied(dt, kR, dt_kind), layer.dt.data, layer.dt.scales,
                                                    dt_kind, b, kE, kR);
  // z as the kernel made it
  scan_reference<<<dim3(kE / 64, b), 64, 0, stream>>>(y, state2, model.u, delta, model.z, kE, BC, BC + 16, 32, model.A,
                                                      model.D, model.dt_bias, s);
  state_step<P>(layer.dt, b, 1);
  compare(tag + "y", host(model.y, b * kE), host(y, b * kE), 3e-3);
  compare(tag + "state", host(state, 8ll * kN * kE), host(state2, 8ll * kN * kE), 1e-4);

  product_reference<<<b * kD / 8, 256, 0, stream>>>(out, multiplied(model.y, kE, kind), layer.out.data,
                                                    layer.out.scales, kind, b, kD, kE);
  std::vector<float> before = host(model.residual, b * kD), sum = host(out, b * kD);
  add_product<P>(layer.out, b);
  for (size_t i = 0; i < sum.size(); ++i) sum[i] += before[i];
  compare(tag + "residual", host(model.residual, b * kD), sum, 1e-5);
}

// A sequence's bits do not depend on its neighbours, nor do two runs differ.
template <class P>
void check_bits(const char* name) {
  std::vector<float> first;
  for (int b : {8, 8, 1, 3}) {
    fill_kernel<<<64, 256, 0, stream>>>(model.residual, 8ll * kD, 7, 1.0f, 0.0f);
    fill_kernel<<<64, 256, 0, stream>>>(model.window, 4ll * 8 * 3 * kE, 101, 1.0f, 0.0f);
    fill_kernel<<<64, 256, 0, stream>>>(model.state, 4ll * 8 * kN * kE, 102, 1.0f, 0.0f);
    decode_step<P>(b, 4, true);
    std::vector<float> logits = host(model.logits, kV);
    if (first.empty()) first = logits;
    const bool same = std::memcmp(first.data(), logits.data(), kV * 4) == 0;
    std::printf("  check %s bits of 4 layers and head, batch %d: %s\n", name, b, same ? "same" : "DIFFER");
    all_good = all_good && same;
  }
}

// ---- scan, convolution -------------------------------------------------------------------------------------------
struct ScanData {
  int64_t l;
  bf16 *u, *y, *y2;
  float *B, *state, *state2;
  void *delta, *z;
  Segment* segments;
};
template <class G>
ScanData make_scan(int64_t l, int64_t rows_alloc, int slots) {
  ScanData d;
  d.l = l;
  d.u = random<bf16>(rows_alloc * kE, 21), d.y = device<bf16>(rows_alloc * kE), d.y2 = device<bf16>(rows_alloc * kE);
  d.B = random<float>(rows_alloc * kQ, 22);
  d.delta = random<G>(rows_alloc * kE, 23, 1.0f), d.z = random<G>(rows_alloc * 2 * kE, 24, 2.0f);
  d.state = random<float>(int64_t{slots} * kN * kE, 25), d.state2 = device<float>(int64_t{slots} * kN * kE);
  d.segments = device<Segment>(1024);
  return d;
}
template <class G>
ScanProblem<bf16, G> problem(const ScanData& d) {
  return {d.y,
          d.state,
          d.u,
          static_cast<const G*>(d.delta),
          static_cast<const G*>(d.z) + kE,
          d.B + kR,
          d.B + kR + kN,
          model.A,
          model.D,
          model.dt_bias,
          d.segments,
          kE,
          kE,
          kE,
          2 * kE,
          kQ,
          kQ,
          kE};
}
static int set_segments(const ScanData& d, const std::vector<Segment>& segments) {
  CHECK(cudaMemcpy(d.segments, segments.data(), segments.size() * sizeof(Segment), cudaMemcpyHostToDevice));
  return static_cast<int>(segments.size());
}
template <class G, int kTile>
void run_scan(const char* type, const ScanData& d) {
  using S = ScanShape<bf16, G, kTile>;
  const bool saved = overlap;
  overlap = false;
  const auto go = [&](int count) {
    launch(selective_scan_kernel<S>, dim3(kE / kScanChannels, count), S::kThreads, S::kBytes, problem<G>(d));
  };
  char name[80];
  std::snprintf(name, sizeof name, "scan %s tile=%d", type, kTile);
  const std::vector<Segment> ragged = {{0, 37, 1}, {37, 0, 2}, {37, 1, 0}, {38, 90, -1}, {128, 64, 3}};
  const int count = set_segments(d, ragged);
  const int64_t states = 4ll * kN * kE, rows = 192;
  fill_kernel<<<64, 256, 0, stream>>>(d.state, states, 25, 1.0f, 0.0f);
  CHECK(cudaMemcpyAsync(d.state2, d.state, states * 4, cudaMemcpyDeviceToDevice, stream));
  CHECK(cudaMemsetAsync(d.y, 0xff, rows * kE * 2, stream));
  const auto p = problem<G>(d);
  scan_reference<<<dim3(kE / 64, count), 64, 0, stream>>>(d.y2, d.state2, p.u, p.delta, p.z, p.z_stride, p.B, p.C,
                                                          p.B_stride, p.A, p.D, p.delta_bias, d.segments);
  go(count);
  compare(std::string(name) + " y", host(d.y, rows * kE), host(d.y2, rows * kE), 3e-3);
  compare(std::string(name) + " state", host(d.state, states), host(d.state2, states), 1e-5);
  for (int64_t l : {int64_t{2048}, d.l}) {
    set_segments(d, {{0, l, 0}});
    const double us = time_us([&](int) { go(1); }, 7);
    std::printf("%-48s l=%5lld: %8.1f us  %6.2f ns per token\n", name, static_cast<long long>(l), us, us * 1e3 / l);
  }
  overlap = saved;
}
template <class X, int kAhead>
void run_conv(const char* type, const ScanData& d, int strip) {
  const int64_t l = d.l;
  ConvProblem<X, bf16> p{
      d.y, d.state, static_cast<const X*>(d.z), model.taps, model.conv_bias, d.segments, kE, 2 * kE, 0, kE, strip};
  const auto go = [&](int64_t rows) {
    causal_conv1d_kernel<X, bf16, 4, kAhead>
        <<<dim3(kE / kVector / 128, (rows + strip - 1) / strip), 128, 0, stream>>>(p);
  };
  const std::vector<Segment> ragged = {{0, 31, 1}, {31, 2, 2}, {33, 1, 0}, {34, 90, -1}, {124, 0, 3}, {130, 62, 4}};
  p.segment_count = set_segments(d, ragged);
  fill_kernel<<<64, 256, 0, stream>>>(d.state, 5ll * 3 * kE, 25, 1.0f, 0.0f);
  CHECK(cudaMemcpyAsync(d.state2, d.state, 5 * 3 * kE * 4, cudaMemcpyDeviceToDevice, stream));
  CHECK(cudaMemsetAsync(d.y, 0, 192 * kE * 2, stream));
  CHECK(cudaMemsetAsync(d.y2, 0, 192 * kE * 2, stream));
  conv_reference<<<dim3(kE / 256, p.segment_count), 256, 0, stream>>>(d.y2, d.state2, p.x, p.x_stride, model.taps,
                                                                      model.conv_bias, d.segments);
  go(192);
  char name[80];
  std::snprintf(name, sizeof name, "conv %s strip=%d ahead=%d", type, strip, kAhead);
  compare(std::string(name) + " u", host(d.y, 192 * kE), host(d.y2, 192 * kE), 3e-3);
  compare(std::string(name) + " state", host(d.state, 5 * 3 * kE), host(d.state2, 5 * 3 * kE), 1e-5);
  p.segment_count = set_segments(d, {{0, l, 0}});
  const double us = time_us([&](int) { go(l); }, 10);
  std::printf("%-40s l=%lld: %8.1f us  %6.0f GB/s\n", name, static_cast<long long>(l), us,
              l * kE * (2.0 + sizeof(X)) / us * 1e-3);
}
template <class G>
void run_step(const char* type, const ScanData& d, int b, int rows) {
  std::vector<Segment> segments;
  for (int t = 0; t < b; ++t) segments.push_back({t, 1, b - 1 - t});
  set_segments(d, segments);
  const int64_t states = static_cast<int64_t>(b) * kN * kE;
  CHECK(cudaMemcpyAsync(d.state2, d.state, states * 4, cudaMemcpyDeviceToDevice, stream));
  const auto p = problem<G>(d);
  scan_reference<<<dim3(kE / 64, b), 64, 0, stream>>>(d.y2, d.state2, p.u, p.delta, p.z, p.z_stride, p.B, p.C,
                                                      p.B_stride, p.A, p.D, p.delta_bias, d.segments);
  const auto go = [&] {
    selective_step_kernel<bf16, G><<<dim3(kE / kStepBlockChannels, rows), 256, 0, stream>>>(p, b);
  };
  go();
  char name[80];
  std::snprintf(name, sizeof name, "step %s b=%d blocks=%d", type, b, rows);
  compare(std::string(name) + " y", host(d.y, int64_t{b} * kE), host(d.y2, int64_t{b} * kE), 3e-3);
  compare(std::string(name) + " state", host(d.state, states), host(d.state2, states), 1e-5);
  const double us = time_us([&](int) { go(); }, 10);
  std::printf("%-40s %8.1f us  %6.0f GB/s\n", name, us, b * kE * (kN * 8.0 + 4 + 2 * sizeof(G)) / us * 1e-3);
}

// ---- library products --------------------------------------------------------------------------------------------
static cublasLtHandle_t lt;
static void* workspace;
constexpr size_t kWorkspace = 64 << 20;

// y [m, o] (+)= x [m, i] w [o, i]^T; the best of the heuristics' first `tries`.
static void time_product(const char* name, int64_t m, int64_t o, int64_t i, cudaDataType_t in, cudaDataType_t out,
                         bool accumulate, int tries = 8, bool outer = false) {
  cublasLtMatmulDesc_t op;
  cublasLtMatmulDescCreate(&op, CUBLAS_COMPUTE_32F, CUDA_R_32F);
  const cublasOperation_t t = CUBLAS_OP_T;
  cublasLtMatmulDescSetAttribute(op, CUBLASLT_MATMUL_DESC_TRANSA, &t, sizeof t);
  static float* scale = random<float>(131072, 77, 0.1f, 1.0f);
  if (in == CUDA_R_8F_E4M3) {
    cublasLtMatmulDescSetAttribute(op, CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, &scale, sizeof scale);
    cublasLtMatmulDescSetAttribute(op, CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, &scale, sizeof scale);
    if (outer) {
      const cublasLtMatmulMatrixScale_t mode = CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F;
      cublasLtMatmulDescSetAttribute(op, CUBLASLT_MATMUL_DESC_A_SCALE_MODE, &mode, sizeof mode);
      cublasLtMatmulDescSetAttribute(op, CUBLASLT_MATMUL_DESC_B_SCALE_MODE, &mode, sizeof mode);
    }
  }
  cublasLtMatrixLayout_t a, b, c;
  cublasLtMatrixLayoutCreate(&a, in, i, o, i);
  cublasLtMatrixLayoutCreate(&b, in, i, m, i);
  cublasLtMatrixLayoutCreate(&c, out, o, m, o);
  cublasLtMatmulPreference_t preference;
  cublasLtMatmulPreferenceCreate(&preference);
  cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &kWorkspace,
                                       sizeof kWorkspace);
  cublasLtMatmulHeuristicResult_t results[32];
  int found = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(lt, op, a, b, c, c, preference, tries, results, &found);
  if (found == 0) {
    std::printf("product %-10s m=%lld: no algorithm (%d)\n", name, static_cast<long long>(m), status);
    return;
  }
  static bf16* x = random<bf16>(8192ll * 8192, 31, 1.0f);
  static float* y = device<float>(8192ll * 16384);
  const float one = 1.0f, beta = accumulate ? 1.0f : 0.0f;
  const int64_t element = in == CUDA_R_8F_E4M3 ? 1 : 2, rotate = std::max<int64_t>(1, (256 << 20) / (o * i * element));
  double best = 1e30, first = 0;
  int which = 0;
  for (int k = 0; k < found; ++k) {
    const double us = time_us(
        [&](int n) {
          const char* w = model.weights + n % rotate * o * i * element;
          cublasLtMatmul(lt, op, &one, w, a, x, b, &beta, y, c, y, c, &results[k].algo, workspace, kWorkspace, stream);
        },
        5, m > 1000 ? 2 : 8);
    if (k == 0) first = us;
    if (us < best) best = us, which = k;
  }
  const double flops = 2.0 * m * o * i,
               bytes = o * i * element + m * i * element + m * o * (out == CUDA_R_32F ? 4.0 : 2.0);
  std::printf(
      "product %-22s m=%5lld o=%5lld i=%4lld: %8.1f us (first choice %8.1f, best %2d of %d) %7.1f TFLOP/s %6.0f GB/s\n",
      name, static_cast<long long>(m), static_cast<long long>(o), static_cast<long long>(i), best, first, which, found,
      flops / best * 1e-6, bytes / best * 1e-3);
}

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "all";
  const auto wants = [&](const char* part) { return what == "all" || what.find(part) != std::string::npos; };
  CHECK(cudaStreamCreate(&stream));
  cudaDeviceProp properties;
  CHECK(cudaGetDeviceProperties(&properties, 0));
  std::printf("%s, %d multiprocessors\n", properties.name, properties.multiProcessorCount);
  make_model();
  CHECK(cudaStreamSynchronize(stream));
  {
    const int64_t bytes = 4ll << 30;
    const double us = time_us(
        [&](int) { cudaMemcpyAsync(model.weights, model.weights + bytes, bytes, cudaMemcpyDeviceToDevice, stream); },
        5);
    std::printf("copy: %.0f GB/s\n", 2 * bytes / us * 1e-3);
  }
  using Bf = Sixteen<bf16>;
  if (wants("check")) {
    for (int b : {1, 3, 8}) {
      check_decode<Plan<Bf, 6, 6>>("bf16", b);
      check_decode<Plan<Int8, 4, 4>>("int8", b);
      check_decode<Plan<Int4, 4, 4>>("int4", b);
    }
    check_bits<Plan<Bf, 6, 6>>("bf16");
    check_bits<Plan<Int8, 4, 4>>("int8");
    check_bits<Plan<Int4, 4, 4>>("int4");
  }
  if (wants("decode")) {
    overlap = true;
    time_decode<Plan<Bf, 12, 12>>("bf16 queues 12, 12", 1);
    time_decode<Plan<Bf, 12, 12>>("bf16 queues 12, 12", 2);
    time_decode<Plan<Bf, 8, 8>>("bf16 queues 8, 8", 4);
    time_decode<Plan<Bf, 6, 6>>("bf16 queues 6, 6", 8);
    time_decode<Plan<Int8, 8, 8>>("int8 queues 8, 8", 1);
    time_decode<Plan<Int8, 4, 4>>("int8 queues 4, 4", 8);
    time_decode<Plan<Int4, 6, 6>>("int4 queues 6, 6", 1);
    time_decode<Plan<Int4, 8, 8>>("int4 queues 8, 8", 1);
    time_decode<Plan<Int4, 4, 4>>("int4 queues 4, 4", 8);
    time_phases<Plan<Bf, 8, 8>>("bf16", 1);
    time_phases<Plan<Bf, 6, 6>>("bf16", 8);
    time_phases<Plan<Int8, 8, 8>>("int8", 1);
    time_phases<Plan<Int4, 6, 6>>("int4", 1);
    time_phases<Plan<Int8, 4, 4>>("int8", 8);
    time_phases<Plan<Int4, 4, 4>>("int4", 8);
    overlap = false;
    time_phases<Plan<Bf, 8, 8>>("bf16 alone", 1);
  }
  if (wants("scan")) {
    const ScanData d = make_scan<bf16>(8192, 8192, 256), f = make_scan<float>(8192, 8192, 256);
    run_scan<bf16, 32>("bf16", d);
    run_scan<float, 16>("f32", f);
    run_conv<bf16, 8>("bf16", d, 64), run_conv<float, 4>("f32", f, 16);
    for (int b : {64, 256})
      for (int rows : {16}) run_step<float>("f32", f, b, rows), run_step<bf16>("bf16", d, b, rows);
  }
  if (wants("product")) {
    cublasLtCreate(&lt);
    CHECK(cudaMalloc(&workspace, kWorkspace));
    for (int64_t m : {8, 64, 256, 2048, 8192}) {
      time_product("in bf16->bf16", m, 2 * kE, kD, CUDA_R_16BF, CUDA_R_16BF, false);
      time_product("in bf16->f32", m, 2 * kE, kD, CUDA_R_16BF, CUDA_R_32F, false);
      time_product("x bf16->f32", m, kQ, kE, CUDA_R_16BF, CUDA_R_32F, false);
      time_product("dt bf16->bf16", m, kE, kR, CUDA_R_16BF, CUDA_R_16BF, false);
      time_product("dt bf16->f32", m, kE, kR, CUDA_R_16BF, CUDA_R_32F, false);
      time_product("out bf16->f32 +=", m, kD, kE, CUDA_R_16BF, CUDA_R_32F, true);
    }
    for (int64_t m : {64, 256}) time_product("head bf16->f32", m, kV, kD, CUDA_R_16BF, CUDA_R_32F, false, 4);
    for (int64_t m : {2048, 8192}) {
      time_product("in fp8->bf16", m, 2 * kE, kD, CUDA_R_8F_E4M3, CUDA_R_16BF, false);
      time_product("in fp8->bf16 outer", m, 2 * kE, kD, CUDA_R_8F_E4M3, CUDA_R_16BF, false, 8, true);
      time_product("in fp8->f32 outer", m, 2 * kE, kD, CUDA_R_8F_E4M3, CUDA_R_32F, false, 8, true);
      time_product("out fp8->f32 +=", m, kD, kE, CUDA_R_8F_E4M3, CUDA_R_32F, true);
      time_product("out fp8->f32 += outer", m, kD, kE, CUDA_R_8F_E4M3, CUDA_R_32F, true, 8, true);
    }
  }
  CHECK(cudaDeviceSynchronize());
  std::printf(all_good ? "done\n" : "done; a check FAILED\n");
  return all_good ? 0 : 1;
}
