#include <cstring>
#include <vector>

#include "device/cuda/launch.cuh"
#include "device/cuda/vectors.cuh"
#include "ops/embedding/embedding_backward.h"

namespace saker::cuda {

namespace {

constexpr int kThreads = 128, kAhead = 8;

// The rows of dh that belong to an id: `count` of the order from `begin` on.
struct Occurrences {
  int32_t id, begin, count;
};

// Rows by id, each id's ascending, and behind them what belongs to which id; one host array, as it travels.
class RowsById {
 public:
  RowsById(std::span<const int32_t> ids, int64_t table_rows) : rows_(ids.size()) {
    std::vector<int32_t> next(static_cast<size_t>(table_rows) + 1);
    for (const int32_t id : ids) ++next[static_cast<size_t>(id) + 1];
    for (size_t id = 0; id + 1 < next.size(); ++id) {
      const int32_t count = next[id + 1];
      next[id + 1] += next[id];
      if (count > 0) occurrences_.push_back({static_cast<int32_t>(id), next[id], count});
    }
    list_.resize(ids.size() + occurrences_.size() * kWords);
    for (size_t t = 0; t < ids.size(); ++t)
      list_[static_cast<size_t>(next[static_cast<size_t>(ids[t])]++)] = static_cast<int32_t>(t);
    std::memcpy(list_.data() + rows_, occurrences_.data(), occurrences_.size() * sizeof(Occurrences));
  }

  // At most embedding_backward_list_bytes(): an id for each row.
  std::span<const int32_t> list() const noexcept { return list_; }
  size_t rows() const noexcept { return rows_; }
  size_t ids() const noexcept { return occurrences_.size(); }

 private:
  static constexpr size_t kWords = sizeof(Occurrences) / sizeof(int32_t);
  static_assert(1 + kWords == 4);

  size_t rows_;
  std::vector<Occurrences> occurrences_;
  std::vector<int32_t> list_;
};

// A block for an id and kThreads vectors of columns: its rows in ascending order, kAhead under way. Bytes: 4 an
// element of dh, 8 an element of the table's rows that occur.
template <int kWidth>
__global__ void __launch_bounds__(kThreads)
    embedding_backward_kernel(float* dtable, int64_t table_stride, const float* dh, int64_t dh_stride,
                              const int32_t* order, const Occurrences* occurrences, int64_t d) {
  const Occurrences of = occurrences[blockIdx.x];
  const int64_t i = (blockIdx.y * int64_t{kThreads} + threadIdx.x) * kWidth;
  if (i >= d) return;
  float* const to = dtable + of.id * table_stride + i;
  Vector<float, kWidth> sum = load_vector<kWidth>(to), rows[kAhead];
  for (int32_t first = 0; first < of.count; first += kAhead) {
#pragma unroll
    for (int a = 0; a < kAhead; ++a)
      if (first + a < of.count) rows[a] = load_vector<kWidth>(dh + order[of.begin + first + a] * dh_stride + i);
#pragma unroll
    for (int a = 0; a < kAhead; ++a)
#pragma unroll
      for (int k = 0; k < kWidth; ++k)
        if (first + a < of.count) sum.at[k] += rows[a].at[k];
  }
  store_vector(to, sum);
}

}  // namespace

void embedding_backward(Stream& stream, const EmbeddingBackwardArgs& args) {
  const auto& [dtable, dh, ids] = args;
  const int64_t d = dtable.columns();
  const RowsById by_id(ids, dtable.rows());
  const int32_t* const order = on_gpu(stream, by_id.list());
  with_width(are_fours(d, {dtable, dh}), [&](auto width) {
    constexpr int kWidth = width();
    const dim3 grid(static_cast<unsigned>(by_id.ids()), static_cast<unsigned>(ceil_div(d, kThreads * kWidth)));
    embedding_backward_kernel<kWidth><<<grid, kThreads, 0, handle(stream)>>>(
        static_cast<float*>(dtable.data), dtable.row_stride, static_cast<const float*>(dh.data), dh.row_stride, order,
        reinterpret_cast<const Occurrences*>(order + by_id.rows()), d);
  });
  state_of(stream).launched("embedding_backward_kernel");
}

}  // namespace saker::cuda
