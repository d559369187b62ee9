// Averages of bilinear samples in the cells of rotated regions; maps are (N, H, W, C).
#include "geometry.h"
#include "parallel.h"

namespace mmrotate {
namespace {

struct Shape {
  int64_t height, width, channels, out_h, out_w;
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

// A region on the map, and the samples of its cells.
class Region {
 public:
  const int64_t image;

  template <typename T>
  Region(const T* roi, const Shape& shape) : image(int64_t(roi[0])), s(shape) {
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
  }

  // Calls visit(pixel, weight) for all pixels of the cell; the weights of samples inside sum to 1.
  template <typename T, typename Visit>
  void cell(int64_t index, const Visit& visit) const {
    const int64_t ph = index / s.out_w, pw = index % s.out_w;
    const double norm = 1.0 / (double(rows) * double(cols));
    for (int64_t i = 0; i < rows; ++i) {
      const double v = h * ((ph * rows + i + 0.5) / double(s.out_h * rows) - 0.5);
      for (int64_t j = 0; j < cols; ++j) {
        const double u = w * ((pw * cols + j + 0.5) / double(s.out_w * cols) - 0.5);
        const Sample sample =
            bilinear(y + u * sin + v * cos, x + u * cos - v * sin, s.height, s.width);
        for (int corner = 0; corner < 4; ++corner) {
          const T weight = T(sample.weight[corner] * norm);
          if (weight != 0) visit(sample.at[corner], weight);
        }
      }
    }
  }

 private:
  // Samples of a cell in one direction: as many as it has pixels.
  static int64_t count(double pixels) {
    return int64_t(std::ceil(std::min(std::max(pixels, 0.0), 1e9)));
  }

  const Shape& s;
  double x, y, w, h, cos, sin;
  int64_t rows = 0, cols = 0;
};

template <typename T>
void forward(const T* input, const T* rois, int64_t n, const Shape& s, int threads, T* out) {
  const int64_t cells = s.out_h * s.out_w, map = s.height * s.width * s.channels;
  parallel_for(n, 1, threads, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const Region region(rois + 6 * r, s);
      const T* image = input + region.image * map;
      for (int64_t cell = 0; cell < cells; ++cell) {
        T* target = out + (r * cells + cell) * s.channels;
        std::fill(target, target + s.channels, T(0));
        region.cell<T>(cell, [&](int64_t pixel, T weight) {
          const T* source = image + pixel * s.channels;
          for (int64_t c = 0; c < s.channels; ++c) target[c] += weight * source[c];
        });
      }
    }
  });
}

// Each thread owns a range of channels, so no two write to one place.
template <typename T>
void backward(const T* grad, const T* rois, int64_t n, const Shape& s, int threads, T* grad_input) {
  const int64_t cells = s.out_h * s.out_w, map = s.height * s.width * s.channels;
  parallel_for(s.channels, 16, threads, [&](int64_t begin, int64_t end) {
    for (int64_t r = 0; r < n; ++r) {
      const Region region(rois + 6 * r, s);
      T* image = grad_input + region.image * map;
      for (int64_t cell = 0; cell < cells; ++cell) {
        const T* source = grad + (r * cells + cell) * s.channels;
        region.cell<T>(cell, [&](int64_t pixel, T weight) {
          T* target = image + pixel * s.channels;
          for (int64_t c = begin; c < end; ++c) target[c] += weight * source[c];
        });
      }
    }
  });
}

}  // namespace
}  // namespace mmrotate

#define DEFINE_ONE(name, body, T)                                                                 \
  MMROTATE_API int name(const T* from, const T* rois, int64_t n, int64_t height, int64_t width,   \
                        int64_t channels, int64_t out_h, int64_t out_w, double scale,             \
                        int64_t sampling, int aligned, int clockwise, int threads, T* to) {       \
    const mmrotate::Shape shape{height, width,    channels,     out_h,         out_w,             \
                                scale,  sampling, aligned != 0, clockwise != 0};                  \
    return mmrotate::guarded([&] { mmrotate::body(from, rois, n, shape, threads, to); });         \
  }
#define DEFINE(T, suffix)                                    \
  DEFINE_ONE(roi_align_rotated_##suffix, forward, T)         \
  DEFINE_ONE(roi_align_rotated_backward_##suffix, backward, T)

DEFINE(float, f32)
DEFINE(double, f64)
