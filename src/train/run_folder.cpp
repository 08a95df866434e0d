#include "train/run_folder.h"

#include "core/error.h"
#include "train/checkpoint_folder.h"

namespace saker {

namespace {

namespace fs = std::filesystem;

const fs::path& made(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder / "checkpoints", error);
  SAKER_CHECK(!error, ErrorCode::io, "[train] the folder {} cannot be made: {}", saker::quoted(folder.native(), 400),
              error.message());
  return folder;
}

}  // namespace

RunFolder::RunFolder(const fs::path& folder) : folder_(made(folder)), lock_(folder_ / "lock") {
  remove_unfinished(folder_);
  remove_unfinished(checkpoints());
}

fs::path RunFolder::checkpoint(int64_t step) const {
  return checkpoints() / fmt::format("step-{}", step);
}

void RunFolder::expect_new() const {
  SAKER_CHECK(list_checkpoints(checkpoints()).empty(), ErrorCode::invalid_argument,
              "[train] {} holds checkpoints of a run; --resume continues it, another --out begins a new one",
              saker::quoted(folder_.native(), 400));
}

}  // namespace saker
