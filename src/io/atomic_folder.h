// Folders that appear whole or not at all.
#pragma once

#include <filesystem>

namespace saker {

// Files are written into a folder beside `path`; commit() puts it in place of an old one. Without commit (an error, a
// crash) the old folder stays as it was; the unfinished one is removed unless the process dies: its name then ends in
// ".unfinished", and remove_unfinished() takes it away.
class AtomicFolder {
 public:
  // Makes the unfinished folder, and those above it. Throws io.
  explicit AtomicFolder(const std::filesystem::path& path);
  AtomicFolder(const AtomicFolder&) = delete;
  ~AtomicFolder();

  // Where to write.
  const std::filesystem::path& unfinished() const noexcept { return unfinished_; }
  // The files must be durable (AtomicFile). Throws io; nothing has changed then. Called once, last.
  void commit();

 private:
  std::filesystem::path path_, unfinished_;
  bool committed_ = false;
};

// What writers that died left in `folder`. No writer may be at work there.
void remove_unfinished(const std::filesystem::path& folder) noexcept;

}  // namespace saker
