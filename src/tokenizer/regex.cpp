#include "tokenizer/regex.h"

#include <oniguruma.h>

#include <mutex>
#include <string>

#include "core/error.h"
#include "tokenizer/utf8.h"

namespace saker {
namespace {

// Steps back and stack entries that one match may take: room for text proportionate to its length (a run of a million
// spaces costs a step each), none for exponential expressions.
constexpr unsigned long retries_per_match = 10'000'000;
constexpr unsigned long retries_per_search = 10'000'000, retries_per_byte = 32;
constexpr unsigned stack_entries = 1'000'000, stack_entries_per_byte = 8;

const OnigUChar* unsigned_pointer(const char* text) {
  return reinterpret_cast<const OnigUChar*>(text);
}

std::string onig_message(int code, OnigErrorInfo* info) {
  OnigUChar buffer[ONIG_MAX_ERROR_MESSAGE_LEN];
  const int length = info ? onig_error_code_to_str(buffer, code, info) : onig_error_code_to_str(buffer, code);
  return std::string(reinterpret_cast<const char*>(buffer), length);
}

struct RegionFree {
  void operator()(OnigRegion* region) const noexcept { onig_region_free(region, 1); }
};
struct ParamFree {
  void operator()(OnigMatchParam* param) const noexcept { onig_free_match_param(param); }
};

// One left-to-right search over one text.
class Search {
 public:
  Search(regex_t* regex, std::string_view text)
      : regex_(regex), text_(text), region_(onig_region_new()), param_(onig_new_match_param()) {
    SAKER_CHECK(region_ && param_, ErrorCode::out_of_memory, "[tokenizer] no memory to match a regular expression");
    const auto size = static_cast<unsigned>(std::min<size_t>(text.size(), 100'000'000));
    onig_set_retry_limit_in_match_of_match_param(param_.get(), retries_per_match);
    onig_set_retry_limit_in_search_of_match_param(param_.get(), retries_per_search + retries_per_byte * text.size());
    onig_set_match_stack_limit_size_of_match_param(param_.get(), stack_entries + stack_entries_per_byte * size);
  }

  // Finds the next match at or after `from`; false if there is none.
  bool find(size_t from, Span& match) {
    onig_region_clear(region_.get());
    const OnigUChar* begin = unsigned_pointer(text_.data());
    const OnigUChar* end = begin + text_.size();
    const int found =
        onig_search_with_param(regex_, begin, end, begin + from, end, region_.get(), ONIG_OPTION_NONE, param_.get());
    if (found == ONIG_MISMATCH) return false;
    SAKER_CHECK(found >= 0, ErrorCode::unsupported, "[tokenizer] a regular expression of this tokenizer gives up: {}",
                onig_message(found, nullptr));
    match = {static_cast<size_t>(region_->beg[0]), static_cast<size_t>(region_->end[0])};
    return true;
  }

 private:
  regex_t* regex_;
  std::string_view text_;
  std::unique_ptr<OnigRegion, RegionFree> region_;
  std::unique_ptr<OnigMatchParam, ParamFree> param_;
};

size_t length_of_character_at(std::string_view text, size_t at) {
  return at < text.size() ? utf8::decode(text.data() + at).length : 1;
}

}  // namespace

void Regex::Free::operator()(re_pattern_buffer* compiled) const noexcept {
  onig_free(compiled);
}

Regex::Regex(std::string_view pattern) {
  static std::mutex compiling;  // Oniguruma's first use of a property fills shared tables
  const std::lock_guard lock(compiling);
  static const int initialised = [] {
    OnigEncoding encoding = ONIG_ENCODING_UTF8;
    return onig_initialize(&encoding, 1);
  }();
  SAKER_CHECK(initialised == ONIG_NORMAL, ErrorCode::internal,
              "[tokenizer] the regular expression library does not start");
  onig_set_warn_func(onig_null_warn);  // the library never prints

  regex_t* compiled = nullptr;
  OnigErrorInfo info{};
  const OnigUChar* begin = unsigned_pointer(pattern.data());
  const int code = onig_new(&compiled, begin, begin + pattern.size(), ONIG_OPTION_NONE, ONIG_ENCODING_UTF8,
                            ONIG_SYNTAX_ONIGURUMA, &info);
  SAKER_CHECK(code == ONIG_NORMAL, ErrorCode::corrupt_data, "[tokenizer] regular expression {}: {}",
              saker::quoted(pattern), onig_message(code, &info));
  compiled_.reset(compiled);
}

// Which empty matches count is the reference's rule, odd corner included: after a match with text the next empty one is
// passed over, wherever it is.
std::vector<TextSegment> Regex::segments(std::string_view text) const {
  std::vector<TextSegment> out;
  Search search(compiled_.get(), text);
  size_t covered = 0;
  bool pass_over_empty = false;
  Span match;
  for (size_t from = 0; from <= text.size() && search.find(from, match);) {
    SAKER_CHECK(match.begin >= covered && match.end >= match.begin, ErrorCode::unsupported,
                "[tokenizer] a regular expression of this tokenizer matches backwards");
    const bool empty = match.begin == match.end;
    from = match.end + (empty ? length_of_character_at(text, match.end) : 0);
    if (empty && pass_over_empty) {
      pass_over_empty = false;
      continue;
    }
    pass_over_empty = pass_over_empty || !empty;
    if (covered != match.begin) out.push_back({{covered, match.begin}, false});
    out.push_back({match, true});
    covered = match.end;
  }
  if (covered != text.size()) out.push_back({{covered, text.size()}, false});
  return out;
}

}  // namespace saker
