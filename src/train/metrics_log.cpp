#include "train/metrics_log.h"

#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "core/error.h"
#include "io/atomic_file.h"

namespace saker {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Of a line of the log; none of what is no such line.
bool belongs(const std::string& line, int64_t step) {
  const json value = json::parse(line, nullptr, /*allow_exceptions=*/false);
  return value.is_object() && value.contains("step") && value["step"].is_number_integer() && value["step"] <= step;
}

void keep_until(const fs::path& path, int64_t step) {
  std::error_code none;
  if (!fs::is_regular_file(path, none)) return;
  std::ifstream old(path);
  AtomicFile kept(path);
  for (std::string line; std::getline(old, line);)
    if (belongs(line, step)) kept.write(line + "\n");
  kept.commit();
}

}  // namespace

MetricsLog::MetricsLog(const fs::path& path, int64_t step) : path_(path) {
  keep_until(path, step);
  file_.reset(std::fopen(path.c_str(), "ae"));
  SAKER_CHECK(file_, ErrorCode::io, "[metrics] {} cannot be opened: {}", saker::quoted(path.native(), 400),
              system_error_text(errno));
}

void MetricsLog::write(const nlohmann::ordered_json& line) {
  const std::string text = line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  const bool written = std::fwrite(text.data(), 1, text.size(), file_.get()) == text.size();
  SAKER_CHECK(std::fflush(file_.get()) == 0 && written, ErrorCode::io, "[metrics] {} cannot be written: {}",
              saker::quoted(path_.native(), 400), system_error_text(errno));
}

void MetricsLog::sync() const {
  ::fsync(::fileno(file_.get()));
}

}  // namespace saker
