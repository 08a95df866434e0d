// Runs a template's tree.
#pragma once

#include <memory>
#include <string>

#include "tokenizer/jinja/ast.h"
#include "tokenizer/jinja/globals.h"
#include "tokenizer/jinja/run.h"

namespace saker::jinja {

// The text of the template with these variables. Throws invalid_argument for what the template does wrong or refuses,
// unsupported for what exceeds `limits`; both name the line.
std::string render(const Block& block, const Variables& variables, const Limits& limits);

}  // namespace saker::jinja
