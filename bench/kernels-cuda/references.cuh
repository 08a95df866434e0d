// The shapes of the 7B model, and what the kernels are held against: plain loops on the device, in double.
#pragma once

#include <cmath>
#include <cstdint>

#include "ops/mixer_step/mixer_step_kernels.cuh"

using namespace saker::cuda;
using saker::Segment;
using bf16 = __nv_bfloat16;

constexpr int kD = 4096, kE = 8192, kN = 16, kR = 256, kV = 65024, kLayers = 64, kQ = kR + 2 * kN;

enum class Kind { bf16, int8, int4 };
__device__ double weight_at(const void* data, const bf16* scales, Kind kind, int outputs, int inputs, int64_t o,
                            int64_t i) {
  if (kind == Kind::bf16) return __bfloat162float(static_cast<const bf16*>(data)[o * inputs + i]);
  const double scale = __bfloat162float(scales[i / kGroup * outputs + o]);
  if (kind == Kind::int8) return scale * static_cast<const int8_t*>(data)[o * inputs + i];
  const uint32_t word = static_cast<const uint32_t*>(data)[(o * inputs + i) / 8];
  const int k = i % 8, nibble = k / 2 + k % 2 * 4;
  return scale * (static_cast<int>(word >> (4 * nibble) & 15) - 8);
}
// x as products multiply it: as it is, or as fixed point (ops/linear/streamed_x.cuh). A warp has a group of 128.
__global__ void round_reference(float* to, const bf16* x, bool fixed) {
  const int64_t first = (blockIdx.x * 8ll + threadIdx.x / 32) * kGroup + threadIdx.x % 32;
  double largest = 0;
  for (int i = 0; i < kGroup; i += 32) largest = fmax(largest, fabs(static_cast<double>(widen(x[first + i]))));
  for (int k = 16; k; k /= 2) largest = fmax(largest, __shfl_xor_sync(~0u, largest, k));
  const double scale = fixed && largest > 0 ? exp2(floor(log2(largest)) - 14) : 0;
  for (int i = 0; i < kGroup; i += 32) {
    const double value = widen(x[first + i]);
    to[first + i] = static_cast<float>(scale > 0 ? rint(value / scale) * scale : value);
  }
}
// y[t, o] = sum_i w[o, i] x[t, i].
__global__ void product_reference(float* y, const float* x, const void* data, const bf16* scales, Kind kind, int batch,
                                  int outputs, int inputs) {
  const int64_t index = blockIdx.x * 8ll + threadIdx.x / 32;
  if (index >= static_cast<int64_t>(batch) * outputs) return;
  const int64_t t = index / outputs, o = index % outputs;
  double sum = 0;
  for (int64_t i = threadIdx.x % 32; i < inputs; i += 32)
    sum += weight_at(data, scales, kind, outputs, inputs, o, i) * x[t * inputs + i];
  for (int k = 16; k; k /= 2) sum += __shfl_xor_sync(~0u, sum, k);
  if (threadIdx.x % 32 == 0) y[index] = static_cast<float>(sum);
}
template <class T>
__global__ void norm_reference(T* y, const float* x, const float* w, int columns, int stride, int out_stride,
                               float eps) {
  __shared__ double total;
  double sum = 0;
  for (int i = threadIdx.x; i < columns; i += 32)
    sum += static_cast<double>(x[blockIdx.x * stride + i]) * x[blockIdx.x * stride + i];
  for (int k = 16; k; k /= 2) sum += __shfl_xor_sync(~0u, sum, k);
  if (threadIdx.x == 0) total = sum;
  __syncwarp();
  const double scale = 1 / sqrt(total / columns + eps);
  for (int i = threadIdx.x; i < columns; i += 32)
    y[blockIdx.x * out_stride + i] =
        round_to<T>(static_cast<float>((w ? w[i] : 1.0) * (x[blockIdx.x * stride + i] * scale)));
}
template <class X>
__global__ void conv_reference(bf16* u, float* window, const X* x, int64_t stride, const float* taps, const float* bias,
                               const Segment* segments) {
  const Segment s = segments[blockIdx.y];
  const int e = blockIdx.x * 256 + threadIdx.x;
  double w[3];
  for (int j = 0; j < 3; ++j) w[j] = s.slot < 0 ? 0 : window[(s.slot * 3 + j) * kE + e];
  for (int64_t t = s.begin; t < s.begin + s.length; ++t) {
    const double now = widen(x[t * stride + e]);
    const double c = bias[e] + taps[e] * w[0] + taps[kE + e] * w[1] + taps[2 * kE + e] * w[2] + taps[3 * kE + e] * now;
    u[t * kE + e] = __float2bfloat16(static_cast<float>(c / (1 + exp(-c))));
    w[0] = w[1], w[1] = w[2], w[2] = now;
  }
  for (int j = 0; j < 3 && s.slot >= 0; ++j) window[(s.slot * 3 + j) * kE + e] = w[j];
}
template <class G>
__global__ void scan_reference(bf16* y, float* state, const bf16* u, const G* delta, const G* z, int64_t z_stride,
                               const float* B, const float* C, int64_t bc_stride, const float* A, const float* D,
                               const float* bias, const Segment* segments) {
  const Segment s = segments[blockIdx.y];
  const int e = blockIdx.x * 64 + threadIdx.x;
  double h[kN];
  for (int n = 0; n < kN; ++n) h[n] = s.slot < 0 ? 0 : state[(s.slot * kN + n) * kE + e];
  for (int64_t t = s.begin; t < s.begin + s.length; ++t) {
    const double v = static_cast<double>(widen(delta[t * kE + e])) + bias[e], step = v > 20 ? v : log1p(exp(v));
    const double uu = widen(u[t * kE + e]), zz = widen(z[t * z_stride + e]);
    double sum = D[e] * uu;
    for (int n = 0; n < kN; ++n) {
      h[n] = exp(step * A[n * kE + e]) * h[n] + step * uu * B[t * bc_stride + n];
      sum += C[t * bc_stride + n] * h[n];
    }
    y[t * kE + e] = __float2bfloat16(static_cast<float>(sum * zz / (1 + exp(-zz))));
  }
  for (int n = 0; n < kN && s.slot >= 0; ++n) state[(s.slot * kN + n) * kE + e] = h[n];
}
__global__ void sum_partials(float* q, const float* partial, int count, int splits) {
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= count) return;
  double sum = 0;
  for (int s = 0; s < splits; ++s) sum += partial[s * count + i];
  q[i] = sum;
}
__global__ void negative_exp(float* p, int64_t count) {
  for (int64_t i = blockIdx.x * 256ll + threadIdx.x; i < count; i += gridDim.x * 256ll) p[i] = -expf(p[i]);
}
