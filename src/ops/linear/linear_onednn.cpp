#include "ops/linear/linear_onednn.h"

#ifdef _OPENMP
#include <omp.h>
#endif

#include <algorithm>
#include <map>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <tuple>
#include <unordered_map>

#include "core/error.h"
#include "device/cpu/parallel.h"

namespace saker::cpu {

namespace {

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

// A product y [l, o] = x [l, i] weight [o, i]^T as oneDNN knows it.
struct Problem {
  int64_t l, o, i, x_stride, y_stride;
  bool bf16, bias, accumulate;
  int threads;

  auto key() const { return std::tie(l, o, i, x_stride, y_stride, bf16, bias, accumulate, threads); }
  bool operator<(const Problem& other) const { return key() < other.key(); }

  dnnl::memory::data_type input_type() const {
    return bf16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
  }
  dnnl::memory::desc x() const { return {{l, i}, input_type(), dnnl::memory::dims{x_stride, 1}}; }
  dnnl::memory::desc weight() const { return {{i, o}, input_type(), dnnl::memory::dims{1, i}}; }
  dnnl::memory::desc y() const { return {{l, o}, dnnl::memory::data_type::f32, dnnl::memory::dims{y_stride, 1}}; }
  dnnl::memory::desc bias_row() const { return {{1, o}, dnnl::memory::data_type::f32, dnnl::memory::dims{o, 1}}; }
};

struct Product {
  dnnl::matmul primitive;
  dnnl::memory::desc scratchpad;
};

Product make_product(const Problem& problem) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (problem.accumulate) {
    dnnl::post_ops add;
    add.append_sum();
    attributes.set_post_ops(add);
  }
  const dnnl::matmul::desc description =
      problem.bias ? dnnl::matmul::desc(problem.x(), problem.weight(), problem.bias_row(), problem.y())
                   : dnnl::matmul::desc(problem.x(), problem.weight(), problem.y());
  const dnnl::matmul::primitive_desc prepared(description, attributes, engine());
  return {dnnl::matmul(prepared), prepared.scratchpad_desc()};
}

// Code for a shape is generated once and kept; a run meets few shapes.
Product product_for(const Problem& problem) {
  constexpr size_t kKept = 256;
  static std::mutex mutex;
  static std::map<Problem, Product> products;
  const std::lock_guard lock(mutex);
  if (const auto found = products.find(problem); found != products.end()) return found->second;
  if (products.size() >= kKept) products.clear();
  return products.emplace(problem, make_product(problem)).first->second;
}

struct Operands {
  float* y;
  const void* x;
  const void* weight;
  const float* bias;
};

// Scratch begins at `scratch_begin` bytes of the stream's; what lies before it is the caller's.
void execute(Stream& stream, const Problem& problem, const Operands& operands, size_t scratch_begin = 0) {
  const Product product = product_for(problem);
  auto* scratch = static_cast<std::byte*>(stream.scratch(scratch_begin + product.scratchpad.get_size()));
  const auto memory = [](const dnnl::memory::desc& description, const void* data) {
    return dnnl::memory(description, engine(), const_cast<void*>(data));
  };
  std::unordered_map<int, dnnl::memory> arguments{
      {DNNL_ARG_SRC, memory(problem.x(), operands.x)},
      {DNNL_ARG_WEIGHTS, memory(problem.weight(), operands.weight)},
      {DNNL_ARG_DST, memory(problem.y(), operands.y)},
      {DNNL_ARG_SCRATCHPAD, memory(product.scratchpad, scratch + scratch_begin)}};
  if (problem.bias) arguments.emplace(DNNL_ARG_BIAS, memory(problem.bias_row(), operands.bias));
  dnnl::stream queue(engine());
  product.primitive.execute(queue, arguments);
  queue.wait();
}

Problem problem_for(const Stream& stream, const LinearArgs& args, bool bf16) {
  return {.l = args.x.rows(),
          .o = args.weight.rows(),
          .i = args.x.columns(),
          .x_stride = args.x.row_stride,
          .y_stride = args.y.row_stride,
          .bf16 = bf16,
          .bias = static_cast<bool>(args.bias),
          .accumulate = args.accumulate,
          .threads = stream.threads()};
}

// Widens `rows` rows into f32, contiguous.
void widen(const Stream& stream, float* to, const ConstTensorView& from, int64_t rows) {
  parallel_for(stream.threads(), rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      convert_elements(to + row * from.columns(), DType::f32,
                       from.as<std::byte>() + static_cast<size_t>(from.offset(row)) * size_of(from.dtype), from.dtype,
                       from.columns());
  });
}

// By blocks of weight rows, each widened to f32.
void execute_widened(Stream& stream, const LinearArgs& args) {
  const int64_t l = args.x.rows(), i = args.x.columns(), o = args.weight.rows();
  // A block is large enough for the product's own blocking and small enough to stay in the last-level cache.
  constexpr int64_t kBlockElements = int64_t{1} << 20;
  const int64_t block = std::min(o, std::max<int64_t>(64, kBlockElements / i / 64 * 64));
  Problem problem = problem_for(stream, args, /*bf16=*/false);
  problem.x_stride = i;

  const size_t x_bytes = static_cast<size_t>(l * i) * sizeof(float);
  const size_t own_bytes = (x_bytes + static_cast<size_t>(block * i) * sizeof(float) + 63) / 64 * 64;
  const auto scratchpad = [&](int64_t rows) {
    Problem part = problem;
    part.o = rows;
    return product_for(part).scratchpad.get_size();
  };
  // Taken whole at once: growing would lose what is already there.
  const size_t most = std::max(scratchpad(block), scratchpad(o % block ? o % block : block));
  auto* x = static_cast<float*>(stream.scratch(own_bytes + most));
  float* weight = x + l * i;
  widen(stream, x, args.x, l);
  for (int64_t begin = 0; begin < o; begin += block) {
    problem.o = std::min(block, o - begin);
    widen(stream, weight, args.weight.slice_rows(begin, problem.o), problem.o);
    const float* bias = args.bias ? args.bias.as<float>() + begin : nullptr;
    execute(stream, problem, {args.y.as<float>() + begin, x, weight, bias}, own_bytes);
  }
}

bool has_bf16_products() {
  const dnnl::cpu_isa isa = dnnl::get_effective_cpu_isa();
  return isa == dnnl::cpu_isa::avx512_core_bf16 || isa == dnnl::cpu_isa::avx512_core_amx;
}

}  // namespace

void linear_onednn(Stream& stream, const LinearArgs& args) {
  try {
#ifdef _OPENMP
    omp_set_num_threads(stream.threads());
#endif
    const DType dtype = args.weight.dtype;
    if (dtype == DType::f32 || (dtype == DType::bf16 && has_bf16_products()))
      execute(stream, problem_for(stream, args, dtype == DType::bf16),
              {args.y.as<float>(), args.x.data, args.weight.data, args.bias.as<float>()});
    else
      execute_widened(stream, args);
  } catch (const dnnl::error& error) {
    fail(ErrorCode::internal, "[linear] oneDNN refuses a product of {} x {} x {}: {}", args.x.rows(),
         args.weight.rows(), args.x.columns(), error.what());
  }
}

}  // namespace saker::cpu
