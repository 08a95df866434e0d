#include "ops/linear/product_onednn.h"

#ifdef _OPENMP
#include <omp.h>
#endif

#include <map>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <tuple>
#include <unordered_map>

#include "core/error.h"

namespace saker::cpu {

namespace {

using Memory = dnnl::memory;

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

// oneDNN divides its work for the number of threads that OpenMP has when code is generated and when it runs.
void use_threads(int threads) {
#ifdef _OPENMP
  omp_set_num_threads(threads);
#else
  (void)threads;
#endif
}

auto key(const Product& p) {
  return std::tie(p.m, p.n, p.k, p.a_row, p.a_column, p.b_row, p.b_column, p.c_row, p.type, p.bias, p.accumulate,
                  p.threads);
}

Memory::desc strided(int64_t rows, int64_t columns, Memory::data_type type, int64_t row, int64_t column) {
  return {{rows, columns}, type, Memory::dims{row, column}};
}

class OneDnnProduct : public PreparedProduct {
 public:
  OneDnnProduct(const dnnl::matmul::primitive_desc& description, const Product& product)
      : description_(description), primitive_(description), routine_(description.impl_info_str()), product_(product) {}

  size_t scratch_bytes() const noexcept override { return description_.scratchpad_desc().get_size(); }
  std::string_view routine() const noexcept override { return routine_; }

  void run(const void* a, const void* b, const float* bias, float* c, void* scratch) const override {
    const auto memory = [](const Memory::desc& description, const void* data) {
      return Memory(description, engine(), const_cast<void*>(data));
    };
    use_threads(product_.threads);
    std::unordered_map<int, Memory> arguments{{DNNL_ARG_SRC, memory(description_.src_desc(), a)},
                                              {DNNL_ARG_WEIGHTS, memory(description_.weights_desc(), b)},
                                              {DNNL_ARG_DST, memory(description_.dst_desc(), c)},
                                              {DNNL_ARG_SCRATCHPAD, memory(description_.scratchpad_desc(), scratch)}};
    if (product_.bias)
      arguments.emplace(DNNL_ARG_BIAS, memory(strided(1, product_.n, Memory::data_type::f32, product_.n, 1), bias));
    dnnl::stream queue(engine());
    primitive_.execute(queue, arguments);
    queue.wait();
  }

 private:
  dnnl::matmul::primitive_desc description_;
  dnnl::matmul primitive_;
  std::string routine_;
  Product product_;
};

std::shared_ptr<const PreparedProduct> generate(const Product& p) {
  const auto input = p.type == DType::bf16 ? Memory::data_type::bf16 : Memory::data_type::f32;
  const auto f32 = Memory::data_type::f32;
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (p.accumulate) {
    dnnl::post_ops add;
    add.append_sum();
    attributes.set_post_ops(add);
  }
  const Memory::desc a = strided(p.m, p.k, input, p.a_row, p.a_column),
                     b = strided(p.k, p.n, input, p.b_row, p.b_column);
  const Memory::desc c = strided(p.m, p.n, f32, p.c_row, 1);
  const dnnl::matmul::desc description =
      p.bias ? dnnl::matmul::desc(a, b, strided(1, p.n, f32, p.n, 1), c) : dnnl::matmul::desc(a, b, c);
  use_threads(p.threads);
  constexpr bool kAllowNone = true;
  const dnnl::matmul::primitive_desc prepared(description, attributes, engine(), kAllowNone);
  return prepared ? std::make_shared<const OneDnnProduct>(prepared, p) : nullptr;
}

}  // namespace

bool Product::operator<(const Product& other) const {
  return key(*this) < key(other);
}

std::shared_ptr<const PreparedProduct> prepare_product(const Product& product) {
  constexpr size_t kKept = 512;
  static std::mutex mutex;
  static std::map<Product, std::shared_ptr<const PreparedProduct>> products;
  const std::lock_guard lock(mutex);
  if (const auto found = products.find(product); found != products.end()) return found->second;
  if (products.size() >= kKept) products.clear();
  try {
    return products.emplace(product, generate(product)).first->second;
  } catch (const dnnl::error& error) {
    fail(ErrorCode::internal, "[linear] oneDNN refuses a product of {} x {} x {}: {}", product.m, product.n, product.k,
         error.what());
  }
}

}  // namespace saker::cpu
