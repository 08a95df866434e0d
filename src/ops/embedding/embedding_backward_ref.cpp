#include "ops/elements.h"
#include "ops/embedding/embedding_backward.h"

namespace saker::reference {

void embedding_backward(Stream&, const EmbeddingBackwardArgs& args) noexcept {
  for (size_t t = 0; t < args.ids.size(); ++t)
    for (int64_t i = 0; i < args.dtable.columns(); ++i)
      add_element(args.dtable, args.ids[t], i, element(args.dh, static_cast<int64_t>(t), i));
}

}  // namespace saker::reference
