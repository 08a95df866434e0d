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
  float decay;
};

// Tensors of one launch, as many as its 4 KB of arguments hold; of tensor i are blocks [first_block[i],
// first_block[i + 1]).
struct Updates {
  static constexpr int kMost = 56;

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
template <int kWidth>
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
    p = load_vector<kWidth>(u.parameter + i);
    m = load_vector<kWidth>(u.moment1 + i);
    v = load_vector<kWidth>(u.moment2 + i);
    g = load_vector<kWidth>(u.gradient + i);
  }
  if (threadIdx.x == 0) shared_factor = gradient_factor(step);
  __syncthreads();
  if (!there) return;
  const float factor = shared_factor;
  Vector<__nv_bfloat16, kWidth> rounded;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) {
    const float scaled = g.at[k] * factor;
    m.at[k] = fmaf(step.keep1, m.at[k], step.take1 * scaled);
    v.at[k] = fmaf(step.keep2, v.at[k], step.take2 * (scaled * scaled));
    p.at[k] = moved(p.at[k], m.at[k], v.at[k], step);
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
          .decay = static_cast<float>(args.lr * args.weight_decay)};
}

bool in_fours(const AdamwArgs& args) {
  const int64_t count = args.parameter.shape.elements();
  const auto flat = [&](const ConstTensorView& view) {  // all are contiguous
    return view ? ConstTensorView(view.data, view.dtype, Shape{count}) : view;
  };
  return are_fours(
      count, {flat(args.parameter), flat(args.moment1), flat(args.moment2), flat(args.rounded), flat(args.gradient)});
}

// The tensors of a list of one width, in launches that are as full as they get.
template <int kWidth>
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
    adamw_kernel<kWidth><<<all_.first_block[all_.count], kThreads, 0, handle(stream_)>>>(all_);
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
  Launches<4> fours(stream, step);
  Launches<1> ones(stream, step);
  for (const AdamwArgs& args : list) {
    if (args.parameter.shape.elements() == 0) continue;
    in_fours(args) ? fours.add(update_of(args)) : ones.add(update_of(args));
  }
  fours.launch();
  ones.launch();
}

}  // namespace saker::cuda
