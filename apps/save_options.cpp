#include "apps/save_options.h"

#include "apps/common_options.h"
#include "apps/interrupt.h"
#include "apps/option_checks.h"
#include "apps/progress.h"
#include "core/error.h"

namespace saker::apps {

namespace {
constexpr int64_t kMebibyte = 1 << 20;
}  // namespace

void add_save_options(CLI::App& command, SaveCommandOptions& options, const std::string& standard_dtype) {
  command.add_option("--out", options.out, "folder to write")->required()->check(not_empty());
  add_dtype_option(command, options.dtype);
  command.get_option("--dtype")->description("of the weights: f32, bf16 or f16 (default: " + standard_dtype + ")");
  command
      .add_option("--max-shard-size", options.shard_bytes, "bytes of weights per file, such as 500MB (default: 5GiB)")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 50));
}

void save_with_progress(const SaveCommandOptions& options, DType standard_dtype,
                        const std::function<void(const SaveOptions&)>& save) {
  const Interrupt interrupt;
  std::optional<Progress> line;
  const auto progress = [&](int64_t done, int64_t total) {
    SAKER_CHECK(!interrupt.requested(), ErrorCode::cancelled, "interrupted after {} of {} MiB", done / kMebibyte,
                total / kMebibyte);
    if (!line) line.emplace("writing weights", "MiB", total / kMebibyte);
    line->update(done / kMebibyte);
  };
  save({options.dtype.value_or(standard_dtype), static_cast<int64_t>(options.shard_bytes), progress});
}

}  // namespace saker::apps
