// Runs the binary as a user would.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "core/temporary_folder.h"
#include "io/read_file.h"

namespace saker {

struct Outcome {
  int code;  // exit code; 128 + the signal if one ended it
  std::string out, err;
};

inline std::string quoted_for_shell(const std::string& word) {
  std::string quoted_word = "'";
  for (char c : word) {
    if (c == '\'') quoted_word += "'\\'";
    quoted_word += c;
  }
  quoted_word += '\'';
  return quoted_word;
}

// `saker arguments...`, with `input` on stdin. `redirection` in shell's words comes last: ">/dev/full".
inline Outcome run_saker(const std::vector<std::string>& arguments, const std::string& input = "",
                         const std::string& redirection = "") {
  const TemporaryFolder folder;
  std::string command = quoted_for_shell(SAKER_BINARY_DIR "/saker");
  for (const std::string& argument : arguments) command.append(" ").append(quoted_for_shell(argument));
  folder.write("in", input);
  const auto file = [&](const char* name) { return quoted_for_shell(folder.path() / name); };
  command.append(" <").append(file("in")).append(" >").append(file("out")).append(" 2>").append(file("err"));
  if (!redirection.empty()) command.append(" ").append(redirection);
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_file(folder.path() / "out"),
          read_file(folder.path() / "err")};
}

}  // namespace saker
