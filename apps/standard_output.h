// Text to stdout at once, as answers come.
#pragma once

#include <string_view>

namespace saker::apps {

// Not through the buffer of stdio, which a signal between two pieces would break. Throws io if it cannot be written.
void write_standard_output(std::string_view text);

}  // namespace saker::apps
