#include "apps/suggestion.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "core/nearest_word.h"

namespace saker::apps {

std::string unknown_command(const CLI::App& app, const std::string& typed) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  const char* what = typed.starts_with('-') ? "option" : "command";
  return fmt::format("unknown {} {}{}", what, saker::quoted(typed), suggestion(names, typed));
}

std::string unknown_option(const CLI::App& command, const std::string& typed) {
  if (!typed.starts_with("--") || typed == "--") return "";
  const std::string flag = typed.substr(0, typed.find('='));
  std::vector<std::string> names;
  // Those of groups, too.
  for (const CLI::App* group : command.get_subcommands([](const CLI::App*) { return true; }))
    for (const CLI::Option* option : group->get_options())
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  if (std::find(names.begin(), names.end(), flag) != names.end()) return "";
  return fmt::format("unknown option {}{}", saker::quoted(flag), suggestion(names, flag));
}

}  // namespace saker::apps
