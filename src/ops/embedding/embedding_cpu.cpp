#include "device/cpu/parallel.h"
#include "ops/embedding/embedding.h"

namespace saker::cpu {

void embedding(Stream& stream, const EmbeddingArgs& args) noexcept {
  const auto& [h, table, ids] = args;
  parallel_for(stream.threads(), static_cast<int64_t>(ids.size()), 16, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const auto row = static_cast<size_t>(table.offset(ids[static_cast<size_t>(t)])) * size_of(table.dtype);
      convert_elements(h.as<float>() + h.offset(t), h.dtype, table.as<std::byte>() + row, table.dtype, table.columns());
    }
  });
}

}  // namespace saker::cpu
