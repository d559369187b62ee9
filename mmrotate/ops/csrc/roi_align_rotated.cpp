// Averages of bilinear samples in the cells of rotated regions; maps are (N, H, W, C).
#include <vector>

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
  if (y < -1 || y > height || x < -1 || x > width) return sample;  // all weights 0
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

// Samples of all cells of a region, a cell's together; `per_cell` is set to their number.
template <typename T>
std::vector<Sample> samples_of(const T* roi, const Shape& s, int64_t& per_cell) {
  const double offset = s.aligned ? 0.5 : 0.0;
  const double cx = roi[1] * s.scale - offset, cy = roi[2] * s.scale - offset;
  double w = roi[3] * s.scale, h = roi[4] * s.scale;
  if (!s.aligned) {
    w = std::max(w, 1.0);
    h = std::max(h, 1.0);
  }
  const double theta = s.clockwise ? double(roi[5]) : -double(roi[5]);
  const double cos = std::cos(theta), sin = std::sin(theta);
  const double cell_h = h / s.out_h, cell_w = w / s.out_w;
  const int64_t rows = s.sampling > 0 ? s.sampling : int64_t(std::ceil(cell_h));
  const int64_t cols = s.sampling > 0 ? s.sampling : int64_t(std::ceil(cell_w));
  per_cell = std::max<int64_t>(rows, 0) * std::max<int64_t>(cols, 0);
  std::vector<Sample> out;
  out.reserve(s.out_h * s.out_w * per_cell);
  for (int64_t ph = 0; ph < s.out_h; ++ph) {
    for (int64_t pw = 0; pw < s.out_w; ++pw) {
      for (int64_t i = 0; i < rows; ++i) {
        const double v = -h / 2 + (ph + (i + 0.5) / rows) * cell_h;
        for (int64_t j = 0; j < cols; ++j) {
          const double u = -w / 2 + (pw + (j + 0.5) / cols) * cell_w;
          out.push_back(
              bilinear(cy + u * sin + v * cos, cx + u * cos - v * sin, s.height, s.width));
        }
      }
    }
  }
  return out;
}

template <typename T>
void forward(const T* input, const T* rois, int64_t n, const Shape& s, int threads, T* out) {
  const int64_t cells = s.out_h * s.out_w, map = s.height * s.width * s.channels;
  parallel_for(n, 1, threads, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      int64_t per_cell;
      const std::vector<Sample> samples = samples_of(rois + 6 * r, s, per_cell);
      const T* image = input + int64_t(rois[6 * r]) * map;
      const double norm = 1.0 / std::max<int64_t>(per_cell, 1);
      for (int64_t cell = 0; cell < cells; ++cell) {
        T* target = out + (r * cells + cell) * s.channels;
        std::fill(target, target + s.channels, T(0));
        for (int64_t k = 0; k < per_cell; ++k) {
          const Sample& sample = samples[cell * per_cell + k];
          for (int corner = 0; corner < 4; ++corner) {
            const T weight = T(sample.weight[corner] * norm);
            if (weight == 0) continue;
            const T* source = image + sample.at[corner] * s.channels;
            for (int64_t c = 0; c < s.channels; ++c) target[c] += weight * source[c];
          }
        }
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
      int64_t per_cell;
      const std::vector<Sample> samples = samples_of(rois + 6 * r, s, per_cell);
      T* image = grad_input + int64_t(rois[6 * r]) * map;
      const double norm = 1.0 / std::max<int64_t>(per_cell, 1);
      for (int64_t cell = 0; cell < cells; ++cell) {
        const T* source = grad + (r * cells + cell) * s.channels;
        for (int64_t k = 0; k < per_cell; ++k) {
          const Sample& sample = samples[cell * per_cell + k];
          for (int corner = 0; corner < 4; ++corner) {
            const T weight = T(sample.weight[corner] * norm);
            if (weight == 0) continue;
            T* target = image + sample.at[corner] * s.channels;
            for (int64_t c = begin; c < end; ++c) target[c] += weight * source[c];
          }
        }
      }
    }
  });
}

}  // namespace
}  // namespace mmrotate

#define SHAPE \
  mmrotate::Shape { height, width, channels, out_h, out_w, scale, sampling, aligned != 0, clockwise != 0 }
#define DEFINE(T, suffix)                                                                          \
  MMROTATE_API void roi_align_rotated_##suffix(                                                    \
      const T* input, const T* rois, int64_t n, int64_t height, int64_t width, int64_t channels,   \
      int64_t out_h, int64_t out_w, double scale, int64_t sampling, int aligned, int clockwise,    \
      int threads, T* out) {                                                                       \
    mmrotate::forward(input, rois, n, SHAPE, threads, out);                                        \
  }                                                                                                \
  MMROTATE_API void roi_align_rotated_backward_##suffix(                                           \
      const T* grad, const T* rois, int64_t n, int64_t height, int64_t width, int64_t channels,    \
      int64_t out_h, int64_t out_w, double scale, int64_t sampling, int aligned, int clockwise,    \
      int threads, T* grad_input) {                                                                \
    mmrotate::backward(grad, rois, n, SHAPE, threads, grad_input);                                 \
  }

DEFINE(float, f32)
DEFINE(double, f64)
