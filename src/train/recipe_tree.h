// A TOML document as a tree, with the line of every key, and overrides of single values.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace saker {

struct RecipeTree {
  nlohmann::json root;               // an object
  std::string from;                  // names the source in messages
  std::map<std::string, int> lines;  // by path: "stages.0.tokens"

  // "tiny.toml:12", or "--set" for a value that an override gave.
  std::string where(const std::string& path) const;
};

// Throws corrupt_data with the line for what is not TOML, and for dates and times, which no recipe has.
RecipeTree parse_recipe_tree(std::string_view toml, const std::string& from);

// `assignment` is "stages.0.tokens=1M": a path, and a value as TOML has it or a bare word. Throws invalid_argument if
// it is none, or if the path leads through something that is no table.
void override_value(RecipeTree& tree, std::string_view assignment);

}  // namespace saker
