#include "tokenizer/post_processor.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tokenizer/test_models.h"

namespace saker {
namespace {

using nlohmann::json;
using Ids = std::vector<int32_t>;

const json text_piece = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
json special_piece(const char* name) {
  return {{"SpecialToken", {{"id", name}, {"type_id", 0}}}};
}

json template_of(const std::vector<json>& pieces) {
  return {{"type", "TemplateProcessing"},
          {"single", pieces},
          {"pair", json::array()},
          {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {1, 2}}, {"tokens", {"<", "s"}}}}}}};
}

Ids apply_to(const json& value, bool special) {
  Ids out;
  const Ids ids = {7, 8};
  const auto processor = PostProcessor::from_json(value, 10);
  processor.apply(ids, special, out);
  if (processor.is_identity(special)) {
    EXPECT_EQ(out, ids);
  }
  return out;
}

TEST(PostProcessor, NothingAndByteLevelChangeNoIds) {
  EXPECT_EQ(apply_to(nullptr, true), (Ids{7, 8}));
  EXPECT_EQ(apply_to(test::byte_level(), true), (Ids{7, 8}));
}

TEST(PostProcessor, Template) {
  const json around = template_of({special_piece("<s>"), text_piece, special_piece("<s>")});
  EXPECT_EQ(apply_to(around, true), (Ids{1, 2, 7, 8, 1, 2}));
  EXPECT_EQ(apply_to(around, false), (Ids{7, 8}));
  EXPECT_EQ(apply_to(template_of({text_piece, text_piece}), false), (Ids{7, 8, 7, 8}))
      << "as the reference library does";
  const json sequence = {{"type", "Sequence"}, {"processors", json::array({test::byte_level(), around})}};
  EXPECT_EQ(apply_to(sequence, true), (Ids{1, 2, 7, 8, 1, 2}));
}

TEST(PostProcessor, WhatItDoesNotKnowIsAnError) {
  EXPECT_THROW(apply_to({{"type", "BertProcessing"}}, true), Error);
  EXPECT_THROW(apply_to(template_of({special_piece("<e>")}), true), Error) << "no such special token";
  EXPECT_THROW(apply_to(template_of({json{{"Sequence", {{"id", "B"}}}}}), true), Error);
  const json one = template_of({text_piece});
  EXPECT_THROW(apply_to({{"type", "Sequence"}, {"processors", json::array({one, one})}}, true), Error);
  json beyond = template_of({special_piece("<s>")});
  beyond["special_tokens"]["<s>"]["ids"] = {10};
  EXPECT_THROW(apply_to(beyond, true), Error);
}

}  // namespace
}  // namespace saker
