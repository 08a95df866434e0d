// Python's operators on values.
#pragma once

#include <optional>

#include "tokenizer/jinja/run.h"

namespace saker::jinja {

enum class Operator { add, subtract, multiply, divide, floor_divide, modulo, power };
enum class Comparison { equal, not_equal, less, less_equal, greater, greater_equal, in, not_in };

bool is_true(const Value& value) noexcept;

// All throw, as Python does, for types that have no such operation, and for integers beyond 64 bits.
Value calculate(Run& run, Operator op, const Value& left, const Value& right);
Value negative(Run& run, const Value& value);
Value positive(Run& run, const Value& value);

bool compare(Run& run, Comparison op, const Value& left, const Value& right);
bool equal(Run& run, const Value& left, const Value& right);
// -1, 0, 1; nothing for NaN.
std::optional<int> order(Run& run, const Value& left, const Value& right);

// What a for loop goes through: items, characters, keys; nothing of an undefined value.
std::vector<Value> elements(Run& run, const Value& value);
// Throws for what has none.
int64_t length_of(Run& run, const Value& value);

}  // namespace saker::jinja
