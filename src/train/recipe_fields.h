// Strict access to the tables of a recipe: a key that nobody asked for is an error.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "train/recipe_tree.h"

namespace saker {

class RecipeFields {
 public:
  // The whole recipe, which must outlive this.
  explicit RecipeFields(const RecipeTree& tree) : RecipeFields(tree, "", &tree.root) {}

  bool has(const char* key) const;
  // Values with a default; wrong types and ranges throw corrupt_data naming file, line and key.
  int64_t integer(const char* key, int64_t standard, int64_t min, int64_t max) const;
  double number(const char* key, double standard, double min, double max) const;
  bool boolean(const char* key, bool standard) const;
  std::string text(const char* key, std::string_view standard) const;
  // One of `choices`, the first being the default.
  std::string choice(const char* key, const std::vector<std::string>& choices) const;
  // A count, also with a suffix: "250K", "1.5M", "50G", "5.3T".
  int64_t count(const char* key, int64_t standard, int64_t min = 0) const;
  std::vector<std::string> texts(const char* key) const;

  // An absent table reads as an empty one; anything else throws.
  RecipeFields table(const char* key) const;
  // The tables of a list of tables; none if it is absent.
  std::vector<RecipeFields> tables(const char* key) const;
  std::vector<std::string> keys() const;
  const nlohmann::json* find(const char* key) const;
  const std::string& path() const noexcept { return path_; }

  // Throws if the table has a key that was not asked for, naming the nearest one that could have been.
  void refuse_others(const std::vector<std::string>& also_known = {}) const;

  template <class... Args>
  [[noreturn]] void refuse(const char* key, fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::corrupt_data, "[recipe] {}: {}", where(key), fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  RecipeFields(const RecipeTree& tree, std::string path, const nlohmann::json* object);

  std::string below(std::string_view key) const;
  std::string where(const char* key) const;

  const RecipeTree& tree_;
  std::string path_;
  const nlohmann::json* object_;  // null if absent
  mutable std::set<std::string> known_;
};

}  // namespace saker
