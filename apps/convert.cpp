// saker convert: the same model with weights of another type, or in another layout of files.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

#include "apps/commands.h"
#include "apps/common_options.h"
#include "apps/save_options.h"
#include "core/error.h"
#include "io/atomic_file.h"
#include "io/read_file.h"
#include "model/checkpoint.h"

namespace saker::apps {

namespace {

namespace fs = std::filesystem;

struct ConvertOptions {
  std::string model;
  SaveCommandOptions save;
};

// Tokenizer, templates, sampling defaults, licence, card: all but the weights, what describes them, and what makes a
// folder a checkpoint of training.
bool belongs_to_the_model(const fs::path& file) {
  static constexpr std::array<std::string_view, 5> kExtensions{".json", ".jinja", ".txt", ".model", ".md"};
  static constexpr std::array<std::string_view, 3> kOthers{"config.json", "manifest.json", "state.json"};
  const std::string name = file.filename().string(), extension = file.extension().string();
  if (std::ranges::count(kOthers, name) > 0 || name.ends_with(".index.json")) return false;
  return name == "LICENSE" || std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

void copy_other_files(const fs::path& from, const fs::path& to) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(from, error)) {
    std::error_code ignored;
    if (!entry.is_regular_file(ignored) || !belongs_to_the_model(entry.path())) continue;
    replace_file(to / entry.path().filename(), read_file(entry.path()));
  }
  SAKER_CHECK(!error, ErrorCode::io, "[convert] {} cannot be listed: {}", saker::quoted(from.native(), 400),
              error.message());
}

void convert(const ConvertOptions& options) {
  std::error_code ignored;
  SAKER_CHECK(!fs::equivalent(options.model, options.save.out, ignored), ErrorCode::invalid_argument,
              "[convert] expected --out to differ from --model, found the same folder {}; nothing was written",
              saker::quoted(options.save.out));
  const Weights weights = load_checkpoint(options.model);
  const DType dtype = weights.layers.front().in_proj.dtype;
  save_with_progress(options.save, dtype,
                     [&](const SaveOptions& save) { save_checkpoint(weights, options.save.out, save); });
  copy_other_files(options.model, options.save.out);
  fmt::print("{}: {} parameters, {}\n", options.save.out, weights.config.parameters(),
             name(options.save.dtype.value_or(dtype)));
}

}  // namespace

void add_convert(CLI::App& app) {
  auto options = std::make_shared<ConvertOptions>();
  CLI::App* command = app.add_subcommand("convert", "write a model with weights of another type");
  command->footer("Example: saker convert --model falcon-mamba-7b --dtype f16 --out falcon-mamba-7b-f16");
  add_model_option(*command, options->model);
  add_save_options(*command, options->save, "as stored");
  command->callback([options] { convert(*options); });
}

}  // namespace saker::apps
