// The batches of a run, stage by stage, from a position that can be saved.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/batch.h"

namespace saker {

// Where the tokens come from. Batches are a pure function of the calls since the position that was restored.
class DataFeed {
 public:
  virtual ~DataFeed() = default;

  virtual const std::vector<std::string>& sources() const noexcept = 0;
  // tokenizer.json of the tokens; empty if nobody knows.
  virtual std::string tokenizer_json() const = 0;

  // What follows has this stage's mixture and context; documents go on where the last stage left them.
  virtual void enter_stage(size_t stage) = 0;
  virtual Batch next(int64_t rows) = 0;

  // Everything that what follows depends on. restore() is called before enter_stage() with the stage of the position.
  virtual nlohmann::json position() const = 0;
  virtual void restore(const nlohmann::json& position) = 0;
};

}  // namespace saker
