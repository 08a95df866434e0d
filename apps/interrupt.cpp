#include "apps/interrupt.h"

#include <csignal>

namespace saker::apps {

namespace {

volatile std::sig_atomic_t interrupted = 0;

void remember(int) {
  interrupted = 1;
}

void wait_for_signal(Interrupt::Second second) noexcept {
  interrupted = 0;
  struct sigaction action {};
  action.sa_handler = remember;
  // Reads go on waiting no longer: no SA_RESTART.
  action.sa_flags = second == Interrupt::Second::ends ? static_cast<int>(SA_RESETHAND) : 0;
  ::sigaction(SIGINT, &action, nullptr);
}

}  // namespace

Interrupt::Interrupt(Second second) : second_(second) {
  wait_for_signal(second);
}

Interrupt::~Interrupt() {
  std::signal(SIGINT, SIG_DFL);
}

bool Interrupt::requested() const noexcept {
  return interrupted != 0;
}

void Interrupt::reset() noexcept {
  wait_for_signal(second_);
}

}  // namespace saker::apps
