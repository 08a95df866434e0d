// The values of a template: those of Python that Jinja shows. Immutable but for namespaces, so that none can contain
// itself and none outgrows what Run (run.h) counted when it was made.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace saker::jinja {

class Value;
class Run;
struct Dict;

struct None {};
// What a name that nobody set stands for. Prints as nothing; most uses are an error, which `why` explains.
struct Undefined {
  std::string why;
};

// What Python tells apart: an iterator is always true, has no length and no items.
enum class ListKind { list, tuple, iterator };
struct List {
  List(std::vector<Value> values, ListKind of);

  std::vector<Value> items;
  ListKind kind;
  int depth = 1;       // containers within each other, this one included
  int64_t weight = 0;  // about the bytes of everything in it
};

// Of one rendering, which owns it: values only point at it, so that it may hold itself.
struct Namespace {
  std::map<std::string, Value, std::less<>> members;
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

struct Function {
  std::string name;  // as Python prints it
  std::function<Value(Run&, Arguments&)> call;
};

// `loop`: where a for loop is.
struct Loop {
  std::shared_ptr<const std::vector<Value>> items;
  size_t index = 0;  // from 0
  int depth = 1;     // loops within each other
};

class Value {
 public:
  using Text = std::shared_ptr<const std::string>;

  Value() : Value(Undefined{}) {}
  Value(Undefined value) : data_(std::move(value)) {}
  Value(None value) : data_(value) {}
  Value(std::same_as<bool> auto value) : data_(value) {}
  Value(int64_t value) : data_(value) {}
  Value(double value) : data_(value) {}
  Value(std::string value) : data_(std::make_shared<const std::string>(std::move(value))) {}
  Value(std::string_view value) : Value(std::string(value)) {}
  Value(const char* value) : Value(std::string(value)) {}
  Value(std::shared_ptr<const List> value) : data_(std::move(value)) {}
  Value(std::shared_ptr<const Dict> value) : data_(std::move(value)) {}
  Value(std::shared_ptr<const Function> value) : data_(std::move(value)) {}
  Value(std::shared_ptr<const Loop> value) : data_(std::move(value)) {}
  Value(Namespace* value) : data_(value) {}

  bool is_undefined() const noexcept { return std::holds_alternative<Undefined>(data_); }
  bool is_none() const noexcept { return std::holds_alternative<None>(data_); }
  bool is_callable() const noexcept { return function() != nullptr; }

  // Null unless the value is of that type.
  const Undefined* undefined() const noexcept { return std::get_if<Undefined>(&data_); }
  const bool* boolean() const noexcept { return std::get_if<bool>(&data_); }
  const int64_t* integer() const noexcept { return std::get_if<int64_t>(&data_); }
  const double* number() const noexcept { return std::get_if<double>(&data_); }
  const std::string* text() const noexcept { return pointer<const std::string>(); }
  const List* list() const noexcept { return pointer<const List>(); }
  const Dict* dict() const noexcept { return pointer<const Dict>(); }
  const Function* function() const noexcept { return pointer<const Function>(); }
  const Loop* loop() const noexcept { return pointer<const Loop>(); }
  Namespace* names() const noexcept {
    const auto* held = std::get_if<Namespace*>(&data_);
    return held ? *held : nullptr;
  }

  // Of True, False and integers.
  bool to_integer(int64_t& out) const noexcept;
  // Of those and fractions.
  bool to_number(double& out) const noexcept;
  bool is_number() const noexcept { return boolean() || integer() || number(); }

  int depth() const noexcept;
  int64_t weight() const noexcept;
  // "a string", "a list": for messages.
  std::string_view type() const noexcept;

 private:
  template <class T>
  const T* pointer() const noexcept {
    const auto* held = std::get_if<std::shared_ptr<T>>(&data_);
    return held ? held->get() : nullptr;
  }

  std::variant<Undefined, None, bool, int64_t, double, Text, std::shared_ptr<const List>, std::shared_ptr<const Dict>,
               std::shared_ptr<const Function>, std::shared_ptr<const Loop>, Namespace*>
      data_;
};

// In order of insertion, as Python keeps it; 1, 1.0 and True are one key.
struct Dict {
  // The text that equal keys share; false: the value can be no key.
  static bool key_of(const Value& key, std::string& out);

  // Replaces the value of a key that is there. False: the value can be no key.
  bool insert(Value key, Value value);
  // Null: not there, or can be no key.
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;

  std::vector<std::pair<Value, Value>> items;
  std::unordered_map<std::string, size_t> places;
  int depth = 1;
  int64_t weight = 0;
};

}  // namespace saker::jinja
