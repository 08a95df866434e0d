#include "ops/embedding/embedding_backward.h"

namespace saker::reference {

void embedding_backward(Stream&, const EmbeddingBackwardArgs& args) noexcept {
  const auto& [dtable, dh, ids] = args;
  for (size_t t = 0; t < ids.size(); ++t)
    for (int64_t i = 0; i < dh.columns(); ++i) {
      const int64_t at = dtable.offset(ids[t], i);
      store_element(dtable.data, dtable.dtype, at,
                    load_element(dtable.data, dtable.dtype, at) +
                        load_element(dh.data, dh.dtype, dh.offset(static_cast<int64_t>(t), i)));
    }
}

}  // namespace saker::reference
