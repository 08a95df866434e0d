#include "tokenizer/stop_strings.h"

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace saker {

StopStrings::StopStrings(std::vector<std::string> strings) : strings_(std::move(strings)) {
  for (const std::string& stop : strings_)
    SAKER_CHECK(!stop.empty(), ErrorCode::invalid_argument, "[stop] expected a string to stop at, found an empty one");
}

std::string StopStrings::push(std::string_view text) {
  if (found_) return {};
  waiting_ += text;
  size_t first_end = std::string::npos, begin = 0;
  for (const std::string& stop : strings_) {
    const size_t at = waiting_.find(stop);
    if (at == std::string::npos) continue;
    const size_t end = at + stop.size();
    if (end < first_end || (end == first_end && at < begin)) {
      first_end = end;
      begin = at;
    }
  }
  found_ = first_end != std::string::npos;
  const size_t certain = found_ ? begin : begins_a_stop();
  std::string shown = waiting_.substr(0, certain);
  waiting_.erase(0, found_ ? std::string::npos : certain);
  return shown;
}

// Where the longest end of the waiting text starts that a stop string begins with; the text's length if there is none.
size_t StopStrings::begins_a_stop() const noexcept {
  size_t longest = 0;
  for (const std::string& stop : strings_)
    for (size_t length = std::min(stop.size() - 1, waiting_.size()); length > longest; --length)
      if (waiting_.ends_with(std::string_view(stop).substr(0, length))) longest = length;
  return waiting_.size() - longest;
}

std::string StopStrings::flush() {
  found_ = false;
  return std::exchange(waiting_, {});
}

}  // namespace saker
