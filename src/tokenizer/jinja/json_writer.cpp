#include <algorithm>
#include <cmath>
#include <utility>

#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/printing.h"
#include "tokenizer/utf8.h"

namespace saker::jinja {

namespace {

class JsonWriter {
 public:
  JsonWriter(Run& run, const JsonStyle& style) : run_(run), style_(style) {}

  std::string write(const Value& value) {
    add(value);
    return std::move(out_);
  }

 private:
  // Lists are never deeper than kMaxListDepth.
  void add(const Value& value) {
    run_.spend(kStep);
    if (value.is_none())
      out_ += "null";
    else if (const bool* truth = value.boolean())
      out_ += *truth ? "true" : "false";
    else if (const int64_t* whole = value.integer())
      out_ += std::to_string(*whole);
    else if (const double* number = value.number())
      out_ += json_number(*number);
    else if (const std::string* text = value.text())
      add_text(*text);
    else if (const Dict* dict = value.dict())
      add_dict(*dict);
    else if (const List* list = value.list(); list && list->kind != ListKind::iterator)
      add_list(*list);
    else
      run_.fail("expected a value that JSON has, found {}", value.type());
  }

  static std::string json_number(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    return number_text(value);
  }

  void add_text(std::string_view text) {
    run_.spend(static_cast<int64_t>(text.size()));
    out_ += '"';
    for (size_t at = 0; at < text.size();) {
      const utf8::Character c = utf8::decode(text.data() + at);
      add_character(c.code_point, text.substr(at, c.length));
      at += c.length;
    }
    out_ += '"';
  }

  void add_character(char32_t c, std::string_view bytes) {
    switch (c) {
      case '"': out_ += "\\\""; return;
      case '\\': out_ += "\\\\"; return;
      case '\n': out_ += "\\n"; return;
      case '\r': out_ += "\\r"; return;
      case '\t': out_ += "\\t"; return;
      case '\b': out_ += "\\b"; return;
      case '\f': out_ += "\\f"; return;
      default: break;
    }
    const auto code = static_cast<uint32_t>(c);
    if (c >= 0x20 && (c < 0x7F || !style_.ascii))
      out_ += bytes;
    else if (c < 0x10000)
      out_ += fmt::format("\\u{:04x}", code);
    else
      out_ += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + ((code - 0x10000) >> 10), 0xDC00 + (code & 0x3FF));
  }

  std::string key_text(const Value& key) const {
    if (const std::string* text = key.text()) return *text;
    if (key.is_none()) return "null";
    if (const bool* truth = key.boolean()) return *truth ? "true" : "false";
    if (const int64_t* whole = key.integer()) return std::to_string(*whole);
    if (const double* number = key.number()) return json_number(*number);
    run_.fail("expected a key that JSON has, found {}", key.type());
  }

  void add_dict(const Dict& dict) {
    std::vector<std::pair<const Value*, const Value*>> members;
    for (const auto& [key, value] : dict.items) members.emplace_back(&key, &value);
    // By the keys themselves, as Python does: 2 before 10, and a number and a text have no order.
    if (style_.sort_keys)
      std::stable_sort(members.begin(), members.end(), [this](const auto& a, const auto& b) {
        return compare(run_, Comparison::less, *a.first, *b.first);
      });
    add_container('{', '}', members.size(), [&](size_t i) {
      add_text(key_text(*members[i].first));
      out_ += style_.key_separator;
      add(*members[i].second);
    });
  }

  void add_list(const List& list) {
    add_container('[', ']', list.items.size(), [&](size_t i) { add(list.items[i]); });
  }

  template <class AddItem>
  void add_container(char open, char close, size_t size, const AddItem& add_item) {
    out_ += open;
    ++depth_;
    for (size_t i = 0; i < size; ++i) {
      if (i) out_ += style_.item_separator;
      new_line();
      add_item(i);
    }
    --depth_;
    if (size) new_line();
    out_ += close;
  }

  void new_line() {
    if (style_.indent < 0 && style_.indent_text.empty()) return;
    out_ += '\n';
    const std::string step =
        style_.indent_text.empty() ? std::string(static_cast<size_t>(style_.indent), ' ') : style_.indent_text;
    run_.spend(depth_ * static_cast<int64_t>(step.size()));
    for (int i = 0; i < depth_; ++i) out_ += step;
  }

  Run& run_;
  const JsonStyle& style_;
  std::string out_;
  int depth_ = 0;
};

}  // namespace

std::string to_json(Run& run, const Value& value, const JsonStyle& style) {
  return JsonWriter(run, style).write(value);
}

}  // namespace saker::jinja
