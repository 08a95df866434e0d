#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "device/cuda/check.cuh"
#include "device/gpu.h"

namespace saker {

namespace {

// The words of core/rng.h.
__device__ uint4 philox(uint64_t seed, uint64_t stream, uint64_t index) {
  uint4 c = make_uint4(static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), static_cast<uint32_t>(stream),
                       static_cast<uint32_t>(stream >> 32));
  uint32_t key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint32_t high0 = __umulhi(0xD2511F53u, c.x), high1 = __umulhi(0xCD9E8D57u, c.z);
    c = make_uint4(high1 ^ c.y ^ key0, 0xCD9E8D57u * c.z, high0 ^ c.w ^ key1, 0xD2511F53u * c.x);
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return c;
}

// In (0, 1].
__device__ float unit(uint32_t word) {
  return (static_cast<float>(word >> 8) + 1.0f) * 0x1p-24f;
}

__device__ void store(float* to, float value) {
  *to = value;
}
__device__ void store(__nv_bfloat16* to, float value) {
  *to = __float2bfloat16_rn(value);
}
__device__ void store(__half* to, float value) {
  *to = __float2half_rn(value);
}

// Four elements per block of words, as the initialisation on the CPU has them.
template <class T>
__global__ void fill_kernel(T* to, int64_t count, RandomKind kind, float scale, uint64_t seed, uint64_t stream) {
  const int64_t blocks = (count + 3) / 4;
  for (int64_t block = blockIdx.x * int64_t{blockDim.x} + threadIdx.x; block < blocks;
       block += int64_t{gridDim.x} * blockDim.x) {
    const uint4 words = philox(seed, stream, static_cast<uint64_t>(block));
    const uint32_t word[4] = {words.x, words.y, words.z, words.w};
    float value[4];
    for (int i = 0; i < 4; i += 2) {
      const float radius = sqrtf(-2.0f * logf(unit(word[i])));
      float sine, cosine;
      sincospif(2.0f * unit(word[i + 1]), &sine, &cosine);
      value[i] = kind == RandomKind::normal ? radius * cosine : 2.0f * unit(word[i]) - 1.0f;
      value[i + 1] = kind == RandomKind::normal ? radius * sine : 2.0f * unit(word[i + 1]) - 1.0f;
    }
    for (int i = 0; i < 4 && block * 4 + i < count; ++i) store(to + block * 4 + i, value[i] * scale);
  }
}

}  // namespace

void gpu_fill_random(int gpu, void* to, DType dtype, int64_t count, RandomKind kind, float scale, uint64_t seed,
                     uint64_t stream) {
  const cuda::DeviceGuard guard(gpu);
  constexpr int kBlocks = 2048, kThreads = 256;
  switch (dtype) {
    case DType::f32:
      fill_kernel<<<kBlocks, kThreads>>>(static_cast<float*>(to), count, kind, scale, seed, stream);
      break;
    case DType::bf16:
      fill_kernel<<<kBlocks, kThreads>>>(static_cast<__nv_bfloat16*>(to), count, kind, scale, seed, stream);
      break;
    case DType::f16:
      fill_kernel<<<kBlocks, kThreads>>>(static_cast<__half*>(to), count, kind, scale, seed, stream);
      break;
    default: fail(ErrorCode::unsupported, "[cuda] expected f32, bf16 or f16, found {}", name(dtype));
  }
  cuda::check(cudaGetLastError(), "fill_kernel");
  cuda::wait_for_all(gpu);
}

}  // namespace saker
