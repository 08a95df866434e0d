#include "ops/linear/linear_onednn.h"

#ifdef _OPENMP
#include <omp.h>
#endif

#include <map>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include "core/error.h"

namespace saker::cpu {

namespace {

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

// A product y [l, o] = x [l, i] weight [o, i]^T as oneDNN knows it.
struct Problem {
  int64_t l, o, i;
  bool bf16, bias, accumulate;
  int threads;

  auto key() const { return std::tie(l, o, i, bf16, bias, accumulate, threads); }
  bool operator<(const Problem& other) const { return key() < other.key(); }

  dnnl::memory::data_type input_type() const {
    return bf16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
  }
  dnnl::memory::desc x() const { return {{l, i}, input_type(), dnnl::memory::dims{i, 1}}; }
  dnnl::memory::desc weight() const { return {{i, o}, input_type(), dnnl::memory::dims{1, i}}; }
  dnnl::memory::desc y() const { return {{l, o}, dnnl::memory::data_type::f32, dnnl::memory::dims{o, 1}}; }
  dnnl::memory::desc bias_row() const { return {{1, o}, dnnl::memory::data_type::f32, dnnl::memory::dims{o, 1}}; }
};

struct Product {
  dnnl::matmul primitive;
  dnnl::memory::desc scratchpad;
};

// Nothing if oneDNN would use another routine than brgemm.
std::optional<Product> make_product(const Problem& problem) {
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
  constexpr bool kAllowNone = true;
  const dnnl::matmul::primitive_desc prepared(description, attributes, engine(), kAllowNone);
  if (!prepared || !std::string_view(prepared.impl_info_str()).starts_with("brg")) return std::nullopt;
  return Product{dnnl::matmul(prepared), prepared.scratchpad_desc()};
}

// Code for a shape is generated once and kept; a run meets few shapes.
std::optional<Product> product_for(const Problem& problem) {
  constexpr size_t kKept = 256;
  static std::mutex mutex;
  static std::map<Problem, std::optional<Product>> products;
  const std::lock_guard lock(mutex);
  if (const auto found = products.find(problem); found != products.end()) return found->second;
  if (products.size() >= kKept) products.clear();
  return products.emplace(problem, make_product(problem)).first->second;
}

void execute(Stream& stream, const Problem& problem, const Product& product, const LinearArgs& args) {
  const auto memory = [](const dnnl::memory::desc& description, const void* data) {
    return dnnl::memory(description, engine(), const_cast<void*>(data));
  };
  std::unordered_map<int, dnnl::memory> arguments{
      {DNNL_ARG_SRC, memory(problem.x(), args.x.data)},
      {DNNL_ARG_WEIGHTS, memory(problem.weight(), args.weight.data)},
      {DNNL_ARG_DST, memory(problem.y(), args.y.data)},
      {DNNL_ARG_SCRATCHPAD, memory(product.scratchpad, stream.scratch(product.scratchpad.get_size()))}};
  if (problem.bias) arguments.emplace(DNNL_ARG_BIAS, memory(problem.bias_row(), args.bias.data));
  dnnl::stream queue(engine());
  product.primitive.execute(queue, arguments);
  queue.wait();
}

}  // namespace

bool linear_onednn(Stream& stream, const LinearArgs& args) {
  const DType dtype = args.weight.dtype;
  if (dtype == DType::f16 || args.x.columns() == 0 || !args.x.contiguous() || !args.y.contiguous()) return false;
  const Problem problem{.l = args.x.rows(),
                        .o = args.weight.rows(),
                        .i = args.x.columns(),
                        .bf16 = dtype == DType::bf16,
                        .bias = static_cast<bool>(args.bias),
                        .accumulate = args.accumulate,
                        .threads = stream.threads()};
  try {
#ifdef _OPENMP
    omp_set_num_threads(stream.threads());
#endif
    const std::optional<Product> product = product_for(problem);
    if (product) execute(stream, problem, *product, args);
    return product.has_value();
  } catch (const dnnl::error& error) {
    fail(ErrorCode::internal, "[linear] oneDNN refuses a product of {} x {} x {}: {}", problem.l, problem.o, problem.i,
         error.what());
  }
}

}  // namespace saker::cpu
