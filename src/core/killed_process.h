// For tests only: a program that is sent a signal while it runs.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

namespace saker {

// Runs a program without input or output, sends it the signal after a while, twice as `timeout` does (to a process and
// then to its group), and gives its wait status.
inline int killed(const std::string& program, const std::vector<std::string>& arguments, int signal,
                  std::chrono::duration<double> after) {
  const pid_t child = ::fork();
  if (child == 0) {
    const int null = ::open("/dev/null", O_RDWR);
    for (const int descriptor : {0, 1, 2}) ::dup2(null, descriptor);
    std::vector<char*> argv{const_cast<char*>(program.c_str())};
    for (const std::string& word : arguments) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    ::execv(program.c_str(), argv.data());
    ::_exit(127);
  }
  // Asked now and then, so that a process that ends by itself is not waited for.
  int status = 0;
  const auto end = std::chrono::steady_clock::now() + after;
  while (std::chrono::steady_clock::now() < end) {
    if (::waitpid(child, &status, WNOHANG) == child) return status;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  ::kill(child, signal);
  std::this_thread::sleep_for(std::chrono::milliseconds(2));  // the first is handled
  ::kill(child, signal);
  ::waitpid(child, &status, 0);
  return status;
}

}  // namespace saker
