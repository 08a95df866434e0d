// Cuts raw text into words in one pass, for pre-tokenisers whose stages all have a hand-written cutter. The words are
// raw bytes; their byte symbols are what PreTokenizer would have made.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "tokenizer/pre_tokenizer.h"

namespace saker {

class FastSplitter {
 public:
  // nullopt if a stage has no cutter.
  static std::optional<FastSplitter> compile(const std::vector<PreTokenizerStage>& stages);

  // Whether a text that does not begin with a space gets one first (the caller's part).
  bool add_prefix_space() const noexcept { return add_prefix_space_; }

  // Calls sink(std::string_view) with each word of `text` (valid UTF-8).
  template <class Sink>
  void for_each_word(std::string_view text, Sink&& sink) const {
    if (!text.empty()) cut(0, text.data(), text.data() + text.size(), sink);
  }

 private:
  // A cutter finds the end of the first piece of [begin, end), which is not empty.
  using Cutter = const char* (*)(const char* begin, const char* end);

  bool add(const ByteLevelStage& stage, bool symbols);
  bool add(const DigitsStage& stage, bool symbols);
  bool add(const PunctuationStage& stage, bool symbols);
  bool add(const SplitStage& stage, bool symbols);

  template <class Sink>
  void cut(size_t stage, const char* begin, const char* end, Sink& sink) const {
    if (stage == cutters_.size()) return sink(std::string_view(begin, static_cast<size_t>(end - begin)));
    while (begin < end) {
      const char* piece_end = cutters_[stage](begin, end);
      cut(stage + 1, begin, piece_end, sink);
      begin = piece_end;
    }
  }

  std::vector<Cutter> cutters_;
  bool add_prefix_space_ = false;
};

}  // namespace saker
