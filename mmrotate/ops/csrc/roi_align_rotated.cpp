// Averages of bilinear samples in the cells of rotated regions. Maps are (N, C, H, W), features
// (n, C, cells).
#include "geometry.h"
#include "parallel.h"
#include "vector.h"

namespace mmrotate {
namespace {

struct Shape {
  int64_t images, channels, height, width, out_h, out_w;
  double scale;
  int64_t sampling;
  bool aligned, clockwise;
};

// A sample: four pixels (offsets into a map, in units of C) and their weights.
struct Sample {
  int64_t at[4];
  double weight[4];
};

Sample bilinear(double y, double x, int64_t height, int64_t width) {
  Sample sample{};
  // written so that NaN is outside as well: all weights 0
  if (!(y >= -1 && y <= height && x >= -1 && x <= width)) return sample;
  y = std::max(y, 0.0);
  x = std::max(x, 0.0);
  int64_t y0 = int64_t(y), x0 = int64_t(x), y1 = y0 + 1, x1 = x0 + 1;
  if (y0 >= height - 1) y = double(y0 = y1 = height - 1);
  if (x0 >= width - 1) x = double(x0 = x1 = width - 1);
  const double fy = y - y0, fx = x - x0;
  const int64_t at[4] = {y0 * width + x0, y0 * width + x1, y1 * width + x0, y1 * width + x1};
  const double weight[4] = {(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx};
  std::copy(at, at + 4, sample.at);
  std::copy(weight, weight + 4, sample.weight);
  return sample;
}

// Pixels and weights of a cell, at most kSize at once: a cell of a huge region has more.
template <typename T>
struct Taps {
  static constexpr int64_t kSize = 64;
  int64_t at[kSize];
  T weight[kSize];
  int64_t count = 0;
};

// Samples in a row, counted over all cells of a region: from `begin` to before `end`.
struct Span {
  int64_t begin, end;

  // Those of `count` along a side that lie between two places, which are told from its middle; one
  // more at both ends for what rounding may do.
  static Span between(double low, double high, double side, int64_t count) {
    if (side == 0 || count == 0) return {0, count};
    double first = (low / side + 0.5) * count - 0.5, last = (high / side + 0.5) * count - 0.5;
    if (side < 0) std::swap(first, last);
    const auto limited = [&](double at) {  // 0 for NaN
      return int64_t(std::min(std::max(0.0, at), double(count)));
    };
    return {limited(first - 1), limited(last + 2)};
  }

  // Those of a cell, `size` long each.
  Span of_cell(int64_t cell, int64_t size) const {
    return {std::max<int64_t>(begin - cell * size, 0), std::min(end - cell * size, size)};
  }

  int64_t length() const { return end - begin; }
};

// A region on the map, and the samples of its cells.
class Region {
 public:
  template <typename T>
  Region(const T* roi, const Shape& shape) : s(shape) {
    const double offset = s.aligned ? 0.5 : 0.0, least = s.aligned ? -1e300 : 1.0;
    x = roi[1] * s.scale - offset;
    y = roi[2] * s.scale - offset;
    w = std::max(roi[3] * s.scale, least);
    h = std::max(roi[4] * s.scale, least);
    const double theta = s.clockwise ? double(roi[5]) : -double(roi[5]);
    cos = std::cos(theta);
    sin = std::sin(theta);
    if (!std::isfinite(x + y + w + h + theta)) return;  // no sample
    rows = s.sampling > 0 ? s.sampling : count(h / s.out_h);
    cols = s.sampling > 0 ? s.sampling : count(w / s.out_w);
    find_map();
  }

  // Calls visit(taps) for the pixels of the cell, in parts; the weights of samples inside sum to 1.
  // A region may be far larger than the map: samples that cannot lie on it are passed over.
  template <typename T, typename Visit>
  void cell(int64_t index, const Visit& visit) const {
    const int64_t ph = index / s.out_w, pw = index % s.out_w;
    const double norm = 1.0 / (double(rows) * double(cols));
    const Span down = down_.of_cell(ph, rows), across = across_.of_cell(pw, cols);
    if (across.length() <= 0) return;
    Taps<T> taps;
    for (int64_t i = down.begin; i < down.end; ++i) {
      const double v = h * ((ph * rows + i + 0.5) / double(s.out_h * rows) - 0.5);
      const Span row = across.length() > kLong ? on_map(v).of_cell(pw, cols) : across;
      for (int64_t j = row.begin; j < row.end; ++j) {
        const double u = w * ((pw * cols + j + 0.5) / double(s.out_w * cols) - 0.5);
        const Sample sample =
            bilinear(y + u * sin + v * cos, x + u * cos - v * sin, s.height, s.width);
        for (int corner = 0; corner < 4; ++corner) {
          const T weight = T(sample.weight[corner] * norm);
          if (weight == 0) continue;
          taps.at[taps.count] = sample.at[corner];
          taps.weight[taps.count++] = weight;
        }
        if (taps.count > Taps<T>::kSize - 4) {
          visit(taps);
          taps.count = 0;
        }
      }
    }
    visit(taps);
  }

 private:
  // Samples of a row from which on it is worth finding those on the map.
  static constexpr int64_t kLong = 32;

  // Samples of a cell in one direction: as many as it has pixels.
  static int64_t count(double pixels) {
    return int64_t(std::ceil(std::min(std::max(pixels, 0.0), 1e9)));
  }

  // Which rows and columns of samples may lie on the map: its corners, told along the sides of the
  // region from its middle, bound them.
  void find_map() {
    const double slack = 1e-14 * (std::fabs(x) + std::fabs(y) + std::fabs(w) + std::fabs(h));
    left = -1 - slack - x, right = s.width + slack - x;
    top = -1 - slack - y, bottom = s.height + slack - y;
    const double u_low = std::min(left * cos, right * cos) + std::min(top * sin, bottom * sin);
    const double u_high = std::max(left * cos, right * cos) + std::max(top * sin, bottom * sin);
    const double v_low = std::min(top * cos, bottom * cos) - std::max(left * sin, right * sin);
    const double v_high = std::max(top * cos, bottom * cos) - std::min(left * sin, right * sin);
    down_ = Span::between(v_low, v_high, h, s.out_h * rows);
    across_ = Span::between(u_low, u_high, w, s.out_w * cols);
  }

  // The samples of one row of the region that may lie on the map.
  Span on_map(double v) const {
    const double dx = v * sin, dy = -v * cos;
    const double at[2] = {(left + dx) / cos, (right + dx) / cos};
    const double bt[2] = {(top + dy) / sin, (bottom + dy) / sin};
    const double low = std::max(std::min(at[0], at[1]), std::min(bt[0], bt[1]));
    const double high = std::min(std::max(at[0], at[1]), std::max(bt[0], bt[1]));
    const Span row = Span::between(low, high, w, s.out_w * cols);
    return {std::max(row.begin, across_.begin), std::min(row.end, across_.end)};
  }

  const Shape& s;
  double x, y, w, h, cos, sin;
  double left, right, top, bottom;  // of the map, from the middle of the region
  int64_t rows = 0, cols = 0;
  Span down_{0, 0}, across_{0, 0};  // rows and columns of samples that may lie on the map
};

// target[c] = sum of weight * source[pixel][c] for all channels of a block, at most kBlock.
constexpr int64_t kBlock = 64;

template <typename T>
inline void gather(const T* source, const Taps<T>& taps, int64_t channels, T* target) {
  T sum[kBlock] = {};  // in registers where the block is full
  if (channels == kBlock) {
    for (int64_t k = 0; k < taps.count; ++k) {
      const T* pixel = source + taps.at[k] * kBlock;
      for (int64_t c = 0; c < kBlock; ++c) sum[c] += taps.weight[k] * pixel[c];
    }
  } else {
    for (int64_t k = 0; k < taps.count; ++k) {
      const T* pixel = source + taps.at[k] * channels;
      for (int64_t c = 0; c < channels; ++c) sum[c] += taps.weight[k] * pixel[c];
    }
  }
  for (int64_t c = 0; c < channels; ++c) target[c] += sum[c];
}

// target[pixel][c] += weight * source[c].
template <typename T>
inline void scatter(const T* __restrict source, const Taps<T>& taps, int64_t channels,
                    T* __restrict target) {
  for (int64_t k = 0; k < taps.count; ++k) {
    T* pixel = target + taps.at[k] * channels;
    for (int64_t c = 0; c < channels; ++c) pixel[c] += taps.weight[k] * source[c];
  }
}

#define MMROTATE_WIDE(T)                                                                          \
  MMROTATE_CLONES void wide_gather(const T* source, const Taps<T>& taps, int64_t n, T* target) {  \
    gather(source, taps, n, target);                                                              \
  }                                                                                               \
  MMROTATE_CLONES void wide_scatter(const T* source, const Taps<T>& taps, int64_t n, T* target) { \
    scatter(source, taps, n, target);                                                             \
  }
MMROTATE_WIDE(float)
MMROTATE_WIDE(double)

// to[j][i] = from[i][j], in tiles that fit the cache.
template <typename T>
void transpose(const T* from, int64_t rows, int64_t cols, T* to) {
  constexpr int64_t kTile = 16;
  for (int64_t r = 0; r < rows; r += kTile) {
    const int64_t last = std::min(r + kTile, rows);
    for (int64_t c = 0; c < cols; c += kTile) {
      const int64_t stop = std::min(c + kTile, cols);
      for (int64_t j = c; j < stop; ++j) {
        for (int64_t i = r; i < last; ++i) to[j * rows + i] = from[i * cols + j];
      }
    }
  }
}

// Calls body(image, first channel, channels) for blocks of channels, in several threads. A block of
// a map is turned to (pixels, channels), where a sample reads whole lines of memory, and is small
// enough to stay in the cache; no two blocks write to one place.
template <typename Body>
void for_blocks(const Shape& s, int threads, const Body& body) {
  const int64_t share = (s.channels + threads - 1) / threads;
  const int64_t block = std::min(std::max<int64_t>(share, 16), kBlock);
  const int64_t blocks = (s.channels + block - 1) / block;
  parallel_for(s.images * blocks, 1, threads, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % blocks * block;
      body(i / blocks, first, std::min(block, s.channels - first));
    }
  });
}

template <typename T>
void forward(const T* input, const T* rois, int64_t n, const Shape& s, int threads, T* out) {
  const int64_t cells = s.out_h * s.out_w, pixels = s.height * s.width;
  for_blocks(s, threads, [&](int64_t image, int64_t first, int64_t channels) {
    std::vector<T> map(pixels * channels), features(cells * channels);
    transpose(input + (image * s.channels + first) * pixels, channels, pixels, map.data());
    for (int64_t r = 0; r < n; ++r) {
      if (int64_t(rois[6 * r]) != image) continue;
      const Region region(rois + 6 * r, s);
      std::fill(features.begin(), features.end(), T(0));
      for (int64_t cell = 0; cell < cells; ++cell) {
        region.cell<T>(cell, [&](const Taps<T>& taps) {
          wide_gather(map.data(), taps, channels, &features[cell * channels]);
        });
      }
      transpose(features.data(), cells, channels, out + (r * s.channels + first) * cells);
    }
  });
}

template <typename T>
void backward(const T* grad, const T* rois, int64_t n, const Shape& s, int threads, T* grad_input) {
  const int64_t cells = s.out_h * s.out_w, pixels = s.height * s.width;
  for_blocks(s, threads, [&](int64_t image, int64_t first, int64_t channels) {
    std::vector<T> map(pixels * channels), features(cells * channels);
    for (int64_t r = 0; r < n; ++r) {
      if (int64_t(rois[6 * r]) != image) continue;
      const Region region(rois + 6 * r, s);
      transpose(grad + (r * s.channels + first) * cells, channels, cells, features.data());
      for (int64_t cell = 0; cell < cells; ++cell) {
        region.cell<T>(cell, [&](const Taps<T>& taps) {
          wide_scatter(&features[cell * channels], taps, channels, map.data());
        });
      }
    }
    transpose(map.data(), pixels, channels, grad_input + (image * s.channels + first) * pixels);
  });
}

}  // namespace
}  // namespace mmrotate

#define DEFINE_ONE(name, body, T)                                                                 \
  MMROTATE_API int name(const T* from, const T* rois, int64_t n, int64_t images,                  \
                        int64_t channels, int64_t height, int64_t width, int64_t out_h,           \
                        int64_t out_w, double scale, int64_t sampling, int aligned,               \
                        int clockwise, int threads, T* to) {                                      \
    const mmrotate::Shape shape{images, channels, height,   width,        out_h,                  \
                                out_w,  scale,    sampling, aligned != 0, clockwise != 0};        \
    return mmrotate::guarded([&] { mmrotate::body(from, rois, n, shape, threads, to); });         \
  }
#define DEFINE(T, suffix)                                    \
  DEFINE_ONE(roi_align_rotated_##suffix, forward, T)         \
  DEFINE_ONE(roi_align_rotated_backward_##suffix, backward, T)

DEFINE(float, f32)
DEFINE(double, f64)
