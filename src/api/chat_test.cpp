#include "api/chat.h"

#include <gtest/gtest.h>

#include <limits>

#include "api/chat_note.h"
#include "core/temporary_folder.h"
#include "model/tiny_model.h"
#include "tokenizer/byte_tokenizer.h"

namespace saker {
namespace {

constexpr int32_t kEnd = 7;

// Random weights over bytes.
FalconMamba byte_model() {
  ModelConfig config = tiny_config();
  config.vocab_size = byte_tokenizer_size;
  config.eos_token_ids = {kEnd};
  return FalconMamba(init_weights(config, 7, DType::f32), open_backend(BackendKind::cpu, 1), DType::f32);
}

const char* const kVerbatim =
    "{% for m in messages %}[{{ m.role }}]{{ m.content }};{% endfor %}{% if add_generation_prompt %}[assistant]{% "
    "endif %}";

class ChatTest : public testing::Test {
 protected:
  Chat chat() const { return Chat(model_, workspace_, tokenizer_, template_); }
  AnswerSettings settings(int64_t tokens = 6) const {
    AnswerSettings made;
    made.sampling = {.temperature = 1.0, .seed = 5};
    // Letters alone: any answer is a text that templates give back unchanged.
    for (int32_t id = 0; id < byte_tokenizer_size; ++id)
      if (id < 98 || id > 120) made.sampling.logit_bias[id] = -std::numeric_limits<float>::infinity();
    made.limits = {tokens, {kEnd}};
    return made;
  }

  // What an empty session that reads `text` goes on with.
  std::string answer_to(const std::string& text) const {
    Session whole(model_, workspace_);
    whole.append(tokenizer_.encode(text, false));
    Sampler sampler(settings().sampling, model_.config().vocab_size);
    std::string answer;
    for (int i = 0; i < 6; ++i) {
      const int32_t id = whole.next(sampler);
      answer += tokenizer_.decode({&id, 1}, false);
    }
    return answer;
  }

  FalconMamba model_ = byte_model();
  mutable Workspace workspace_{model_, 16};
  Tokenizer tokenizer_ = Tokenizer::from_json(byte_tokenizer_json(kEnd));
  ChatTemplate template_ = ChatTemplate::parse(kVerbatim);
  TemporaryFolder folder_;
};

TEST_F(ChatTest, FeedsOnlyWhatIsNew) {
  Chat talk = chat();
  const ChatAnswer first = talk.ask("Hello", settings());
  EXPECT_EQ(first.reason, FinishReason::length);
  EXPECT_EQ(first.text.size(), 6u);
  EXPECT_EQ(first.prompt_tokens, std::string_view("[user]Hello;[assistant]").size());
  const ChatAnswer second = talk.ask("More", settings());
  EXPECT_EQ(second.prompt_tokens, std::string_view(";[user]More;[assistant]").size());
  EXPECT_EQ(talk.messages(),
            (std::vector<ChatMessage>{
                {"user", "Hello"}, {"assistant", first.text}, {"user", "More"}, {"assistant", second.text}}));
}

TEST_F(ChatTest, IsWhatFeedingTheWholeTextGives) {
  Chat talk = chat();
  const std::string first = talk.ask("Hello", settings()).text, second = talk.ask("More", settings()).text;
  EXPECT_EQ(second, answer_to("[user]Hello;[assistant]" + first + ";[user]More;[assistant]"));
}

TEST_F(ChatTest, TheTemplateClosesTheTurnHoweverTheAnswerEnds) {
  AnswerSettings ends = settings();
  ends.sampling.logit_bias = {{kEnd, 1000.0f}};
  Chat talk = chat();
  EXPECT_EQ(talk.ask("Hello", ends).reason, FinishReason::stop_id);
  EXPECT_EQ(talk.messages().back().content, "");
  // The model's own mark was not fed: what the template writes goes on.
  const ChatAnswer more = talk.ask("More", settings());
  EXPECT_EQ(more.prompt_tokens, std::string_view(";[user]More;[assistant]").size());
  EXPECT_EQ(more.text, answer_to("[user]Hello;[assistant];[user]More;[assistant]"));

  AnswerSettings stops = settings(20);
  const std::string text = chat().ask("Hello", stops).text;
  stops.stop = {text.substr(3, 2)};
  Chat stopped = chat();
  const ChatAnswer answer = stopped.ask("Hello", stops);
  EXPECT_EQ(answer.reason, FinishReason::stop_string);
  EXPECT_EQ(answer.text, text.substr(0, 3));
  // The state saw the stop string, which the template does not write: read again.
  EXPECT_GT(stopped.ask("More", settings()).prompt_tokens, 40);
}

TEST_F(ChatTest, AStopStringThatTheTemplateWritesIsNotReadAgain) {
  AnswerSettings stops = settings();
  const int32_t id = tokenizer_.encode(";", false)[0];
  stops.sampling.logit_bias = {{id, 1000.0f}};
  stops.stop = {";"};
  Chat talk = chat();
  EXPECT_EQ(talk.ask("Hello", stops).reason, FinishReason::stop_string);
  EXPECT_EQ(talk.ask("More", settings()).prompt_tokens, std::string_view("[user]More;[assistant]").size());
}

TEST_F(ChatTest, StoppingKeepsWhatWasAnswered) {
  AnswerSettings stops = settings(-1);
  int shown = 0;
  stops.on_text = [&](std::string_view) { ++shown; };
  stops.stopped = [&] { return shown == 3; };
  Chat talk = chat();
  const ChatAnswer answer = talk.ask("Hello", stops);
  EXPECT_EQ(answer.reason, FinishReason::cancelled);
  EXPECT_EQ(answer.text.size(), 3u);
  EXPECT_EQ(talk.messages().size(), 2u);
  EXPECT_EQ(talk.ask("More", settings()).prompt_tokens, std::string_view(";[user]More;[assistant]").size());

  Chat unasked = chat();
  stops.stopped = [] { return true; };
  EXPECT_EQ(unasked.ask("Hello", stops).tokens, 0);
  EXPECT_TRUE(unasked.messages().empty());
}

TEST_F(ChatTest, TemplatesThatRewriteAreReadAgain) {
  template_ = ChatTemplate::parse(
      "{% for m in messages %}{% if m.role == 'user' or loop.index > 99 %}[{{ m.content }}]{% endif %}{% endfor %}");
  Chat talk = chat();
  talk.ask("Hello", settings());
  const std::string second = talk.ask("More", settings()).text;
  EXPECT_EQ(second, answer_to("[Hello][More]"));
}

TEST_F(ChatTest, RefusalsChangeNothing) {
  template_ = ChatTemplate::parse("{% if messages | length > 2 %}{{ raise_exception('full') }}{% endif %}x");
  Chat talk = chat();
  talk.ask("Hello", settings());
  EXPECT_NE(error_of([&] { talk.ask("More", settings()); }).find("full"), std::string::npos);
  EXPECT_NE(error_of([&] { talk.ask("\xff", settings()); }), "");
  EXPECT_EQ(talk.messages().size(), 2u);
}

TEST_F(ChatTest, RewindsAndGoesOnAsIfNothingHadBeen) {
  Chat talk = chat();
  talk.set_system("Be brief.");
  talk.ask("One", settings());
  const std::string two = talk.ask("Two", settings()).text;
  talk.ask("Three", settings());
  talk.rewind(2);
  EXPECT_EQ(talk.exchanges(), 1);
  const ChatAnswer again = talk.ask("Two", settings());
  EXPECT_EQ(again.text, two);
  EXPECT_EQ(again.prompt_tokens, std::string_view(";[user]Two;[assistant]").size());
  for (const int64_t count : {0, 3, -1}) EXPECT_NE(error_of([&] { talk.rewind(count); }), "") << count;
  talk.reset();
  EXPECT_EQ(talk.messages(), (std::vector<ChatMessage>{{"system", "Be brief."}}));
  talk.set_system("");
  EXPECT_TRUE(talk.messages().empty());
}

TEST_F(ChatTest, LongTalksKeepFewStatesAndRewindStill) {
  Chat talk = chat();
  std::vector<std::string> answers;
  for (int i = 0; i < 14; ++i) answers.push_back(talk.ask(std::to_string(i), settings(2)).text);
  talk.rewind(13);
  EXPECT_EQ(talk.ask("1", settings(2)).text, answers[1]);
}

TEST_F(ChatTest, ForksGoTheirOwnWay) {
  Chat talk = chat();
  talk.ask("One", settings());
  Chat fork = talk.fork();
  const std::string expected = talk.ask("Two", settings()).text;
  EXPECT_EQ(fork.ask("Two", settings()).text, expected);
  fork.ask("Three", settings());
  EXPECT_EQ(talk.exchanges(), 2);
}

TEST_F(ChatTest, FilesGoOnBitForBit) {
  const auto file = folder_.path() / "talk";
  Chat talk = chat();
  talk.set_system("S");
  talk.ask("One", settings());
  talk.save(file);
  const ChatAnswer expected = talk.ask("Two", settings());
  Chat loaded = chat();
  loaded.load(file);
  EXPECT_EQ(loaded.exchanges(), 1);
  const ChatAnswer found = loaded.ask("Two", settings());
  EXPECT_EQ(found.text, expected.text);
  EXPECT_EQ(found.prompt_tokens, expected.prompt_tokens);
  EXPECT_EQ(loaded.messages(), talk.messages());

  Chat empty = chat();
  empty.save(file);
  loaded.load(file);
  EXPECT_TRUE(loaded.messages().empty());
}

TEST_F(ChatTest, OtherFilesAreRefused) {
  const auto file = folder_.path() / "state";
  Session session(model_, workspace_);
  session.append(std::vector<int32_t>{1, 2});
  for (const char* note : {"", "[]", "{", "{}", R"({"messages": 1})", R"({"messages": [3]})",
                           R"({"messages": [{"role": "user", "content": "x"}]})",
                           R"({"messages": [{"role": "assistant", "content": "x"}, {"role": "user", "content": "x"}]})",
                           R"({"messages": [{"role": "system", "content": 1}]})", R"({"messages": [], "text": 1})"}) {
    session.save(file, note);
    Chat talk = chat();
    talk.ask("One", settings());
    EXPECT_NE(error_of([&] { talk.load(file); }).find("[chat] " + file.string()), std::string::npos) << note;
    EXPECT_EQ(talk.exchanges(), 1);
  }
}

}  // namespace
}  // namespace saker
