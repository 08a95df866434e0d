#include "ops/embedding/embedding.h"

namespace saker::cpu {

void embedding(Stream& stream, const EmbeddingArgs& args) noexcept {
  reference::embedding(stream, args);
}

}  // namespace saker::cpu
