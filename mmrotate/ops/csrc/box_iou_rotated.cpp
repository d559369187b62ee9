// Overlaps of rotated boxes, pairwise and aligned.
#include <vector>

#include "geometry.h"
#include "parallel.h"

namespace mmrotate {
namespace {

template <typename T>
std::vector<Box> read_all(const T* boxes, int64_t count, bool clockwise) {
  std::vector<Box> out;
  out.reserve(count);
  for (int64_t i = 0; i < count; ++i) out.push_back(Box::read(boxes + 5 * i, clockwise));
  return out;
}

// Centres and radii of the circumscribed circles, apart, so that the test of a row is one loop of SIMD.
struct Circles {
  std::vector<double> x, y, r;

  explicit Circles(const std::vector<Box>& boxes) {
    for (const Box& box : boxes) {
      x.push_back(box.x);
      y.push_back(box.y);
      r.push_back(box.area > 0 ? box.radius() : -1e300);
    }
  }
};

template <typename T>
void pairwise(const T* first, int64_t n, const T* second, int64_t m, bool iof, bool clockwise,
              int threads, T* out) {
  const std::vector<Box> p = read_all(first, n, clockwise), q = read_all(second, m, clockwise);
  const Circles circles(q);
  const int64_t grain = m > 0 ? 20000 / m + 1 : 1;
  parallel_for(n, grain, threads, [&](int64_t begin, int64_t end) {
    constexpr int64_t kBlock = 256;
    double gap[kBlock];
    for (int64_t i = begin; i < end; ++i) {
      const Box& box = p[i];
      const double radius = box.radius();
      T* row = out + i * m;
      for (int64_t start = 0; start < m; start += kBlock) {
        const int64_t size = std::min(kBlock, m - start);
        for (int64_t k = 0; k < size; ++k) {
          const double dx = circles.x[start + k] - box.x, dy = circles.y[start + k] - box.y;
          const double reach = std::max(circles.r[start + k] + radius, 0.0);
          gap[k] = dx * dx + dy * dy - reach * reach;
          row[start + k] = 0;
        }
        for (int64_t k = 0; k < size; ++k) {
          if (gap[k] < 0) row[start + k] = T(overlap(box, q[start + k], iof));
        }
      }
    }
  });
}

template <typename T>
void aligned(const T* first, const T* second, int64_t n, bool iof, bool clockwise, int threads,
             T* out) {
  parallel_for(n, 2000, threads, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      out[i] = T(overlap(Box::read(first + 5 * i, clockwise), Box::read(second + 5 * i, clockwise),
                         iof));
    }
  });
}

}  // namespace
}  // namespace mmrotate

#define DEFINE(T, suffix)                                                                        \
  MMROTATE_API void box_iou_rotated_##suffix(const T* a, int64_t n, const T* b, int64_t m, int iof, \
                                             int is_aligned, int clockwise, int threads, T* out) {  \
    if (is_aligned) {                                                                            \
      mmrotate::aligned(a, b, n, iof, clockwise, threads, out);                                  \
    } else {                                                                                     \
      mmrotate::pairwise(a, n, b, m, iof, clockwise, threads, out);                              \
    }                                                                                            \
  }

DEFINE(float, f32)
DEFINE(double, f64)
