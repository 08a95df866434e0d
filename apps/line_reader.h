// Lines of whoever talks to the program: edited on a terminal, with history; as they come from a file or a pipe.
#pragma once

#include <memory>
#include <string>

namespace saker::apps {

class LineReader {
 public:
  enum class Event {
    line,
    cancelled,  // Ctrl-C: the line is forgotten
    end,        // Ctrl-D, or the end of the input
  };

  virtual ~LineReader() = default;
  virtual bool is_terminal() const noexcept = 0;
  // Without its line end. Throws io if stdin cannot be read, cancelled if an Interrupt comes while a pipe is waited
  // for.
  virtual Event read(const char* prompt, std::string& line) = 0;
};

// An editor where stdin and stderr are a terminal; it writes to stderr.
std::unique_ptr<LineReader> open_line_reader();

}  // namespace saker::apps
