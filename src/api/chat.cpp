#include "api/chat.h"

#include <algorithm>
#include <utility>

#include "api/chat_note.h"
#include "core/error.h"
#include "tokenizer/stop_strings.h"
#include "tokenizer/streaming_detokenizer.h"

namespace saker {

namespace {

// What the model answers, token by token.
class AnswerText {
 public:
  AnswerText(const Tokenizer& tokenizer, const AnswerSettings& settings)
      // With special tokens: the instruct vocabulary has an ordinary word among them.
      : detokenizer_(tokenizer, /*skip_special_tokens=*/false), stops_(settings.stop), on_text_(settings.on_text) {}

  void add(int32_t id) { add(detokenizer_.push(id)); }
  void end() {
    add(detokenizer_.flush());
    if (!stops_.found()) show(stops_.flush());
  }

  bool stopped() const noexcept { return stops_.found(); }
  // All that the model wrote, and what of it is the answer.
  const std::string& written() const noexcept { return written_; }
  const std::string& shown() const noexcept { return shown_; }

 private:
  void add(const std::string& piece) {
    written_ += piece;
    show(stops_.push(piece));
  }
  void show(const std::string& piece) {
    shown_ += piece;
    if (!piece.empty()) on_text_(piece);
  }

  StreamingDetokenizer detokenizer_;
  StopStrings stops_;
  const std::function<void(std::string_view)>& on_text_;
  std::string written_, shown_;
};

// Draws tokens until the answer ends; `tokens` counts them. A token that ends it is taken back: the template writes it.
FinishReason draw(Session& session, AnswerText& text, const AnswerSettings& settings, int64_t& tokens) {
  Sampler sampler(settings.sampling, session.model().config().vocab_size);
  while (tokens != settings.limits.max_tokens) {
    if (settings.stopped()) return FinishReason::cancelled;
    const int32_t id = session.next(sampler);
    const std::optional<FinishReason> reason = settings.limits.reached(id, ++tokens);
    if (reason == FinishReason::stop_id) {
      session.take_back();
      return *reason;
    }
    text.add(id);
    if (text.stopped()) return FinishReason::stop_string;
  }
  return FinishReason::length;
}

}  // namespace

Chat::Chat(const FalconMamba& model, Workspace& workspace, const Tokenizer& tokenizer,
           const ChatTemplate& chat_template)
    : model_(&model), workspace_(&workspace), tokenizer_(&tokenizer), template_(&chat_template) {}

ChatAnswer Chat::ask(std::string_view question, const AnswerSettings& settings) {
  std::vector<ChatMessage> messages = messages_;
  messages.push_back({"user", std::string(question)});
  std::string prompt = template_->render(messages, /*add_generation_prompt=*/true);
  const Point* before = point_before(prompt);
  Session session = before ? before->session.fork() : Session(*model_, *workspace_);
  const std::vector<int32_t> ids = tokenizer_->encode(std::string_view(prompt).substr(before ? before->text.size() : 0),
                                                      /*add_special_tokens=*/false);
  AnswerText text(*tokenizer_, settings);
  ChatAnswer answer{{}, FinishReason::cancelled, static_cast<int64_t>(ids.size()), 0};
  const bool complete = session.append(ids, [&](int64_t done) {
    settings.on_prompt(done, answer.prompt_tokens);
    return !settings.stopped();
  });
  if (!complete || settings.stopped()) return answer;

  answer.reason = draw(session, text, settings, answer.tokens);
  text.end();
  if (text.stopped()) answer.reason = FinishReason::stop_string;
  answer.text = text.shown();
  messages.push_back({"assistant", answer.text});
  points_.push_back({prompt + text.written(), messages.size(), std::move(session)});
  if (points_.size() > kKeptStates + 1) points_.pop_front();
  messages_ = std::move(messages);
  return answer;
}

const Chat::Point* Chat::point_before(std::string_view text) const {
  const auto found =
      std::find_if(points_.rbegin(), points_.rend(), [&](const Point& point) { return text.starts_with(point.text); });
  return found == points_.rend() ? nullptr : &*found;
}

const Chat::Point* Chat::newest() const {
  return !points_.empty() && points_.back().messages == messages_.size() ? &points_.back() : nullptr;
}

void Chat::drop_points() {
  while (!points_.empty() && points_.back().messages > messages_.size()) points_.pop_back();
}

void Chat::set_system(std::string_view text) {
  if (has_system()) messages_.erase(messages_.begin());
  if (!text.empty()) messages_.insert(messages_.begin(), {"system", std::string(text)});
  points_.clear();
}

void Chat::rewind(int64_t count) {
  SAKER_CHECK(exchanges() > 0, ErrorCode::invalid_argument, "[chat] expected a question to forget, found none");
  SAKER_CHECK(count >= 1 && count <= exchanges(), ErrorCode::invalid_argument,
              "[chat] expected a number of questions from 1 to {} to forget, found {}", exchanges(), count);
  messages_.resize(messages_.size() - static_cast<size_t>(count) * 2);
  drop_points();
}

void Chat::reset() {
  messages_.resize(has_system() ? 1 : 0);
  points_.clear();
}

Chat Chat::fork() const {
  Chat copy(*model_, *workspace_, *tokenizer_, *template_);
  copy.messages_ = messages_;
  if (const Point* point = newest()) copy.points_.push_back({point->text, point->messages, point->session.fork()});
  return copy;
}

void Chat::save(const std::filesystem::path& path) const {
  const Point* point = newest();
  const std::string note = write_chat_note({messages_, point ? point->text : ""});
  if (point)
    point->session.save(path, note);
  else
    Session(*model_, *workspace_).save(path, note);
}

void Chat::load(const std::filesystem::path& path) {
  Session::Loaded loaded = Session::load(path, *model_, *workspace_);
  ChatNote note = read_chat_note(loaded.note, path.string());
  points_.clear();
  messages_ = std::move(note.messages);
  if (loaded.session.tokens() > 0)
    points_.push_back({std::move(note.text), messages_.size(), std::move(loaded.session)});
}

}  // namespace saker
