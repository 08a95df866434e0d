// One rendering of a template: the line it is at, what it has used of what it may use. A template comes from a file
// that nobody checked: whatever it does ends, in bounded memory, with a text or an Error.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "tokenizer/jinja/value.h"

namespace saker::jinja {

struct Limits {
  int64_t work = int64_t{1} << 28;    // bytes made and looked at, and kStep for each step
  int64_t output = int64_t{1} << 26;  // bytes of text
};

// Of expressions, statements and macros within each other while a template runs, and of lists within each other.
inline constexpr int kMaxDepth = 200;
inline constexpr int kMaxListDepth = 100;
inline constexpr int64_t kMaxRange = 100'000;
inline constexpr int64_t kStep = 64;

class Run {
 public:
  explicit Run(const Limits& limits) : limits_(limits) {}
  Run(const Run&) = delete;

  // Throws invalid_argument that names the line.
  template <class... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) const {
    saker::fail(ErrorCode::invalid_argument, "[chat template] line {}: {}", line,
                fmt::format(format, std::forward<Args>(args)...));
  }

  // Throws what an undefined value says of itself, if it is one.
  void refuse_undefined(const Value& value) const {
    if (const Undefined* undefined = value.undefined()) fail("{}", undefined->why);
  }

  // Counts work, before it is done. Throws unsupported when there was too much.
  void spend(int64_t units);
  void check_output(size_t bytes) const;

  // A list or a dict that may exist: not too deep, and counted.
  Value list(std::vector<Value> items, ListKind kind = ListKind::list);
  Value tuple(std::vector<Value> items) { return list(std::move(items), ListKind::tuple); }
  Value dict(Dict dict);
  void insert(Dict& dict, Value key, Value value);
  Value text(std::string text);
  Namespace* names();

  int line = 1;

 private:
  void check_depth(int depth) const;

  Limits limits_;
  int64_t spent_ = 0;
  std::vector<std::unique_ptr<Namespace>> namespaces_;
};

// While it exists, something is nested in something else.
class Nesting {
 public:
  Nesting(Run& run, int& depth) : depth_(depth) {
    if (++depth_ > kMaxDepth) {
      --depth_;
      fail(run);
    }
  }
  Nesting(const Nesting&) = delete;
  ~Nesting() { --depth_; }

 private:
  [[noreturn]] static void fail(Run& run);
  int& depth_;
};

}  // namespace saker::jinja
