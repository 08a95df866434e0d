#include "device/cuda/intrinsics.cuh"
#include "device/cuda/launch.cuh"
#include "device/cuda/vectors.cuh"
#include "ops/adamw/adamw_step.cuh"

namespace saker::cuda {

namespace {

constexpr int kThreads = 256;

struct Update {
  float* parameter;  // or null: high and low
  float *moment1, *moment2;
  union {
    __nv_bfloat16* rounded;  // or null
    uint16_t* high;
  };
  uint16_t* low;
  const float* gradient;
  int64_t count;
  float decay;
};

// Tensors of one launch, as many as its 4 KB of arguments hold; of tensor i are blocks [first_block[i],
// first_block[i + 1]).
struct Updates {
  static constexpr int kMost = 48;

  AdamwStep step;  // whose decay is that of the tensor
  int count = 0;
  unsigned first_block[kMost + 1] = {};
  Update tensors[kMost];
};
static_assert(sizeof(Updates) <= 4096);

__device__ __forceinline__ int tensor_of(const Updates& u, unsigned block) {
  int low = 0, high = u.count;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (u.first_block[middle] <= block ? low : high) = middle;
  }
  return low;
}

// A thread for kWidth elements; the operations of the CPU in its order. Bytes: 28 an element, 30 with `rounded`.
template <int kWidth, bool kSplit>
__global__ void __launch_bounds__(kThreads) adamw_kernel(const __grid_constant__ Updates all) {
  __shared__ float shared_factor;
  const int tensor = tensor_of(all, blockIdx.x);
  const Update& u = all.tensors[tensor];
  AdamwStep step = all.step;
  step.decay = u.decay;
  const int64_t i = ((blockIdx.x - all.first_block[tensor]) * int64_t{kThreads} + threadIdx.x) * kWidth;
  const bool there = i < u.count;
  Vector<float, kWidth> p, m, v, g;
  if (there) {
    if constexpr (kSplit) {
      const auto high = load_vector<kWidth>(u.high + i), low = load_vector<kWidth>(u.low + i);
#pragma unroll
      for (int k = 0; k < kWidth; ++k) p.at[k] = joined(high.at[k], low.at[k]);
    } else {
      p = load_vector<kWidth>(u.parameter + i);
    }
    m = load_vector<kWidth>(u.moment1 + i);
    v = load_vector<kWidth>(u.moment2 + i);
    g = load_vector<kWidth>(u.gradient + i);
  }
  if (threadIdx.x == 0) shared_factor = gradient_factor(step);
  __syncthreads();
  if (!there) return;
  const float factor = shared_factor;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) {
    const float scaled = g.at[k] * factor;
    m.at[k] = fmaf(step.keep1, m.at[k], step.take1 * scaled);
    v.at[k] = fmaf(step.keep2, v.at[k], step.take2 * (scaled * scaled));
    p.at[k] = moved(p.at[k], m.at[k], v.at[k], step);
  }
  store_vector(u.moment1 + i, m);
  store_vector(u.moment2 + i, v);
  if constexpr (kSplit) {
    Vector<uint16_t, kWidth> high, low;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) high.at[k] = high_half(p.at[k]), low.at[k] = low_half(p.at[k]);
    store_vector(u.high + i, high);
    store_vector(u.low + i, low);
  } else {
    store_vector(u.parameter + i, p);
    if (!u.rounded) return;
    Vector<__nv_bfloat16, kWidth> rounded;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) rounded.at[k] = round_to<__nv_bfloat16>(p.at[k]);
    store_vector(u.rounded + i, rounded);
  }
}

Update update_of(const AdamwArgs& args) {
  return {.parameter = static_cast<float*>(args.parameter.data),
          .moment1 = static_cast<float*>(args.moment1.data),
          .moment2 = static_cast<float*>(args.moment2.data),
          .rounded = static_cast<__nv_bfloat16*>(args.rounded.data),
          .low = static_cast<uint16_t*>(args.low.data),
          .gradient = static_cast<const float*>(args.gradient.data),
          .count = args.parameter.shape.elements(),
          .decay = static_cast<float>(args.lr * args.weight_decay)};
}

bool in_fours(const AdamwArgs& args) {
  const int64_t count = args.parameter.shape.elements();
  const auto flat = [&](const ConstTensorView& view) {  // all are contiguous
    return view ? ConstTensorView(view.data, view.dtype, Shape{count}) : view;
  };
  const ConstTensorView low = args.low ? TensorView(args.low.data, DType::bf16, Shape{count}) : args.low;
  return are_fours(count, {flat(args.parameter), flat(args.moment1), flat(args.moment2), flat(args.rounded), low,
                           flat(args.gradient)});
}

// The tensors of a list of one kind, in launches that are as full as they get.
template <int kWidth, bool kSplit>
class Launches {
 public:
  Launches(Stream& stream, const AdamwStep& step) : stream_(stream) { all_.step = step; }

  void add(const Update& update) {
    if (all_.count == Updates::kMost) launch();
    const auto blocks = static_cast<unsigned>(ceil_div(update.count, int64_t{kThreads} * kWidth));
    all_.tensors[all_.count] = update;
    all_.first_block[all_.count + 1] = all_.first_block[all_.count] + blocks;
    ++all_.count;
  }
  void launch() {
    if (all_.count == 0) return;
    adamw_kernel<kWidth, kSplit><<<all_.first_block[all_.count], kThreads, 0, handle(stream_)>>>(all_);
    state_of(stream_).launched("adamw_kernel");
    all_.count = 0;
  }

 private:
  Stream& stream_;
  Updates all_;
};

}  // namespace

void adamw(Stream& stream, std::span<const AdamwArgs> list) {
  if (list.empty()) return;
  const AdamwStep step = adamw_step_of(list[0]);
  Launches<4, false> fours(stream, step);
  Launches<1, false> ones(stream, step);
  Launches<4, true> split_fours(stream, step);
  Launches<1, true> split_ones(stream, step);
  for (const AdamwArgs& args : list) {
    if (args.parameter.shape.elements() == 0) continue;
    const Update update = update_of(args);
    if (args.low)
      in_fours(args) ? split_fours.add(update) : split_ones.add(update);
    else
      in_fours(args) ? fours.add(update) : ones.add(update);
  }
  fours.launch();
  ones.launch();
  split_fours.launch();
  split_ones.launch();
}

}  // namespace saker::cuda
