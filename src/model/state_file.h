// Conversations as files: docs/formats/state.md.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "model/falcon_mamba.h"
#include "model/state.h"

namespace saker {

struct SavedState {
  RecurrentState state;
  std::string note;  // whatever the saver needs to go on; opaque here
};

// Replaces `path` atomically. Throws io; invalid_argument if the note exceeds 64 MiB.
void save_state(const std::filesystem::path& path, const FalconMamba& model, const RecurrentState& state,
                std::string_view note = {});

// Continues bit for bit. Throws corrupt_data for what is no state file or was damaged, invalid_argument for the state
// of another model.
SavedState load_state(const std::filesystem::path& path, const FalconMamba& model);

}  // namespace saker
