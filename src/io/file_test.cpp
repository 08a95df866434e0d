// Mapped, read and atomically replaced files, and checksums.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "core/temporary_folder.h"
#include "io/atomic_file.h"
#include "io/atomic_folder.h"
#include "io/checksum.h"
#include "io/file_lock.h"
#include "io/mapped_file.h"
#include "io/read_file.h"

namespace saker {
namespace {

namespace fs = std::filesystem;

size_t files_in(const fs::path& folder) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(MappedFile, ShowsTheContentAndOutlivesAMove) {
  TemporaryFolder folder;
  MappedFile first(folder.write("a", "falcon"));
  const MappedFile file(std::move(first));
  ASSERT_EQ(file.bytes().size(), 6u);
  EXPECT_EQ(std::memcmp(file.bytes().data(), "falcon", 6), 0);
}

TEST(MappedFile, RefusesWhatIsNotAFileWithContent) {
  TemporaryFolder folder;
  const auto error = [](const fs::path& path) { return error_of([&] { MappedFile file(path); }); };
  EXPECT_NE(error(folder.path() / "absent").find("found none"), std::string::npos);
  EXPECT_NE(error(folder.path()).find("found a folder"), std::string::npos);
  EXPECT_NE(error(folder.write("empty", "")).find("is empty"), std::string::npos);
  EXPECT_NE(error("/dev/zero").find("pipe or device"), std::string::npos);
  const fs::path pipe = folder.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_NE(error(pipe).find("pipe or device"), std::string::npos);  // and does not wait for a writer
}

TEST(MappedFile, NamesAnUnreadableFile) {
  if (::geteuid() == 0) GTEST_SKIP() << "root reads everything";
  TemporaryFolder folder;
  const fs::path path = folder.write("secret", "x");
  fs::permissions(path, fs::perms::none);
  EXPECT_NE(error_of([&] { MappedFile file(path); }).find("cannot be opened"), std::string::npos);
}

TEST(ReadFile, ReadsWholeAndKeepsToTheLimit) {
  TemporaryFolder folder;
  const std::string content("a\0b\n", 4);
  const fs::path path = folder.write("text", content);
  EXPECT_EQ(read_file(path), content);
  EXPECT_EQ(read_file(folder.write("empty", "")), "");
  EXPECT_NE(error_of([&] { read_file(path, 3); }).find("at most 3 bytes, found 4"), std::string::npos);
}

TEST(AtomicFile, ReplacesOnCommitAlone) {
  TemporaryFolder folder;
  const fs::path path = folder.write("state", "old");
  {
    AtomicFile abandoned(path);
    abandoned.write("half");
  }
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(files_in(folder.path()), 1u);
  AtomicFile file(path);
  file.write("ne");
  file.write("w");
  EXPECT_EQ(read_file(path), "old");
  file.commit();
  EXPECT_EQ(read_file(path), "new");
  EXPECT_EQ(files_in(folder.path()), 1u);
}

TEST(AtomicFile, WorksInTheCurrentFolder) {
  TemporaryFolder folder;
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  replace_file("bare-name", "x");
  EXPECT_EQ(read_file("bare-name"), "x");
  fs::current_path(before);
}

TEST(AtomicFile, RefusesFoldersDevicesAndAbsentFolders) {
  TemporaryFolder folder;
  EXPECT_NE(error_of([&] { AtomicFile file(folder.path()); }).find("found a folder"), std::string::npos);
  EXPECT_NE(error_of([&] { AtomicFile file("/dev/null"); }).find("pipe or device"), std::string::npos);
  EXPECT_NE(error_of([&] { AtomicFile file(folder.path() / "no" / "file"); }).find("No such file"), std::string::npos);
}

// A file size limit stands in for a full disk.
TEST(AtomicFile, AFailedWriteLeavesTheOldFile) {
  TemporaryFolder folder;
  const fs::path path = folder.write("state", "old");
  rlimit before;
  ::getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  const std::string error = error_of([&] { replace_file(path, std::string(5000, 'x')); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_NE(error.find("cannot be written: File too large"), std::string::npos) << error;
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(files_in(folder.path()), 1u);
}

TEST(Checksum, DoesNotDependOnThePieces) {
  std::string text(5000, 'x');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 31 % 251);
  const uint64_t whole = checksum(std::as_bytes(std::span(text)));
  Checksum pieces;
  pieces.update(text.data(), 1);
  pieces.update(text.data() + 1, 3000);
  pieces.update(text.data() + 3001, text.size() - 3001);
  EXPECT_EQ(pieces.value(), whole);
  text[4000] ^= 1;
  EXPECT_NE(checksum(std::as_bytes(std::span(text))), whole);
  EXPECT_EQ(checksum({}), 0x2D06800538D394C2ull);  // published value of the empty input
}

TEST(Checksum, IsTextOf16Digits) {
  for (const uint64_t value : {uint64_t{0}, uint64_t{0xFED}, ~uint64_t{0}})
    EXPECT_EQ(checksum_from_text(checksum_text(value)), value);
  EXPECT_EQ(checksum_text(0xFED), "0000000000000fed");
  for (const char* text : {"", "fed", "0000000000000fedx", "000000000000 fed", "00000000000000x1", "-000000000000fed"})
    EXPECT_FALSE(checksum_from_text(text)) << text;
}

TEST(AtomicFile, KnowsTheChecksumOfWhatItWrote) {
  const TemporaryFolder folder;
  AtomicFile file(folder.path() / "x");
  file.write("ab");
  file.write("cde");
  const std::string_view text = "abcde";
  EXPECT_EQ(file.bytes(), 5u);
  EXPECT_EQ(file.checksum(), checksum(std::as_bytes(std::span(text))));
}

TEST(AtomicFolder, AppearsAndReplacesOnCommitAlone) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "deep" / "x";
  const auto write = [&](const std::string& name, bool commit) {
    AtomicFolder unfinished(path);
    replace_file(unfinished.unfinished() / name, name);
    if (commit) unfinished.commit();
  };
  write("a", false);
  EXPECT_FALSE(fs::exists(path));
  write("a", true);
  EXPECT_EQ(read_file(path / "a"), "a");
  write("b", false);
  EXPECT_TRUE(fs::exists(path / "a"));
  write("b", true);
  EXPECT_FALSE(fs::exists(path / "a"));
  EXPECT_EQ(read_file(path / "b"), "b");
  EXPECT_EQ(files_in(path.parent_path()), 1u);
}

TEST(AtomicFolder, WhatDeadWritersLeftIsRemoved) {
  const TemporaryFolder folder;
  folder.write("step-3.unfinished/weights", "x");
  folder.write("step-2/weights", "x");
  remove_unfinished(folder.path());
  EXPECT_FALSE(fs::exists(folder.path() / "step-3.unfinished"));
  EXPECT_TRUE(fs::exists(folder.path() / "step-2"));
}

TEST(FileLock, IsHeldByOne) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "lock";
  {
    const FileLock first(path);
    EXPECT_NE(error_of([&] { const FileLock second(path); }).find("another process"), std::string::npos);
  }
  const FileLock third(path);
}

}  // namespace
}  // namespace saker
