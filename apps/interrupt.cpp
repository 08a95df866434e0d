#include "apps/interrupt.h"

#include <csignal>

namespace saker::apps {

namespace {

volatile std::sig_atomic_t interrupted = 0;

void remember(int) {
  interrupted = 1;
}

void wait_for_signals(bool termination_too) noexcept {
  interrupted = 0;
  struct sigaction action {};
  action.sa_handler = remember;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // reads go on waiting no longer: no SA_RESTART
  ::sigaction(SIGINT, &action, nullptr);
  if (termination_too) ::sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

Interrupt::Interrupt(bool termination_too) : termination_too_(termination_too) {
  wait_for_signals(termination_too);
}

Interrupt::~Interrupt() {
  std::signal(SIGINT, SIG_DFL);
  if (termination_too_) std::signal(SIGTERM, SIG_DFL);
}

bool Interrupt::requested() const noexcept {
  return interrupted != 0;
}

void Interrupt::reset() noexcept {
  wait_for_signals(termination_too_);
}

}  // namespace saker::apps
