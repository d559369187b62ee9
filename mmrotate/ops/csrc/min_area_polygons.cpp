// Smallest rectangles around sets of nine points, many sets side by side in wide instructions.
//
// One side lies on a side of the hull. The hull is not looked for: a rectangle along any two of the
// points holds the set as well, so the least of all 36 is the least of those along the hull.
#include <cmath>
#include <limits>
#include <memory>

#include "parallel.h"
#include "vector.h"

namespace mmrotate {
namespace {

constexpr int64_t kSets = 64, kPoints = 9, kPairs = 36;
// Share of the area within which rectangles count as equal, and the one turned least serves: around
// a triangle all three are.
constexpr double kTie = 1e-9;
constexpr double kSteepest = 1e150;

inline double low(double u, double v) { return u < v ? u : v; }
inline double high(double u, double v) { return u > v ? u : v; }

// Sets relative to their first points; for each pair of points the area of the rectangle along it,
// and its slope, turned by quarters into [0, inf).
struct Sets {
  double x[kPoints][kSets], y[kPoints][kSets];
  double area[kPairs][kSets], slope[kPairs][kSets];
  double cos[kSets], sin[kSets], left[kSets], right[kSets], top[kSets], bottom[kSets];
};

MMROTATE_CLONES
void measure(Sets& s) {
  int64_t pair = 0;
  for (int64_t i = 0; i < kPoints; ++i) {
    for (int64_t j = i + 1; j < kPoints; ++j, ++pair) {
      for (int64_t t = 0; t < kSets; ++t) {
        const double ux = s.x[j][t] - s.x[i][t], uy = s.y[j][t] - s.y[i][t];
        double left = 0, right = 0, top = 0, bottom = 0;  // of the first point, the origin
        for (int64_t k = 1; k < kPoints; ++k) {
          const double along = ux * s.x[k][t] + uy * s.y[k][t];
          const double across = ux * s.y[k][t] - uy * s.x[k][t];
          left = low(left, along), right = high(right, along);
          top = low(top, across), bottom = high(bottom, across);
        }
        const double length = ux * ux + uy * uy, dx = std::fabs(ux), dy = std::fabs(uy);
        const bool turned = (ux < 0) != (uy < 0) ? dy > 0 : dx == 0;
        const double slope = (turned ? dx : dy) / (turned ? dy : dx);
        s.area[pair][t] = length > 0 ? (right - left) * (bottom - top) / length
                                     : std::numeric_limits<double>::infinity();
        s.slope[pair][t] = length > 0 ? low(slope, kSteepest) : 0.0;
      }
    }
  }
}

MMROTATE_CLONES
void choose(Sets& s) {
  for (int64_t t = 0; t < kSets; ++t) s.left[t] = s.area[0][t], s.top[t] = kSteepest;
  for (int64_t pair = 1; pair < kPairs; ++pair) {
    for (int64_t t = 0; t < kSets; ++t) s.left[t] = low(s.left[t], s.area[pair][t]);
  }
  for (int64_t pair = 0; pair < kPairs; ++pair) {
    for (int64_t t = 0; t < kSets; ++t) {
      const bool tied = s.area[pair][t] <= s.left[t] * (1 + kTie);
      s.top[t] = tied ? low(s.top[t], s.slope[pair][t]) : s.top[t];
    }
  }
  for (int64_t t = 0; t < kSets; ++t) {
    s.cos[t] = 1 / std::sqrt(1 + s.top[t] * s.top[t]);
    s.sin[t] = s.top[t] * s.cos[t];
    double left = 0, right = 0, top = 0, bottom = 0;
    for (int64_t k = 1; k < kPoints; ++k) {
      const double along = s.cos[t] * s.x[k][t] + s.sin[t] * s.y[k][t];
      const double across = s.cos[t] * s.y[k][t] - s.sin[t] * s.x[k][t];
      left = low(left, along), right = high(right, along);
      top = low(top, across), bottom = high(bottom, across);
    }
    s.left[t] = left, s.right[t] = right, s.top[t] = top, s.bottom[t] = bottom;
  }
}

template <typename T>
void rectangles(const T* values, int64_t count, Sets& s, T* out) {
  for (int64_t t = 0; t < kSets; ++t) {
    const T* p = values + 2 * kPoints * std::min(t, count - 1);  // the last fills the block
    for (int64_t k = 0; k < kPoints; ++k) {
      s.x[k][t] = double(p[2 * k]) - double(p[0]), s.y[k][t] = double(p[2 * k + 1]) - double(p[1]);
    }
  }
  measure(s);
  choose(s);
  for (int64_t t = 0; t < count; ++t) {
    const T* p = values + 2 * kPoints * t;
    double sum = 0;
    for (int64_t k = 0; k < 2 * kPoints; ++k) sum += double(p[k]) * 0;  // NaN if one is not finite
    const double xs[4] = {s.right[t], s.left[t], s.left[t], s.right[t]};
    const double ys[4] = {s.top[t], s.top[t], s.bottom[t], s.bottom[t]};
    for (int64_t i = 0; i < 4; ++i) {
      out[8 * t + 2 * i] = T(double(p[0]) + xs[i] * s.cos[t] - ys[i] * s.sin[t] + sum);
      out[8 * t + 2 * i + 1] = T(double(p[1]) + xs[i] * s.sin[t] + ys[i] * s.cos[t] + sum);
    }
  }
}

template <typename T>
void rectangles(const T* values, int64_t n, int threads, T* out) {
  parallel_for(n, 500, threads, [&](int64_t begin, int64_t end) {
    const auto sets = std::make_unique<Sets>();
    for (int64_t i = begin; i < end; i += kSets) {
      rectangles(values + 2 * kPoints * i, std::min(kSets, end - i), *sets, out + 8 * i);
    }
  });
}

}  // namespace
}  // namespace mmrotate

#define DEFINE(T, suffix)                                                                        \
  MMROTATE_API int min_area_polygons_##suffix(const T* points, int64_t n, int threads, T* out) { \
    return mmrotate::guarded([&] { mmrotate::rectangles(points, n, threads, out); });            \
  }

DEFINE(float, f32)
DEFINE(double, f64)
