#include "apps/save_progress.h"

#include <optional>

#include "apps/interrupt.h"
#include "apps/progress.h"
#include "core/error.h"

namespace saker::apps {

namespace {
constexpr int64_t kMebibyte = 1 << 20;
}  // namespace

void save_with_progress(const std::function<void(const SaveProgress&)>& save) {
  const Interrupt interrupt;
  std::optional<Progress> line;
  save([&](int64_t done, int64_t total) {
    SAKER_CHECK(!interrupt.requested(), ErrorCode::cancelled, "interrupted after {} of {} MiB", done / kMebibyte,
                total / kMebibyte);
    if (!line) line.emplace("writing weights", "MiB", total / kMebibyte);
    line->update(done / kMebibyte);
  });
}

}  // namespace saker::apps
