// Any file is either refused with saker::Error or is a state of the model. Every input is tried as it is and with its
// checksum made right, so that the checks behind the checksum are reached too.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "core/error.h"
#include "core/temporary_folder.h"
#include "io/checksum.h"
#include "model/checkpoint.h"
#include "model/state_file.h"
#include "ops/op_table.h"

namespace {

using namespace saker;

const FalconMamba& tiny_model() {
  static const FalconMamba model = [] {
    ModelConfig config;
    config.vocab_size = 8;
    config.d_model = 4;
    config.n_layer = 1;
    config.d_inner = 4;
    config.d_state = 2;
    config.dt_rank = 1;
    return FalconMamba(init_weights(config, 1, DType::f32), open_backend(BackendKind::reference, 1));
  }();
  return model;
}

void try_file(const std::filesystem::path& path) {
  try {
    const SavedState saved = load_state(path, tiny_model());
    SAKER_ASSERT(saved.state.tokens() >= 0);
  } catch (const Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const TemporaryFolder folder;
  std::string file(reinterpret_cast<const char*>(data), size);
  try_file(folder.write("state", file));
  if (size < sizeof(uint64_t)) return 0;
  const size_t content = size - sizeof(uint64_t);
  const uint64_t sum = checksum(std::as_bytes(std::span(file).first(content)));
  std::memcpy(file.data() + content, &sum, sizeof sum);
  try_file(folder.write("state", file));
  return 0;
}
