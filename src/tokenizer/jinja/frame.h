// Names and their values, as a block sees them: its own before those around it.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "tokenizer/jinja/globals.h"

namespace saker::jinja {

struct Frame {
  explicit Frame(std::shared_ptr<const Frame> around) : outer(std::move(around)) {}

  const Value* find(std::string_view name) const {
    for (const Frame* frame = this; frame; frame = frame->outer.get())
      if (const auto found = frame->values.find(name); found != frame->values.end()) return &found->second;
    return nullptr;
  }

  std::shared_ptr<const Frame> outer;
  Variables values;
};

}  // namespace saker::jinja
