#include "train/micro_batch.h"

#include <algorithm>

namespace saker {

namespace {

int64_t slot_of(const Piece& piece, StateAtBorders borders, int64_t lanes) {
  if (borders != StateAtBorders::carried) return kNoSlot;
  if (piece.continues) return piece.row;
  return piece.unfinished ? lanes + piece.row : kNoSlot;
}

}  // namespace

std::vector<MicroBatch> micro_batches(const Batch& batch, int64_t max_tokens, StateAtBorders borders, int64_t lanes) {
  const int64_t rows_at_once = std::max<int64_t>(1, max_tokens / batch.context);
  std::vector<MicroBatch> out;
  for (int64_t row = 0; row < batch.rows; row += rows_at_once) {
    const int64_t rows = std::min(rows_at_once, batch.rows - row);
    out.push_back({row * batch.context, rows * batch.context, {}});
    if (borders == StateAtBorders::kept)
      for (int64_t i = 0; i < rows; ++i) out.back().segments.push_back({i * batch.context, batch.context, kNoSlot});
  }
  if (borders == StateAtBorders::kept) return out;
  for (const Piece& piece : batch.pieces) {
    MicroBatch& micro = out[static_cast<size_t>(piece.row / rows_at_once)];
    micro.segments.push_back({piece.begin - micro.begin, piece.length, slot_of(piece, borders, lanes)});
  }
  return out;
}

void Lanes::begin(Stream& stream) {
  pool_.reset(stream, lanes_, lanes_);
}

void Lanes::settle(Stream& stream, const Batch& batch) {
  for (const Piece& piece : batch.pieces)
    if (piece.unfinished && !piece.continues) pool_.copy_slot(stream, lanes_ + piece.row, piece.row);
}

}  // namespace saker
