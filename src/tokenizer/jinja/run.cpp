#include "tokenizer/jinja/run.h"

namespace saker::jinja {

void Run::spend(int64_t units) {
  SAKER_CHECK(units <= limits_.work - spent_, ErrorCode::unsupported,
              "[chat template] line {}: the template takes more steps than are allowed", line);
  spent_ += units;
}

void Run::check_output(size_t bytes) const {
  SAKER_CHECK(bytes <= static_cast<size_t>(limits_.output), ErrorCode::unsupported,
              "[chat template] line {}: expected at most {} bytes of text, found more", line, limits_.output);
}

void Run::check_depth(int depth) const {
  SAKER_CHECK(depth <= kMaxListDepth, ErrorCode::unsupported,
              "[chat template] line {}: expected at most {} lists within each other, found more", line, kMaxListDepth);
}

Value Run::list(std::vector<Value> items, ListKind kind) {
  auto made = std::make_shared<const List>(std::move(items), kind);
  check_depth(made->depth);
  spend(made->weight);
  return made;
}

Value Run::dict(Dict dict) {
  check_depth(dict.depth);
  spend(dict.weight);
  return std::make_shared<const Dict>(std::move(dict));
}

void Run::insert(Dict& dict, Value key, Value value) {
  const std::string_view type = key.type();
  if (!dict.insert(std::move(key), std::move(value))) fail("expected a key that does not change, found {}", type);
}

Value Run::text(std::string text) {
  spend(static_cast<int64_t>(text.size()));
  return text;
}

Namespace* Run::names() {
  return namespaces_.emplace_back(std::make_unique<Namespace>()).get();
}

void Nesting::fail(Run& run) {
  saker::fail(ErrorCode::unsupported, "[chat template] line {}: expected at most {} levels of nesting, found more",
              run.line, kMaxDepth);
}

}  // namespace saker::jinja
