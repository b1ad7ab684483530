// See network/winograd_maps.h. AVX2 serves every processor that has kernels: these maps are
// bounded by loads and stores.
#include "network/winograd_maps.h"

#if defined(__x86_64__)
#include "network/avx2.h"

namespace deepracer_fast::network {
namespace {

template <int kRows, int kColumns>
struct Coefficients {
  static constexpr int kNumRows = kRows, kNumColumns = kColumns;
  std::array<double, kRows * kColumns> row_by_row = {};

  constexpr double& at(int row, int column) { return row_by_row[row * kColumns + column]; }
  constexpr double at(int row, int column) const { return row_by_row[row * kColumns + column]; }
};

// Coefficients of the product of (x - point), one of the points left out (-1: none).
template <std::size_t kFinite>
constexpr std::array<double, kFinite + 1> polynomial(const std::array<double, kFinite>& points,
                                                     int without) {
  std::array<double, kFinite + 1> product = {1.0};
  for (int i = 0; i < static_cast<int>(kFinite); ++i) {
    if (i == without) continue;
    for (std::size_t power = kFinite; power > 0; --power)
      product[power] = product[power - 1] - points[i] * product[power];
    product[0] *= -points[i];
  }
  return product;
}

constexpr double power(double base, int exponent) {
  double result = 1.0;
  for (int i = 0; i < exponent; ++i) result *= base;
  return result;
}

// Few points near 1 keep the numbers alike in size: against float64 the outputs and gradients of
// DeepRacer's layers are off by at most 1.3e-6 of their largest, as much as for a plain sum. With
// factors in bf16 they are off by 0.6 % of their norm for windows of 3 and 0.25 % for windows of
// 2, a plain sum by 0.25 %.
template <int kWindow>
constexpr auto kPoints = std::array<double, 3>{0.0, 1.0, -1.0};
template <>
constexpr auto kPoints<3> = std::array<double, 5>{0.0, 0.75, -0.75, 1.5, -1.5};

template <int kWindow_>
struct Scheme {
  static constexpr int kWindow = kWindow_;
  static constexpr int kFinite = static_cast<int>(kPoints<kWindow>.size());
  static constexpr int kPointCount = kFinite + 1;
  static constexpr int kOutputs = kPointCount - kWindow + 1;

  // B^T, whose row of a point vanishes at all others; the last row at all finite ones.
  static constexpr auto kInput = [] {
    Coefficients<kPointCount, kPointCount> matrix;
    for (int point = 0; point < kPointCount; ++point) {
      const auto row = polynomial(kPoints<kWindow>, point < kFinite ? point : -1);
      for (int i = 0; i < kPointCount; ++i) matrix.at(point, i) = row[i];
    }
    return matrix;
  }();

  // A^T, the powers of the points.
  static constexpr auto kOutput = [] {
    Coefficients<kOutputs, kPointCount> matrix;
    for (int i = 0; i < kOutputs; ++i)
      for (int point = 0; point < kFinite; ++point)
        matrix.at(i, point) = power(kPoints<kWindow>[point], i);
    matrix.at(kOutputs - 1, kFinite) = 1.0;
    return matrix;
  }();

  // G, the powers again, divided by what B^T's row is at its own point.
  static constexpr auto kWeights = [] {
    Coefficients<kPointCount, kWindow> matrix;
    for (int point = 0; point < kFinite; ++point) {
      const double at = kPoints<kWindow>[point];
      double own = 1.0;
      for (int other = 0; other < kFinite; ++other)
        if (other != point) own *= at - kPoints<kWindow>[other];
      for (int i = 0; i < kWindow; ++i) matrix.at(point, i) = power(at, i) / own;
    }
    matrix.at(kFinite, kWindow - 1) = 1.0;
    return matrix;
  }();
};

// What a map multiplies by: B^T and A^T, and for the gradients their transposes.
template <const auto& kMatrix>
struct Factors {
  static constexpr int kRows = kMatrix.kNumRows, kColumns = kMatrix.kNumColumns;
  static constexpr float at(int row, int column) {
    return static_cast<float>(kMatrix.at(row, column));
  }
};
template <class Matrix>
struct Transposed {
  static constexpr int kRows = Matrix::kColumns, kColumns = Matrix::kRows;
  static constexpr float at(int row, int column) { return Matrix::at(column, row); }
};

// out[i * out_step] = sum of Matrix[i][j] in[j * in_step]; unrolled, zeros left out.
template <class Matrix>
DEEPRACER_FAST_TARGET inline void apply(const __m256* in, int in_step, __m256* out, int out_step) {
#pragma GCC unroll 6
  for (int i = 0; i < Matrix::kRows; ++i) {
    __m256 sum = _mm256_setzero_ps();
    bool is_first = true;
#pragma GCC unroll 6
    for (int j = 0; j < Matrix::kColumns; ++j) {
      const float factor = Matrix::at(i, j);
      if (factor == 0.0F) continue;
      const __m256 term = in[j * in_step];
      if (is_first)
        sum = factor == 1.0F ? term : _mm256_mul_ps(_mm256_set1_ps(factor), term);
      else
        sum = _mm256_fmadd_ps(_mm256_set1_ps(factor), term, sum);
      is_first = false;
    }
    out[i * out_step] = sum;
  }
}

// Matrix * pixels * Matrix^T, 8 channels at a time: `load(row * kIn + column)` reads the pixels of
// a tile, `store(row * kOut + column, result)` takes what becomes of them.
template <class Matrix, class Load, class Store>
[[gnu::always_inline]] DEEPRACER_FAST_TARGET inline void apply_twice(const Load& load,
                                                                     const Store& store) {
  constexpr int kIn = Matrix::kColumns, kOut = Matrix::kRows;
  __m256 in[kIn], half[kIn * kOut], out[kOut];
#pragma GCC unroll 6
  for (int row = 0; row < kIn; ++row) {
#pragma GCC unroll 6
    for (int column = 0; column < kIn; ++column) in[column] = load(row * kIn + column);
    apply<Matrix>(in, 1, half + row * kOut, 1);
  }
#pragma GCC unroll 6
  for (int column = 0; column < kOut; ++column) {
    apply<Matrix>(half + column, kOut, out, 1);
#pragma GCC unroll 6
    for (int row = 0; row < kOut; ++row) store(row * kOut + column, out[row]);
  }
}

template <class Matrix>
DEEPRACER_FAST_TARGET void gather(const float* const* pixels, int channels, float* points,
                                  std::ptrdiff_t step) {
  for (int channel = 0; channel < channels; channel += kLanes)
    apply_twice<Matrix>(
        [=](int i) DEEPRACER_FAST_TARGET { return _mm256_loadu_ps(pixels[i] + channel); },
        [=](int i, __m256 sum)
            DEEPRACER_FAST_TARGET { _mm256_storeu_ps(points + i * step + channel, sum); });
}

// The results are added to the pixels or, as outputs, put there with bias and ReLU.
template <class Matrix, bool kIsOutput>
DEEPRACER_FAST_TARGET void scatter(const float* points, std::ptrdiff_t step, int channels,
                                   float* const* pixels, const float* bias) {
  for (int channel = 0; channel < channels; channel += kLanes)
    apply_twice<Matrix>(
        [=](int i) DEEPRACER_FAST_TARGET { return _mm256_loadu_ps(points + i * step + channel); },
        [=](int i, __m256 sum) DEEPRACER_FAST_TARGET {
          float* pixel = pixels[i] + channel;
          sum = _mm256_add_ps(sum, _mm256_loadu_ps(kIsOutput ? bias + channel : pixel));
          // Of two operands `max` hands on the second if either is not a number.
          if (kIsOutput) sum = _mm256_max_ps(_mm256_setzero_ps(), sum);
          _mm256_storeu_ps(pixel, sum);
        });
}

DEEPRACER_FAST_TARGET void add_scaled(float factor, const float* from, std::ptrdiff_t count,
                                      float* to) {
  const __m256 factors = _mm256_set1_ps(factor);
  for (std::ptrdiff_t i = 0; i < count; i += kLanes) {
    const __m256 sum = _mm256_fmadd_ps(factors, _mm256_loadu_ps(from + i), _mm256_loadu_ps(to + i));
    _mm256_storeu_ps(to + i, sum);
  }
}

template <int kWindow>
const PointMaps* maps() {
  using Of = Scheme<kWindow>;
  static constexpr PointMaps kMaps{
      .outputs = Of::kOutputs,
      .window = kWindow,
      .input_points = gather<Factors<Of::kInput>>,
      .output_pixels = scatter<Factors<Of::kOutput>, true>,
      .output_gradient_points = gather<Transposed<Factors<Of::kOutput>>>,
      .input_gradient_pixels = scatter<Transposed<Factors<Of::kInput>>, false>,
      .add_scaled = add_scaled,
      .weights = Of::kWeights.row_by_row,
  };
  return &kMaps;
}

}  // namespace
}  // namespace deepracer_fast::network
#endif

namespace deepracer_fast::network {

const PointMaps* find_point_maps([[maybe_unused]] int window) {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return nullptr;
  if (window == 2) return maps<2>();
  if (window == 3) return maps<3>();
#endif
  return nullptr;
}

}  // namespace deepracer_fast::network
