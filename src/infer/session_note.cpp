#include "infer/session_note.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"

namespace saker {

namespace {

struct Header {
  char magic[8] = {'S', 'E', 'S', 'S', 'I', 'O', 'N', '1'};
  int64_t number = 0;
  int64_t waiting = -1;  // an id; -1: none
  int64_t entries = 0;
  int64_t logits = 0;
};

struct StoredEntry {
  int32_t id = 0;
  int32_t prompted = 0;
  int64_t generated = 0;
};

template <class T>
void write(std::string& out, const T* values, size_t count) {
  if (count) out.append(reinterpret_cast<const char*>(values), count * sizeof(T));
}

class NoteReader {
 public:
  NoteReader(std::string_view bytes, std::string_view from) : rest_(bytes), from_(from) {}

  void check(bool holds, std::string_view what) const {
    SAKER_CHECK(holds, ErrorCode::corrupt_data, "[session] {}: expected the note of a session, found {}", from_, what);
  }

  template <class T>
  void read(T* values, size_t count) {
    check(rest_.size() / sizeof(T) >= count, "one that ends early");
    if (count) std::memcpy(values, rest_.data(), count * sizeof(T));
    rest_.remove_prefix(count * sizeof(T));
  }

  std::string_view rest() const noexcept { return rest_; }

 private:
  std::string_view rest_, from_;
};

bool is_id(int64_t value, int64_t vocab_size) {
  return value >= 0 && value < vocab_size;
}

}  // namespace

std::string write_session_note(const SessionNote& note) {
  const SequenceState& sequence = note.sequence;
  // Whoever waits brings new logits.
  const std::span<const float> logits =
      sequence.waiting ? std::span<const float>() : std::span<const float>(note.logits);
  Header header;
  header.number = static_cast<int64_t>(sequence.number);
  if (sequence.waiting) header.waiting = *sequence.waiting;
  header.entries = static_cast<int64_t>(sequence.history.entries().size());
  header.logits = static_cast<int64_t>(logits.size());

  std::string out;
  write(out, &header, 1);
  for (const TokenHistory::Entry& entry : sequence.history.entries()) {
    const StoredEntry stored{entry.id, entry.prompted, entry.generated};
    write(out, &stored, 1);
  }
  write(out, logits.data(), logits.size());
  return out + note.rest;
}

SessionNote read_session_note(std::string_view bytes, int64_t vocab_size, int64_t seen, std::string_view from) {
  NoteReader reader(bytes, from);
  Header header;
  reader.read(&header, 1);
  reader.check(std::equal(std::begin(header.magic), std::end(header.magic), Header().magic), "another one");
  reader.check(header.waiting == -1 || is_id(header.waiting, vocab_size), "a token outside the vocabulary");
  reader.check(header.entries >= 0 && header.entries <= vocab_size, "more tokens than the vocabulary has");
  reader.check(header.logits == 0 || header.logits == vocab_size, "logits of another vocabulary");

  SessionNote note{SequenceState(vocab_size), {}, {}};
  if (header.waiting != -1) note.sequence.waiting = static_cast<int32_t>(header.waiting);
  note.sequence.tokens = seen + (note.sequence.waiting ? 1 : 0);
  int64_t generated = 0;
  for (int64_t i = 0; i < header.entries; ++i) {
    StoredEntry stored;
    reader.read(&stored, 1);
    reader.check(is_id(stored.id, vocab_size), "a token outside the vocabulary");
    // The sum of all, kept below `tokens`, cannot overflow.
    reader.check(stored.generated >= 0 && stored.generated <= note.sequence.tokens - generated,
                 "other counts than its tokens have");
    generated += stored.generated;
    if (stored.prompted) note.sequence.history.add_prompted(stored.id);
    note.sequence.history.add_generated(stored.id, stored.generated);
  }
  note.logits.resize(static_cast<size_t>(header.logits));
  reader.read(note.logits.data(), note.logits.size());
  note.sequence.number = static_cast<uint64_t>(header.number);
  note.rest = reader.rest();
  return note;
}

}  // namespace saker
