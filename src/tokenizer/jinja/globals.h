// What every template can call: range, namespace, dict, raise_exception, strftime_now.
#pragma once

#include <map>
#include <string>

#include "tokenizer/jinja/run.h"

namespace saker::jinja {

using Variables = std::map<std::string, Value, std::less<>>;

const Variables& global_functions();

}  // namespace saker::jinja
