#include "tokenizer/jinja/filters.h"

#include <map>

#include "tokenizer/jinja/filter_table.h"

namespace saker::jinja {

namespace {

std::map<std::string_view, Filter> all_filters() {
  std::map<std::string_view, Filter> all;
  for (const auto& group : {text_filters(), value_filters(), sequence_filters(), selecting_filters()})
    all.insert(group.begin(), group.end());
  return all;
}

}  // namespace

Filter find_filter(std::string_view name) {
  static const std::map<std::string_view, Filter> all = all_filters();
  const auto found = all.find(name);
  return found == all.end() ? nullptr : found->second;
}

}  // namespace saker::jinja
