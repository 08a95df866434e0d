// All of stdin.
#pragma once

#include <string>

namespace saker::apps {

// Throws io if it cannot be read (it may be a folder), cancelled if an Interrupt comes while it waits.
std::string read_standard_input();

}  // namespace saker::apps
