#include "io/atomic_folder.h"

#include <fcntl.h>
#include <stdio.h>

#include <cerrno>

#include "core/error.h"
#include "io/atomic_file.h"

namespace saker {

namespace {

namespace fs = std::filesystem;

constexpr const char* kUnfinished = ".unfinished";

std::string shown(const fs::path& path) {
  return quoted(path.native(), 400);
}

}  // namespace

AtomicFolder::AtomicFolder(const fs::path& path) : path_(path), unfinished_(fs::path(path).concat(kUnfinished)) {
  std::error_code error;
  fs::remove_all(unfinished_, error);
  fs::create_directories(unfinished_, error);
  SAKER_CHECK(!error, ErrorCode::io, "[file] the folder {} cannot be made: {}", shown(unfinished_), error.message());
}

AtomicFolder::~AtomicFolder() {
  std::error_code ignored;
  if (!committed_) fs::remove_all(unfinished_, ignored);
}

void AtomicFolder::commit() {
  sync_folder(unfinished_);
  // Exchanged in one step: at no time is there neither. What was there is then what is unfinished.
  const bool replaces = fs::exists(path_);
  const unsigned flags = replaces ? RENAME_EXCHANGE : 0;
  const bool done = ::renameat2(AT_FDCWD, unfinished_.c_str(), AT_FDCWD, path_.c_str(), flags) == 0;
  SAKER_CHECK(done, ErrorCode::io, "[file] the folder {} cannot be put in place: {}", shown(path_),
              system_error_text(errno));
  committed_ = true;
  sync_folder(path_.parent_path());
  std::error_code ignored;
  if (replaces) fs::remove_all(unfinished_, ignored);
}

void remove_unfinished(const fs::path& folder) noexcept {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored))
    if (entry.path().native().ends_with(kUnfinished)) fs::remove_all(entry.path(), ignored);
}

}  // namespace saker
