// Ends a streamed text before the first of several strings, without showing anything of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace saker {

// What push() and flush() return, put together, is the text up to the stop string that is complete first; of those that
// are complete at once, up to the longest. It does not matter how the text is cut into pieces.
class StopStrings {
 public:
  // Throws invalid_argument if one is empty.
  explicit StopStrings(std::vector<std::string> strings);

  // The text that can be shown now; what may be the beginning of a stop string waits. Nothing once found().
  std::string push(std::string_view text);

  // The text that waited for a stop string that did not come. Ready for a new text after it.
  std::string flush();

  // Whether the text has ended.
  bool found() const noexcept { return found_; }

 private:
  size_t begins_a_stop() const noexcept;

  std::vector<std::string> strings_;
  std::string waiting_;
  bool found_ = false;
};

}  // namespace saker
