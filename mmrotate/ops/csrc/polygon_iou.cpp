// Overlaps of convex polygons, and the suppression of quadrilaterals by them.
#include <vector>

#include "parallel.h"
#include "polygon.h"

namespace mmrotate {
namespace {

template <typename T>
std::vector<Polygon> read_all(const T* values, int64_t count, int64_t points) {
  std::vector<Polygon> polygons;
  polygons.reserve(count);
  for (int64_t i = 0; i < count; ++i) polygons.emplace_back(values + 2 * points * i, points);
  return polygons;
}

template <typename T>
void overlaps(const T* first, int64_t n, int64_t points, const T* second, int64_t m,
              PolygonMode mode, bool aligned, int threads, T* out) {
  const std::vector<Polygon> q = read_all(second, m, 4);
  const int64_t grain = aligned ? 200 : 2000 / std::max<int64_t>(m, 1) + 1;
  parallel_for(n, grain, threads, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Polygon p(first + 2 * points * i, points);
      if (aligned) {
        out[i] = T(overlap(p, q[i], mode));
        continue;
      }
      for (int64_t j = 0; j < m; ++j) out[i * m + j] = T(overlap(p, q[j], mode));
    }
  });
}

// Unmarks in `keep` those of the quadrilaterals at `places`, in falling order of score, that a better
// one of them overlaps more than the threshold.
void suppress(const std::vector<Polygon>& quads, const std::vector<int64_t>& places, double threshold,
              uint8_t* keep) {
  std::vector<int64_t> order;
  double widest = 0;
  for (const int64_t i : places) {
    keep[i] = 1;
    if (!(quads[i].area > 0)) continue;  // overlaps nothing
    order.push_back(i);
    widest = std::max(widest, quads[i].right - quads[i].left);
  }
  const auto left_of = [&](int64_t i, int64_t j) { return quads[i].left < quads[j].left; };
  std::sort(order.begin(), order.end(), left_of);
  std::vector<double> lefts;
  for (const int64_t i : order) lefts.push_back(quads[i].left);
  for (const int64_t i : places) {
    const Polygon& best = quads[i];
    if (!keep[i] || !(best.area > 0)) continue;
    const auto first = std::lower_bound(lefts.begin(), lefts.end(), best.left - widest);
    const auto last = std::lower_bound(first, lefts.end(), best.right);
    for (auto k = first - lefts.begin(); k < last - lefts.begin(); ++k) {
      const int64_t j = order[k];
      if (j <= i || !keep[j]) continue;
      // the overlap is at most the ratio of the areas
      const double low = std::min(best.area, quads[j].area);
      const double high = std::max(best.area, quads[j].area);
      if (low <= threshold * high) continue;
      if (overlap(best, quads[j], kPolygonIou) > threshold) keep[j] = 0;
    }
  }
}

}  // namespace
}  // namespace mmrotate

#define DEFINE(T, suffix)                                                                        \
  MMROTATE_API int polygon_iou_##suffix(const T* a, int64_t n, int64_t points, const T* b,      \
                                        int64_t m, int64_t mode, int aligned, int threads,      \
                                        T* out) {                                               \
    return mmrotate::guarded([&] {                                                              \
      mmrotate::overlaps(a, n, points, b, m, mmrotate::PolygonMode(mode), aligned, threads,     \
                         out);                                                                  \
    });                                                                                         \
  }                                                                                             \
  MMROTATE_API int nms_quadri_##suffix(const T* values, const int64_t* labels, int64_t n,       \
                                       double threshold, int threads, uint8_t* keep) {          \
    return mmrotate::guarded([&] {                                                              \
      const auto quads = mmrotate::read_all(values, n, 4);                                      \
      mmrotate::for_each_label(labels, n, threads, [&](const std::vector<int64_t>& places) {    \
        mmrotate::suppress(quads, places, threshold, keep);                                     \
      });                                                                                       \
    });                                                                                         \
  }

DEFINE(float, f32)
DEFINE(double, f64)
