#include "ops/embedding/embedding.h"

namespace saker::reference {

void embedding(Stream&, const EmbeddingArgs& args) noexcept {
  const auto& [h, table, ids] = args;
  for (size_t t = 0; t < ids.size(); ++t)
    for (int64_t i = 0; i < table.columns(); ++i)
      store_element(h.data, h.dtype, h.offset(static_cast<int64_t>(t), i),
                    load_element(table.data, table.dtype, table.offset(ids[t], i)));
}

}  // namespace saker::reference
