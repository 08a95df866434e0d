// Python's functions of strings, over UTF-8: positions count characters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace saker::jinja {

bool is_space(char32_t c) noexcept;

int64_t length(std::string_view text) noexcept;
std::vector<std::string_view> characters(std::string_view text);

enum class Side { both, left, right };
std::string_view strip(std::string_view text, Side side = Side::both);
// Any of the characters of `set`.
std::string_view strip(std::string_view text, std::string_view set, Side side);

// `limit` -1: none.
std::vector<std::string_view> split(std::string_view text, std::string_view separator, int64_t limit);
std::vector<std::string_view> split_from_right(std::string_view text, std::string_view separator, int64_t limit);
// At white space, of which no part is empty.
std::vector<std::string_view> split_words(std::string_view text, int64_t limit);
std::vector<std::string_view> split_lines(std::string_view text);

std::string replace(std::string_view text, std::string_view old, std::string_view with, int64_t limit);

std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string capitalize(std::string_view text);
// A capital after every character that is no letter, and as the filter `title` does it: after some separators.
std::string title(std::string_view text);
std::string title_filter(std::string_view text);
// Whether there are letters with case and all are of that case.
bool is_upper(std::string_view text);
bool is_lower(std::string_view text);

// As Python prints a string in a list.
std::string quoted_text(std::string_view text);
// Position of `part`, in characters; -1: not there.
int64_t find(std::string_view text, std::string_view part);
int64_t count(std::string_view text, std::string_view part);

}  // namespace saker::jinja
