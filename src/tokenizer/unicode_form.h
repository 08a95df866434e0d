// Unicode normal forms as the reference library computes them.
#pragma once

#include <string>
#include <string_view>

namespace saker {

// Appends NFC, NFD (compose false), NFKC or NFKD (compatibility true) of `text` (valid UTF-8).
// The reference's tables are of Unicode 9: characters that got a decomposition or a combining class later are left as
// they are, and so are the boundaries that they form.
void append_normal_form(std::string_view text, bool compose, bool compatibility, std::string& out);

}  // namespace saker
