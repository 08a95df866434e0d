#include "apps/interrupt.h"

#include <csignal>

namespace saker::apps {

namespace {

volatile std::sig_atomic_t interrupted = 0;

void remember(int) {
  interrupted = 1;
}

void wait_for_signal() noexcept {
  interrupted = 0;
  struct sigaction action {};
  action.sa_handler = remember;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // reads go on waiting no longer: no SA_RESTART
  ::sigaction(SIGINT, &action, nullptr);
}

}  // namespace

Interrupt::Interrupt() {
  wait_for_signal();
}

Interrupt::~Interrupt() {
  std::signal(SIGINT, SIG_DFL);
}

bool Interrupt::requested() const noexcept {
  return interrupted != 0;
}

void Interrupt::reset() noexcept {
  wait_for_signal();
}

}  // namespace saker::apps
