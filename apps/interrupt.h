// Ctrl-C as a question that loops ask.
#pragma once

namespace saker::apps {

// While one exists, the first SIGINT is remembered instead of ending the program; a second one ends it at once.
class Interrupt {
 public:
  Interrupt();
  Interrupt(const Interrupt&) = delete;
  ~Interrupt();

  bool requested() const noexcept;
  // Forgets the signal and waits for the next.
  void reset() noexcept;
};

}  // namespace saker::apps
