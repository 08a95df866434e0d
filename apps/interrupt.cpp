#include "apps/interrupt.h"

#include <csignal>

namespace saker::apps {

namespace {

volatile std::sig_atomic_t interrupted = 0;

void remember(int) {
  interrupted = 1;
}

void wait_for_signals(Interrupt::Second second, Interrupt::Signals signals) noexcept {
  interrupted = 0;
  struct sigaction action {};
  action.sa_handler = remember;
  // Reads go on waiting no longer: no SA_RESTART.
  action.sa_flags = second == Interrupt::Second::ends ? static_cast<int>(SA_RESETHAND) : 0;
  ::sigaction(SIGINT, &action, nullptr);
  if (signals == Interrupt::Signals::termination_too) ::sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

Interrupt::Interrupt(Second second, Signals signals) : second_(second), signals_(signals) {
  wait_for_signals(second, signals);
}

Interrupt::~Interrupt() {
  std::signal(SIGINT, SIG_DFL);
  if (signals_ == Signals::termination_too) std::signal(SIGTERM, SIG_DFL);
}

bool Interrupt::requested() const noexcept {
  return interrupted != 0;
}

void Interrupt::reset() noexcept {
  wait_for_signals(second_, signals_);
}

}  // namespace saker::apps
