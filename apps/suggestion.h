// "Did you mean ...?" for mistyped commands and flags.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace saker::apps {

// " Did you mean \"generate\"?" or nothing.
std::string command_suggestion(const CLI::App& app, const std::string& typed);
// The same for a flag of `command`; nothing for what is not a flag or is one that exists.
std::string option_suggestion(const CLI::App& command, const std::string& typed);

}  // namespace saker::apps
