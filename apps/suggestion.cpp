#include "apps/suggestion.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/error.h"

namespace saker::apps {

namespace {

// Insertions, deletions and substitutions between two words.
size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t substituted = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest(const std::vector<std::string>& known, const std::string& typed) {
  const std::string* best = nullptr;
  // A third of the letters may be wrong.
  size_t best_distance = typed.size() / 3 + 1;
  for (const std::string& word : known)
    if (const size_t distance = edit_distance(word, typed); distance <= best_distance) {
      best = &word;
      best_distance = distance - (distance > 0);
    }
  return best ? fmt::format(" (did you mean \"{}\"?)", *best) : "";
}

std::string unknown_command(const CLI::App& app, const std::string& typed) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  const char* what = typed.starts_with('-') ? "option" : "command";
  return fmt::format("unknown {} {}{}", what, saker::quoted(typed), nearest(names, typed));
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
  return fmt::format("unknown option {}{}", saker::quoted(flag), nearest(names, flag));
}

}  // namespace saker::apps
