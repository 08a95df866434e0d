// "Did you mean ...?" for mistyped commands and flags.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace saker::apps {

// What to say of a word that is no command: unknown command "generat" (did you mean "generate"?)
std::string unknown_command(const CLI::App& app, const std::string& typed);
// The same for an option of `command`; nothing for what is no long option or is one that exists.
std::string unknown_option(const CLI::App& command, const std::string& typed);

}  // namespace saker::apps
