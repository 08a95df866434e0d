#include <algorithm>

#include "tokenizer/jinja/arguments.h"
#include "tokenizer/jinja/filter_table.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/printing.h"
#include "tokenizer/jinja/strings.h"

namespace saker::jinja {

namespace {

Value trim(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "trim", arguments, {"chars"});
  const std::string text = to_text(run, value);
  const bool spaces = !given.has(0) || given[0].is_none();
  return spaces ? strip(text) : strip(text, given.text(0), Side::both);
}

template <std::string (*convert)(std::string_view)>
Value converted(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "a filter", arguments, {});
  return convert(to_text(run, value));
}

std::string unchanged(std::string_view text) {
  return std::string(text);
}

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&#34;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

Value replace_filter(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "replace", arguments, {"old", "new", "count"}, 2);
  const std::string text = to_text(run, value), old = to_text(run, given[0]), with = to_text(run, given[1]);
  run.spend(count(text, old) * static_cast<int64_t>(with.size()));
  const int64_t limit = given[2].is_none() ? -1 : given.integer(2, -1);
  return run.text(replace(text, old, with, limit));
}

// Of all lines but the first, and of it too if `first`; of empty lines only if `blank`.
Value indent(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "indent", arguments, {"width", "first", "blank"});
  if (!value.text()) run.fail("indent: expected a string, found {}", value.type());
  const std::string by = given[0].text() ? *given[0].text() : [&] {
    const int64_t width = std::max<int64_t>(given.integer(0, 4), 0);
    run.spend(width);
    return std::string(static_cast<size_t>(width), ' ');
  }();
  const bool first = given.truth(1, false), blank = given.truth(2, false);
  const std::string text = *value.text() + '\n';
  const std::vector<std::string_view> lines = split_lines(text);
  run.spend(static_cast<int64_t>(lines.size()) * static_cast<int64_t>(by.size() + kStep));
  std::string out = first ? by : std::string();
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i) out += '\n';
    if (i && (blank || !lines[i].empty())) out += by;
    out += lines[i];
  }
  return run.text(std::move(out));
}

JsonStyle json_style(const Parameters& given) {
  JsonStyle style;
  style.ascii = given.truth(0, false);
  const bool lines = given.has(1) && !given[1].is_none();
  if (lines && given[1].text())
    style.indent_text = *given[1].text();
  else if (lines)
    style.indent = std::max<int64_t>(given.integer(1, 0), 0);
  if (lines) style.item_separator.resize(1);  // "," of ", "
  style.sort_keys = given.truth(3, false);
  return style;
}

// As HF transformers defines it: json.dumps, and nothing escaped for HTML.
Value tojson(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style = json_style(given);
  if (given.has(2) && !given[2].is_none()) {
    const List* pair = given[2].list();
    if (!pair || pair->items.size() != 2 || !pair->items[0].text() || !pair->items[1].text())
      run.fail("tojson: separators: expected two strings, found {}", given[2].type());
    style.item_separator = *pair->items[0].text();
    style.key_separator = *pair->items[1].text();
  }
  return run.text(to_json(run, value, style));
}

constexpr NamedFilter kFilters[] = {
    {"trim", trim},
    {"upper", converted<upper>},
    {"lower", converted<lower>},
    {"capitalize", converted<capitalize>},
    {"title", converted<title_filter>},
    {"string", converted<unchanged>},
    {"safe", converted<unchanged>},
    {"escape", converted<escape>},
    {"e", converted<escape>},
    {"replace", replace_filter},
    {"indent", indent},
    {"tojson", tojson},
};

}  // namespace

std::span<const NamedFilter> text_filters() {
  return kFilters;
}

}  // namespace saker::jinja
