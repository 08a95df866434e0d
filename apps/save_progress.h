// Saving a model from a command: a progress line, and Ctrl-C that leaves no unfinished file behind.
#pragma once

#include <cstdint>
#include <functional>

namespace saker::apps {

using SaveProgress = std::function<void(int64_t done, int64_t total)>;

// Runs `save` with the callback to hand to it. After Ctrl-C that callback throws `cancelled`.
void save_with_progress(const std::function<void(const SaveProgress&)>& save);

}  // namespace saker::apps
