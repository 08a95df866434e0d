#include "tokenizer/bpe.h"

#include <algorithm>

#include "core/error.h"
#include "tokenizer/utf8.h"

namespace saker {
namespace {

// Up to this many symbols a linear search for the best pair beats a heap.
constexpr size_t short_word = 64;
constexpr uint32_t nowhere = UINT32_MAX;

}  // namespace

void Bpe::find_symbols() {
  symbols_.fill(-1);
  for (int32_t id = 0; id < vocabulary_.id_end(); ++id) {
    const std::string* token = vocabulary_.token(id);
    if (!token || token->empty()) continue;
    const auto [c, length] = utf8::decode(token->data());
    if (length != token->size()) continue;
    if (c < symbols_.size())
      symbols_[c] = id;
    else
      other_symbols_.emplace(c, id);
  }
}

bool Bpe::every_byte_has_a_token() const {
  return std::ranges::all_of(byte_alphabet::symbols, [this](char32_t c) { return symbols_[c] >= 0; });
}

int32_t Bpe::symbol(char32_t c) const noexcept {
  if (c < symbols_.size()) return symbols_[c];
  const auto found = other_symbols_.find(c);
  return found == other_symbols_.end() ? -1 : found->second;
}

void Bpe::encode(std::string_view word, BpeScratch& scratch, std::vector<int32_t>& out) const {
  if (ignore_merges_) {
    if (const auto id = vocabulary_.id(word)) {
      out.push_back(*id);
      return;
    }
  }
  auto& ids = scratch.ids;
  ids.clear();
  for (size_t i = 0; i < word.size();) {
    const auto [c, length] = utf8::decode(word.data() + i);
    if (const int32_t id = symbol(c); id >= 0) ids.push_back(id);
    i += length;
  }
  SAKER_CHECK(ids.size() < nowhere, ErrorCode::unsupported, "[tokenizer] a word of {} characters is too long",
              ids.size());
  auto& merges = scratch.merges;
  merges.resize(ids.size());
  for (size_t i = 0; i + 1 < ids.size(); ++i) merges[i] = merges_.find(ids[i], ids[i + 1]);
  if (!merges.empty()) merges.back().rank = no_rank;
  if (ids.size() <= short_word)
    merge_short(scratch);
  else
    merge_long(scratch);
  out.insert(out.end(), ids.begin(), ids.end());
}

// Keeps the symbols together in an array; a merge moves the tail.
void Bpe::merge_short(BpeScratch& scratch) const {
  auto& [ids, merges, previous, next, queue] = scratch;
  while (ids.size() > 1) {
    const auto best = std::ranges::min_element(merges, {}, &Merge::rank);
    if (best->rank == no_rank) return;
    const size_t i = static_cast<size_t>(best - merges.begin());
    ids[i] = best->product;
    ids.erase(ids.begin() + static_cast<ptrdiff_t>(i) + 1);
    merges.erase(best);
    merges[i] = i + 1 < ids.size() ? merges_.find(ids[i], ids[i + 1]) : Merge{no_rank, 0};
    if (i > 0) merges[i - 1] = merges_.find(ids[i - 1], ids[i]);
  }
}

// Keeps the symbols in a linked list and the pairs in a heap. A pair that has changed since it entered the heap is
// known by its rank, for a rank belongs to one pair.
void Bpe::merge_long(BpeScratch& scratch) const {
  auto& [ids, merges, previous, next, queue] = scratch;
  const auto count = static_cast<uint32_t>(ids.size());
  previous.resize(count);
  next.resize(count);
  queue.clear();
  for (uint32_t i = 0; i < count; ++i) {
    previous[i] = i == 0 ? nowhere : i - 1;
    next[i] = i + 1 == count ? nowhere : i + 1;
    if (merges[i].rank != no_rank) queue.push_back(uint64_t{merges[i].rank} << 32 | i);
  }
  std::ranges::make_heap(queue, std::greater<>());
  const auto update_pair = [&](uint32_t i) {
    merges[i] = next[i] == nowhere ? Merge{no_rank, 0} : merges_.find(ids[i], ids[next[i]]);
    if (merges[i].rank == no_rank) return;
    queue.push_back(uint64_t{merges[i].rank} << 32 | i);
    std::ranges::push_heap(queue, std::greater<>());
  };
  while (!queue.empty()) {
    std::ranges::pop_heap(queue, std::greater<>());
    const auto rank = static_cast<uint32_t>(queue.back() >> 32), i = static_cast<uint32_t>(queue.back());
    queue.pop_back();
    if (merges[i].rank != rank) continue;
    const uint32_t right = next[i];
    ids[i] = merges[i].product;
    merges[right].rank = no_rank;
    ids[right] = -1;
    next[i] = next[right];
    if (next[i] != nowhere) previous[next[i]] = i;
    update_pair(i);
    if (previous[i] != nowhere) update_pair(previous[i]);
  }
  std::erase(ids, -1);
}

}  // namespace saker
