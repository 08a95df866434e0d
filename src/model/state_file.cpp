#include "model/state_file.h"

#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <utility>

#include "core/error.h"
#include "io/atomic_file.h"
#include "io/checksum.h"
#include "io/mapped_file.h"

static_assert(std::endian::native == std::endian::little, "files are little-endian");

namespace saker {

namespace {

constexpr std::array<char, 8> kMagic{'S', 'A', 'K', 'E', 'R', 'S', 'T', '1'};
constexpr int64_t kMaxTokens = int64_t{1} << 62;  // those to come can be counted, too
constexpr uint64_t kMaxNoteBytes = uint64_t{64} << 20;

struct Header {
  std::array<char, 8> magic = kMagic;
  uint64_t fingerprint = 0;
  int64_t tokens = 0;
  int64_t layers = 0, window = 0, d_state = 0, d_inner = 0;
  uint64_t note_bytes = 0;
};
static_assert(sizeof(Header) == 64);

Header header_for(const FalconMamba& model) {
  const ModelConfig& c = model.config();
  return {.fingerprint = model.fingerprint(),
          .layers = c.n_layer,
          .window = c.d_conv - 1,
          .d_state = c.d_state,
          .d_inner = c.d_inner};
}

size_t bytes_of(const ConstTensorView& view) {
  return static_cast<size_t>(view.shape.elements()) * size_of(view.dtype);
}

// Throws unless the header is one for this model and the file has the size that follows from it.
void check_header(const std::filesystem::path& path, const Header& found, const FalconMamba& model, size_t file_bytes,
                  size_t state_bytes) {
  const Header expected = header_for(model);
  SAKER_CHECK(found.magic == kMagic, ErrorCode::corrupt_data, "[state] {}: expected a state file (SAKERST1), found {}",
              path.string(), quoted(std::string_view(found.magic.data(), found.magic.size())));
  SAKER_CHECK(found.layers == expected.layers && found.window == expected.window && found.d_state == expected.d_state &&
                  found.d_inner == expected.d_inner,
              ErrorCode::invalid_argument,
              "[state] {}: this model has states of {} layers, window {}, {} x {}; the file {}, {}, {} x {}",
              path.string(), expected.layers, expected.window, expected.d_state, expected.d_inner, found.layers,
              found.window, found.d_state, found.d_inner);
  SAKER_CHECK(found.fingerprint == expected.fingerprint, ErrorCode::invalid_argument,
              "[state] {}: the state of another model of these shapes (fingerprint {:016x}, this model {:016x})",
              path.string(), found.fingerprint, expected.fingerprint);
  SAKER_CHECK(found.tokens >= 0 && found.tokens <= kMaxTokens, ErrorCode::corrupt_data,
              "[state] {}: a state of {} tokens", path.string(), found.tokens);
  const size_t rest = sizeof(Header) + state_bytes + sizeof(uint64_t);
  SAKER_CHECK(found.note_bytes <= kMaxNoteBytes && file_bytes == rest + found.note_bytes, ErrorCode::corrupt_data,
              "[state] {}: expected {} bytes and a note of {}, found {} in all", path.string(), rest, found.note_bytes,
              file_bytes);
}

}  // namespace

void save_state(const std::filesystem::path& path, const FalconMamba& model, const RecurrentState& state,
                std::string_view note) {
  SAKER_CHECK(note.size() <= kMaxNoteBytes, ErrorCode::invalid_argument, "[state] a note of {} bytes; at most {}",
              note.size(), kMaxNoteBytes);
  std::optional<RecurrentState> fetched;
  if (!state.place().on_host()) fetched = state.copy_to(kHost);
  const ConstStateView view = fetched ? std::as_const(*fetched).view() : state.view();
  SAKER_CHECK(view.ssm.dtype == DType::f32, ErrorCode::unsupported, "[state] files hold f32 states; found {}",
              name(view.ssm.dtype));
  Header header = header_for(model);
  header.tokens = state.tokens();
  header.note_bytes = note.size();

  AtomicFile file(path);
  Checksum sum;
  const auto write = [&](const void* data, size_t bytes) {
    sum.update(data, bytes);
    file.write(data, bytes);
  };
  write(&header, sizeof header);
  write(note.data(), note.size());
  write(view.conv.data, bytes_of(view.conv));
  write(view.ssm.data, bytes_of(view.ssm));
  const uint64_t value = sum.value();
  file.write(&value, sizeof value);
  file.commit();
}

SavedState load_state(const std::filesystem::path& path, const FalconMamba& model) {
  const MappedFile file(path);
  const std::span<const std::byte> bytes = file.bytes();
  SAKER_CHECK(bytes.size() >= sizeof(Header) + sizeof(uint64_t), ErrorCode::corrupt_data,
              "[state] {}: expected a state file, found {} bytes", path.string(), bytes.size());
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);

  SavedState saved{RecurrentState(model.config()), {}};
  const StateView view = saved.state.view();
  const size_t conv_bytes = bytes_of(view.conv), ssm_bytes = bytes_of(view.ssm);
  check_header(path, header, model, bytes.size(), conv_bytes + ssm_bytes);
  uint64_t sum;
  const auto content = bytes.first(bytes.size() - sizeof sum);
  std::memcpy(&sum, bytes.data() + content.size(), sizeof sum);
  SAKER_CHECK(checksum(content) == sum, ErrorCode::corrupt_data,
              "[state] {}: the checksum does not fit the content: the file was damaged", path.string());

  const std::byte* at = bytes.data() + sizeof header;
  saved.note.assign(reinterpret_cast<const char*>(at), header.note_bytes);
  at += header.note_bytes;
  if (conv_bytes) std::memcpy(view.conv.data, at, conv_bytes);
  std::memcpy(view.ssm.data, at + conv_bytes, ssm_bytes);
  saved.state.set_tokens(header.tokens);
  if (const Place place = model.backend().place(); !place.on_host()) saved.state = saved.state.copy_to(place);
  return saved;
}

}  // namespace saker
