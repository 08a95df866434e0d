#include "device/cpu/parallel.h"
#include "ops/embedding/embedding_backward.h"

namespace saker::cpu {

// Columns are divided over the threads, so that each adds rows in their order.
void embedding_backward(Stream& stream, const EmbeddingBackwardArgs& args) noexcept {
  const auto& [dtable, dh, ids] = args;
  parallel_for(stream.threads(), dh.columns(), 64, [&](int64_t begin, int64_t end) {
    for (size_t t = 0; t < ids.size(); ++t) {
      float* to = dtable.as<float>() + dtable.offset(ids[t]);
      const float* from = dh.as<float>() + dh.offset(static_cast<int64_t>(t));
      for (int64_t i = begin; i < end; ++i) to[i] += from[i];
    }
  });
}

}  // namespace saker::cpu
