#include "tokenizer/chat_template.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/temporary_folder.h"
#include "tokenizer/test_models.h"

namespace saker {
namespace {

const std::vector<ChatMessage> kTalk{{"user", "Hi"}, {"assistant", "Yes?"}};

// Special tokens of the given texts.
Tokenizer tokenizer_with(std::initializer_list<const char*> tokens) {
  test::json document = test::tiny_document();
  for (const char* token : tokens)
    document["added_tokens"].push_back(
        test::added_token(256 + static_cast<int>(document["added_tokens"].size()), token, {{"special", true}}));
  return test::load(document);
}

class ChatTemplateTest : public testing::Test {
 protected:
  ChatTemplate of_folder() const { return ChatTemplate::of_folder(folder_.path(), tokenizer_); }
  void write_config(const std::string& json) const { folder_.write("tokenizer_config.json", json); }
  std::string refusal() const {
    return error_of([&] { of_folder(); });
  }

  TemporaryFolder folder_;
  Tokenizer tokenizer_ = tokenizer_with({});
};

TEST_F(ChatTemplateTest, ChatMlWhereThereIsNone) {
  const std::string turns = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYes?<|im_end|>\n";
  EXPECT_TRUE(of_folder().is_fallback());
  EXPECT_EQ(of_folder().render(kTalk, false), turns);
  EXPECT_EQ(of_folder().render(kTalk, true), turns + "<|im_start|>assistant\n");
  EXPECT_EQ(of_folder().answer_ends(), std::vector<std::string>{"<|im_end|>"});
  tokenizer_ = tokenizer_with({"<|begin_of_text|>", "<|im_start|>", "<|im_end|>"});
  EXPECT_EQ(of_folder().render(kTalk, false), "<|begin_of_text|>" + turns);
  const std::vector<int32_t> ids = tokenizer_.encode(of_folder().render(kTalk, true), false);
  EXPECT_EQ(ids.front(), 256);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), 257), 3);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), 258), 2);
}

TEST_F(ChatTemplateTest, TemplatesOfAFolder) {
  write_config(R"({"chat_template": "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}", "bos_token": "<s>",
      "eos_token": {"content": "</s>", "special": true}, "pad_token": null})");
  EXPECT_FALSE(of_folder().is_fallback());
  EXPECT_EQ(of_folder().render(kTalk, true), "<s>Hi</s>");
  EXPECT_EQ(of_folder().answer_ends(), std::vector<std::string>{"</s>"});
  write_config(R"({"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]})");
  EXPECT_EQ(of_folder().render(kTalk, true), "d");
  folder_.write("chat_template.jinja",
                "{{ messages | length }}{{ add_generation_prompt }}{{ tools }}{{ bos_token }}\n");
  EXPECT_EQ(of_folder().render(kTalk, true), "2TrueNone");
}

TEST_F(ChatTemplateTest, JsonIsGivenWhole) {
  const ChatTemplate made = ChatTemplate::parse("{{ messages | tojson }}{{ tools | tojson }}{{ extra }}");
  EXPECT_EQ(made.render_json(R"([{"role": "user", "b": 1, "a": [1.5]}])", false, "x"),
            R"([{"role": "user", "b": 1, "a": [1.5]}]null)");
  EXPECT_EQ(made.render_json(R"({"messages": [], "tools": [{}], "extra": "e"})", false, "x"), "[][{}]e");
  for (const char* wrong : {"", "3", "{}", "{\"messages\": 1}", "[", "[\"\xff\"]", "[{\"a\": 1, \"a\": 2}]",
                            "[99999999999999999999]", "[1e999]", "[1] 2"})
    EXPECT_NE(error_of([&] { made.render_json(wrong, false, "x"); }).find("[chat template] x: "), std::string::npos)
        << wrong;
  EXPECT_NE(error_of([&] { made.render_json(std::string(100, '['), false, "x"); }).find("levels"), std::string::npos);
  EXPECT_NE(error_of([&] { made.render({{"user", "\xff"}}, false); }).find("UTF-8"), std::string::npos);
}

TEST_F(ChatTemplateTest, BadFiles) {
  for (const char* config :
       {"[]", "{", R"({"chat_template": 3})", R"({"chat_template": [{"name": "other", "template": "x"}]})",
        R"({"chat_template": "x", "bos_token": 3})", R"({"chat_template": "{{"})"}) {
    write_config(config);
    EXPECT_NE(refusal().find("[chat template] "), std::string::npos) << config;
  }
}

}  // namespace
}  // namespace saker
