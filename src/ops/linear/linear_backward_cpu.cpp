// Both products run in blocks of fixed size, each by one thread, so that no bit depends on the number of threads.

#include <algorithm>
#include <optional>
#include <utility>

#include "core/error.h"
#include "device/cpu/parallel.h"
#include "ops/linear/linear_backward.h"
#include "ops/linear/product_onednn.h"
#include "ops/linear/transpose.h"

namespace saker::cpu {

namespace {

constexpr size_t kAlignment = 64;

size_t aligned(size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

size_t bytes_of(int64_t elements, DType type) {
  return aligned(static_cast<size_t>(elements) * size_of(type));
}

// C [m, n] (+)= A [m, k] B [k, n], by blocks of rows, and of columns where rows are few.
class BlockedProduct {
 public:
  BlockedProduct(int64_t m, int64_t n, int64_t k, DType type, int64_t a_row, int64_t b_row, int64_t c_row, bool add)
      : whole_{.m = m, .n = n, .k = k, .a_row = a_row, .b_row = b_row, .c_row = c_row, .type = type, .accumulate = add},
        block_m_(std::min<int64_t>(m, m >= 1024 ? 256 : 64)),
        block_n_(m >= 4 * block_m_ ? n : std::min<int64_t>(n, 128)) {
    for (int64_t i : {int64_t{0}, last(m, block_m_)})
      for (int64_t j : {int64_t{0}, last(n, block_n_)}) scratch_ = std::max(scratch_, prepared_size(i, j));
  }

  // False if oneDNN lacks a routine for the type.
  bool possible() const noexcept { return possible_; }
  size_t scratch_bytes(int threads) const noexcept { return static_cast<size_t>(threads) * aligned(scratch_); }

  void run(int threads, const void* a, const void* b, float* c, std::byte* scratch) const {
    const int64_t across = (whole_.n + block_n_ - 1) / block_n_, down = (whole_.m + block_m_ - 1) / block_m_;
    const auto size = static_cast<int64_t>(size_of(whole_.type));
    parallel_parts(threads, down * across, 1, [&](int64_t part, int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) {
        const int64_t i = block / across * block_m_, j = block % across * block_n_;
        at(i, j).run(static_cast<const std::byte*>(a) + i * whole_.a_row * size,
                     static_cast<const std::byte*>(b) + j * size, nullptr, c + i * whole_.c_row + j,
                     scratch + static_cast<size_t>(part) * aligned(scratch_));
      }
    });
  }

 private:
  static int64_t last(int64_t count, int64_t block) { return (count - 1) / block * block; }

  // Whole blocks and those at the two borders: four products at most.
  size_t index(int64_t i, int64_t j) const {
    return (i + block_m_ > whole_.m ? 2u : 0u) + (j + block_n_ > whole_.n ? 1u : 0u);
  }
  const PreparedProduct& at(int64_t i, int64_t j) const { return *prepared_[index(i, j)]; }

  size_t prepared_size(int64_t i, int64_t j) {
    Product product = whole_;
    product.m = std::min(block_m_, whole_.m - i);
    product.n = std::min(block_n_, whole_.n - j);
    auto& prepared = prepared_[index(i, j)];
    prepared = prepare_product(product);
    possible_ = possible_ && prepared;
    return prepared ? prepared->scratch_bytes() : 0;
  }

  Product whole_;
  int64_t block_m_, block_n_;
  std::shared_ptr<const PreparedProduct> prepared_[4];
  size_t scratch_ = 0;
  bool possible_ = true;
};

void add_bias_gradient(int threads, const TensorView& dbias, const ConstTensorView& dy) {
  parallel_for(threads, dy.columns(), 64, [&](int64_t begin, int64_t end) {
    for (int64_t t = 0; t < dy.rows(); ++t)
      for (int64_t o = begin; o < end; ++o) dbias.as<float>()[o] += dy.as<float>()[dy.offset(t, o)];
  });
}

// Carves a scratch buffer.
class Carver {
 public:
  explicit Carver(void* from) : next_(static_cast<std::byte*>(from)) {}
  std::byte* take(size_t bytes) { return std::exchange(next_, next_ + aligned(bytes)); }

 private:
  std::byte* next_;
};

// `type`: that of the products. On machines without products in bf16 the operands, rounded as they are, are widened.
bool products(Stream& stream, const LinearBackwardArgs& args, DType type) {
  const auto& [dx, dweight, dbias, dy, x, weight, accumulate, first] = args;
  const int64_t l = x.rows(), i = x.columns(), o = weight.rows();
  const bool widened = type != x.dtype, copied = x.dtype != DType::f32;
  const int64_t dy_row = copied ? o : dy.row_stride, x_row = widened ? i : x.row_stride;
  const int64_t apart = column_stride(l, x.dtype);
  std::optional<BlockedProduct> to_x, to_weight;
  if (dx) to_x.emplace(l, i, o, type, dy_row, i, dx.row_stride, accumulate);
  if (dweight) to_weight.emplace(o, i, l, type, widened ? l : apart, x_row, i, !first);
  if ((to_x && !to_x->possible()) || (to_weight && !to_weight->possible())) return false;

  const int threads = stream.threads();
  const size_t products_bytes =
      std::max(to_x ? to_x->scratch_bytes(threads) : 0, to_weight ? to_weight->scratch_bytes(threads) : 0);
  const size_t rows_bytes = copied ? bytes_of(l * o, x.dtype) : 0;
  Carver carve(
      stream.scratch(products_bytes + rows_bytes + bytes_of(apart * o, x.dtype) +
                     (widened ? 2 * bytes_of(l * o, type) + bytes_of(l * i, type) + bytes_of(o * i, type) : 0)));
  std::byte* scratch = carve.take(products_bytes);
  std::byte* rows = carve.take(rows_bytes);
  std::byte* columns = carve.take(bytes_of(apart * o, x.dtype));
  round_and_transpose(threads, dy, x.dtype, copied ? rows : nullptr, columns);

  const auto operand = [&](const ConstTensorView& view) -> const void* {
    if (!widened) return view.data;
    auto* to = reinterpret_cast<float*>(carve.take(bytes_of(view.shape.elements(), type)));
    widen(threads, view, to);
    return to;
  };
  if (to_x) {
    const void* gradient = copied ? operand({rows, x.dtype, Shape{l, o}}) : dy.data;
    to_x->run(threads, gradient, operand(weight), dx.as<float>(), scratch);
  }
  if (to_weight)
    to_weight->run(threads, operand({columns, x.dtype, Shape{o, l}, apart}), operand(x), dweight.as<float>(), scratch);
  return true;
}

}  // namespace

void linear_backward(Stream& stream, const LinearBackwardArgs& args) {
  if (args.dbias) add_bias_gradient(stream.threads(), args.dbias, args.dy);
  if (!args.dx && !args.dweight) return;
  if (!products(stream, args, args.x.dtype)) {
    const bool possible = products(stream, args, DType::f32);
    SAKER_ASSERT(possible);
  }
}

}  // namespace saker::cpu
