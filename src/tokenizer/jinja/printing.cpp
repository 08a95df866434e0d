#include "tokenizer/jinja/printing.h"

#include <cmath>
#include <utility>

#include "tokenizer/jinja/strings.h"

namespace saker::jinja {

namespace {

class Printer {
 public:
  explicit Printer(Run& run) : run_(run) {}

  std::string print(const Value& value) {
    add(value);
    return std::move(out_);
  }

 private:
  void add(const Value& value) {
    const Nesting nesting(run_, depth_);  // a namespace may hold itself
    run_.spend(kStep);
    if (value.is_undefined())
      out_ += "Undefined";
    else if (value.is_none())
      out_ += "None";
    else if (const bool* truth = value.boolean())
      out_ += *truth ? "True" : "False";
    else if (const int64_t* whole = value.integer())
      out_ += std::to_string(*whole);
    else if (const double* number = value.number())
      out_ += number_text(*number);
    else if (const std::string* text = value.text())
      add_text(*text);
    else if (const List* list = value.list())
      add_list(*list);
    else if (const Dict* dict = value.dict())
      add_dict(*dict);
    else if (const Namespace* names = value.names())
      add_names(*names);
    else if (const Loop* loop = value.loop())
      out_ += fmt::format("<LoopContext {}/{}>", loop->index + 1, loop->items->size());
    else
      out_ += value.function()->name;
  }

  void add_text(const std::string& text) {
    run_.spend(static_cast<int64_t>(text.size()));
    out_ += quoted_text(text);
  }

  void add_list(const List& list) {
    if (list.kind == ListKind::iterator) run_.fail("an iterator has no text; | list makes a list of it");
    out_ += list.kind == ListKind::tuple ? '(' : '[';
    for (size_t i = 0; i < list.items.size(); ++i) {
      if (i) out_ += ", ";
      add(list.items[i]);
    }
    if (list.kind == ListKind::tuple && list.items.size() == 1) out_ += ',';
    out_ += list.kind == ListKind::tuple ? ')' : ']';
  }

  void add_dict(const Dict& dict) {
    out_ += '{';
    for (size_t i = 0; i < dict.items.size(); ++i) {
      if (i) out_ += ", ";
      add(dict.items[i].first);
      out_ += ": ";
      add(dict.items[i].second);
    }
    out_ += '}';
  }

  void add_names(const Namespace& names) {
    out_ += "<Namespace {";
    bool first = true;
    for (const auto& [key, value] : names.members) {
      if (!std::exchange(first, false)) out_ += ", ";
      add_text(key);
      out_ += ": ";
      add(value);
    }
    out_ += "}>";
  }

  Run& run_;
  std::string out_;
  int depth_ = 0;
};

}  // namespace

std::string number_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string repr(Run& run, const Value& value) {
  return Printer(run).print(value);
}

std::string to_text(Run& run, const Value& value) {
  if (value.is_undefined()) return {};
  if (const std::string* text = value.text()) {
    run.spend(static_cast<int64_t>(text->size()));
    return *text;
  }
  return repr(run, value);
}

}  // namespace saker::jinja
