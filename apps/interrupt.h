// Ctrl-C as a question that loops ask.
#pragma once

namespace saker::apps {

// While one exists, the first SIGINT (and, if asked for, SIGTERM) is remembered instead of ending the program; a second
// one ends it at once.
class Interrupt {
 public:
  explicit Interrupt(bool termination_too = false);
  Interrupt(const Interrupt&) = delete;
  ~Interrupt();

  bool requested() const noexcept;
  // Forgets the signal and waits for the next.
  void reset() noexcept;

 private:
  bool termination_too_;
};

}  // namespace saker::apps
