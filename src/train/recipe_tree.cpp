#include "train/recipe_tree.h"

#include <toml++/toml.h>

#include <charconv>

#include "core/error.h"

namespace saker {

namespace {

using nlohmann::json;

constexpr int kNoLine = -1;  // of what --set gave
constexpr int kMaxDepth = 16;

std::string joined(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

class Converter {
 public:
  explicit Converter(RecipeTree& tree) : tree_(tree) {}

  json convert(const toml::node& node, const std::string& path, int depth) {
    tree_.lines[path] = static_cast<int>(node.source().begin.line);
    SAKER_CHECK(depth < kMaxDepth, ErrorCode::corrupt_data, "[recipe] {}: nested deeper than {} levels",
                tree_.where(path), kMaxDepth);
    if (const toml::table* table = node.as_table()) return convert_table(*table, path, depth);
    if (const toml::array* array = node.as_array()) return convert_array(*array, path, depth);
    if (const auto* text = node.as_string()) return text->get();
    if (const auto* integer = node.as_integer()) return integer->get();
    if (const auto* number = node.as_floating_point()) return number->get();
    if (const auto* boolean = node.as_boolean()) return boolean->get();
    fail(ErrorCode::corrupt_data, "[recipe] {}: expected {} to be a number, text, list or table, found a date or time",
         tree_.where(path), path);
  }

 private:
  json convert_table(const toml::table& table, const std::string& path, int depth) {
    json object = json::object();
    for (const auto& [key, value] : table) {
      const std::string below = joined(path, key.str());
      object[std::string(key.str())] = convert(value, below, depth + 1);
      tree_.lines[below] = static_cast<int>(key.source().begin.line);
    }
    return object;
  }

  json convert_array(const toml::array& array, const std::string& path, int depth) {
    json list = json::array();
    for (const toml::node& value : array)
      list.push_back(convert(value, joined(path, std::to_string(list.size())), depth + 1));
    return list;
  }

  RecipeTree& tree_;
};

toml::table parse(std::string_view text, const std::string& from) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    fail(ErrorCode::corrupt_data, "[recipe] {}:{}: {}", from, error.source().begin.line,
         saker::quoted(error.description(), 200));
  }
}

// As TOML has it; what TOML has not (1M, exponential) is text.
json parse_value(std::string_view text) {
  RecipeTree tree;
  try {
    const toml::table table = toml::parse(fmt::format("value = {}", text));
    if (table.size() == 1) return Converter(tree).convert(table, "", 0)["value"];
  } catch (const toml::parse_error&) {
  }
  return std::string(text);
}

json* member(json& value, std::string_view key) {
  if (value.is_object()) return &value[std::string(key)];
  size_t index = 0;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
  const bool inside =
      error == std::errc() && end == key.data() + key.size() && value.is_array() && index < value.size();
  return inside ? &value[index] : nullptr;
}

}  // namespace

std::string RecipeTree::where(const std::string& path) const {
  const auto line = lines.find(path);
  if (line == lines.end() || line->second == 0) return from;
  return line->second == kNoLine ? "--set" : fmt::format("{}:{}", from, line->second);
}

RecipeTree parse_recipe_tree(std::string_view toml, const std::string& from) {
  RecipeTree tree;
  tree.from = from;
  tree.root = Converter(tree).convert(parse(toml, from), "", 0);
  return tree;
}

void override_value(RecipeTree& tree, std::string_view assignment) {
  const size_t equals = assignment.find('=');
  SAKER_CHECK(equals != 0 && equals != std::string_view::npos, ErrorCode::invalid_argument,
              "[recipe] expected --set key=value, found {}", saker::quoted(assignment));
  const std::string path(assignment.substr(0, equals));
  json* value = &tree.root;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('.', begin), path.size());
    if (value->is_null()) *value = json::object();
    value = end == begin ? nullptr : member(*value, std::string_view(path).substr(begin, end - begin));
    SAKER_CHECK(value, ErrorCode::invalid_argument, "[recipe] --set {}: the recipe has nothing of this path",
                saker::quoted(path));
    begin = end + 1;
  }
  *value = parse_value(assignment.substr(equals + 1));
  tree.lines[path] = kNoLine;
}

}  // namespace saker
