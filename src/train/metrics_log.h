// metrics.jsonl: an object per step, evaluation and event. docs/training.md lists the members.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

namespace saker {

class MetricsLog {
 public:
  // Opens the log as it was after `step`: later lines, and one that a killed process left unfinished, are dropped, so
  // that no step appears twice. Throws io.
  MetricsLog(const std::filesystem::path& path, int64_t step);

  // Appends a line. Throws io, for example when the disk is full.
  void write(const nlohmann::ordered_json& line);
  // Makes all lines durable.
  void sync() const;

 private:
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace saker
