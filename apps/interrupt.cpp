#include "apps/interrupt.h"

#include <time.h>

#include <csignal>

namespace saker::apps {

namespace {

volatile std::sig_atomic_t interrupted = 0;
volatile std::sig_atomic_t second_ends = 0;
timespec first{};  // the time of the first signal; handlers alone use it, one at a time

// Only what may be called at any moment: a clock, and the signal's own end.
void remember(int signal) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  if (interrupted == 0) {
    first = now;
    interrupted = 1;
    return;
  }
  const double since =
      static_cast<double>(now.tv_sec - first.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec - first.tv_nsec);
  if (second_ends == 0 || since < kOneSignalSeconds) return;
  std::signal(signal, SIG_DFL);
  std::raise(signal);  // takes effect when this returns
}

void wait_for_signals(Interrupt::Second second, Interrupt::Signals signals) noexcept {
  interrupted = 0;
  second_ends = second == Interrupt::Second::ends ? 1 : 0;
  struct sigaction action {};
  action.sa_handler = remember;
  // Reads go on waiting no longer: no SA_RESTART.
  ::sigaddset(&action.sa_mask, SIGINT);
  ::sigaddset(&action.sa_mask, SIGTERM);
  ::sigaction(SIGINT, &action, nullptr);
  if (signals == Interrupt::Signals::termination_too) ::sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

Interrupt::Interrupt(Second second, Signals signals) : second_(second), signals_(signals) {
  wait_for_signals(second, signals);
}

Interrupt::~Interrupt() {
  // Whoever was interrupted is about to say so and end; what is one with that signal must not cut it short.
  second_ends = 1;
  if (requested()) return;
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
