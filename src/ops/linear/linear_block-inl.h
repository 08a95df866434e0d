// The blocks of the product with few rows, over the vectors of an instruction set. Included inside the namespace and
// the target region of a kernel file, once for each, after that file's Units; so it has neither guard nor includes.
//
// A Unit is a pair of a weight type and an instruction set:
//   Weight, Input             elements of the weight and of packed x
//   Sums                      a vector of f32 partial sums
//   kRows                     rows of x that meet a weight while it is in a register
//   kOutputs, kSingleOutputs  weight rows read side by side for several rows of x and for one
//   step(), lanes()           elements of a row taken at once, and lanes of Sums
//   load, load_tail, load_input, pack, zero, load_sums, store_sums, add, sum_lanes
//
// Packed x    [group of kRows rows][step of columns][row][step()], zeros behind the last column: one stream.
// Order       y[t, o] has one vector of partial sums to which the steps of the row are added in ascending order,
//             then its lanes are added. The blocking decides only which y are made together.
// Memory      With one row of x the fastest way through the weights is row by row: the processor sees one stream.
//             Several rows of x need weight rows side by side to be limited by arithmetic and not by loads of x; the
//             next block is then prefetched in the order of memory, which the processor would not find by itself.

// Outputs of a block: its partial sums stay in the first-level cache.
constexpr int64_t kBlockOutputs = 32;
// Part of packed x that stays in the first-level cache while a block of outputs goes by.
constexpr int64_t kChunkBytes = 16 * 1024;

// Steps [begin, end) of a row, and behind the last one `tail` elements.
struct Chunk {
  int64_t begin, end, tail;
};

template <class Unit>
int64_t padded_columns(int64_t columns) {
  return (columns + Unit::step() - 1) / Unit::step() * Unit::step();
}

template <class Unit>
size_t packed_bytes(int64_t l, int64_t i) {
  return static_cast<size_t>(l * padded_columns<Unit>(i)) * sizeof(typename Unit::Input);
}

template <class Unit>
void pack_rows(const ConstTensorView& x, void* packed, int64_t begin, int64_t end) {
  auto* to = static_cast<typename Unit::Input*>(packed) + begin * padded_columns<Unit>(x.columns());
  for (int64_t t0 = begin; t0 < end; t0 += Unit::kRows) {
    const int64_t rows = HWY_MIN(Unit::kRows, end - t0);
    for (int64_t i = 0; i < x.columns(); i += Unit::step())
      for (int64_t t = t0; t < t0 + rows; ++t, to += Unit::step())
        Unit::pack(to, x.as<typename Unit::Weight>() + x.offset(t, i), HWY_MIN(Unit::step(), x.columns() - i));
  }
}

template <class Unit, int64_t kOutputs, int64_t kRows>
HWY_INLINE void add_step(typename Unit::Sums (&sums)[kOutputs][kRows], const typename Unit::Vector (&weights)[kOutputs],
                         const typename Unit::Input* x) {
  for (int64_t t = 0; t < kRows; ++t) {
    const auto inputs = Unit::load_input(x + t * Unit::step());
    for (int64_t j = 0; j < kOutputs; ++j) sums[j][t] = Unit::add(sums[j][t], weights[j], inputs);
  }
}

// Adds a chunk of columns to partial [kOutputs, kRows, lanes]. `w` is the first of the weight rows, `x` the group.
// `ahead` runs through memory to be prefetched, as much as is read here; null for none.
template <class Unit, int64_t kOutputs, int64_t kRows>
HWY_INLINE void add_chunk(const typename Unit::Weight* HWY_RESTRICT w, int64_t columns,
                          const typename Unit::Input* HWY_RESTRICT x, const Chunk& chunk,
                          const typename Unit::Weight* ahead, float* HWY_RESTRICT partial) {
  const int64_t step = Unit::step(), lanes = Unit::lanes();
  typename Unit::Sums sums[kOutputs][kRows];
  for (int64_t j = 0; j < kOutputs; ++j)
    for (int64_t t = 0; t < kRows; ++t)
      sums[j][t] = chunk.begin == 0 ? Unit::zero() : Unit::load_sums(partial + (j * kRows + t) * lanes);

  typename Unit::Vector weights[kOutputs];
  for (int64_t s = chunk.begin; s < chunk.end; ++s) {
    if (ahead)
      for (int64_t j = 0; j < kOutputs; ++j, ahead += step) __builtin_prefetch(ahead, 0, 2);
    for (int64_t j = 0; j < kOutputs; ++j) weights[j] = Unit::load(w + j * columns + s * step);
    add_step<Unit, kOutputs, kRows>(sums, weights, x + s * kRows * step);
  }
  if (chunk.tail) {
    for (int64_t j = 0; j < kOutputs; ++j)
      weights[j] = Unit::load_tail(w + j * columns + chunk.end * step, static_cast<size_t>(chunk.tail));
    add_step<Unit, kOutputs, kRows>(sums, weights, x + chunk.end * kRows * step);
  }
  for (int64_t j = 0; j < kOutputs; ++j)
    for (int64_t t = 0; t < kRows; ++t) Unit::store_sums(sums[j][t], partial + (j * kRows + t) * lanes);
}

// y[t, o .. o + count) from partial [count, kRows, lanes].
template <class Unit>
void finish_row(const LinearArgs& args, const float* partial, int64_t stride, int64_t t, int64_t o, int64_t count) {
  float values[kBlockOutputs];
  Unit::sum_lanes(partial, stride, count, values);
  float* y = args.y.as<float>() + args.y.offset(t, o);
  const float* bias = args.bias ? args.bias.as<float>() + o : nullptr;
  for (int64_t j = 0; j < count; ++j) {
    const float value = bias ? values[j] + bias[j] : values[j];
    y[j] = args.accumulate ? y[j] + value : value;
  }
}

// Outputs [o, o + count) of the kRows rows from t0, whose group is `x`.
template <class Unit, int64_t kRows>
void block_product(const LinearArgs& args, const typename Unit::Input* x, int64_t t0, int64_t o, int64_t count) {
  constexpr int64_t kOutputs = kRows == 1 ? Unit::kSingleOutputs : Unit::kOutputs;
  constexpr int64_t kChunkElements = kChunkBytes / (kRows * static_cast<int64_t>(sizeof(typename Unit::Input)));
  const int64_t columns = args.weight.columns(), lanes = Unit::lanes();
  const int64_t steps = columns / Unit::step(), chunks = HWY_MAX(1, (columns + kChunkElements - 1) / kChunkElements);
  const auto* w = args.weight.as<typename Unit::Weight>() + o * columns;
  const auto* ahead = kOutputs > 1 && t0 == 0 ? w + kBlockOutputs * columns : nullptr;

  alignas(64) float partial[kBlockOutputs * kRows * Unit::kMaxLanes];
  for (int64_t c = 0; c < chunks; ++c) {
    const Chunk chunk{steps * c / chunks, steps * (c + 1) / chunks, c + 1 == chunks ? columns % Unit::step() : 0};
    const int64_t read = (chunk.end - chunk.begin) * Unit::step();
    int64_t j = 0;
    for (; j + kOutputs <= count; j += kOutputs) {
      add_chunk<Unit, kOutputs, kRows>(w + j * columns, columns, x, chunk, ahead, partial + j * kRows * lanes);
      if (ahead) ahead += kOutputs * read;
    }
    for (; j < count; ++j)
      add_chunk<Unit, 1, kRows>(w + j * columns, columns, x, chunk, nullptr, partial + j * kRows * lanes);
  }
  for (int64_t t = 0; t < kRows; ++t) finish_row<Unit>(args, partial + t * lanes, kRows * lanes, t0 + t, o, count);
}

// As block_product, for a number of rows known at run time.
template <class Unit, int64_t kRows = Unit::kRows>
void group_product(const LinearArgs& args, const typename Unit::Input* x, int64_t rows, int64_t t0, int64_t o,
                   int64_t count) {
  if (rows == kRows) return block_product<Unit, kRows>(args, x, t0, o, count);
  if constexpr (kRows > 1) group_product<Unit, kRows - 1>(args, x, rows, t0, o, count);
}

template <class Unit>
void product(const LinearArgs& args, const void* packed, LinearRange rows, LinearRange outputs) {
  const auto* x = static_cast<const typename Unit::Input*>(packed);
  const int64_t padded = padded_columns<Unit>(args.x.columns());
  for (int64_t o = outputs.begin; o < outputs.end; o += kBlockOutputs)
    for (int64_t t = rows.begin; t < rows.end; t += Unit::kRows)
      group_product<Unit>(args, x + t * padded, HWY_MIN(Unit::kRows, rows.end - t), t, o,
                          HWY_MIN(kBlockOutputs, outputs.end - o));
}

template <class Unit>
constexpr LinearKernel kLinearKernel{packed_bytes<Unit>, pack_rows<Unit>, product<Unit>};
