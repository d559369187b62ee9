// Convex hulls of point sets, their generalized overlaps with gradient, and points in polygons.
#include <vector>

#include "parallel.h"
#include "polygon.h"

namespace mmrotate {
namespace {

// Places of the corners of each hull to `index` (n, k), the rest filled with the last; how many
// they are to `counts`.
template <typename T>
void hulls(const T* values, int64_t n, int64_t k, int threads, int64_t* index, int64_t* counts) {
  parallel_for(n, 2000 / (k + 1) + 1, threads, [&](int64_t begin, int64_t end) {
    std::vector<Corner> points(k), out(k + 1);
    for (int64_t i = begin; i < end; ++i) {
      bool finite = true;
      for (int64_t j = 0; j < k; ++j) {
        const T* p = values + 2 * (i * k + j);
        points[j] = {{double(p[0]), double(p[1])}, j};
        finite &= std::isfinite(points[j].x) && std::isfinite(points[j].y);
      }
      if (finite) std::sort(points.begin(), points.end());
      counts[i] = finite ? hull(points.data(), k, out.data()) : 0;
      for (int64_t j = 0; j < k; ++j) {
        index[i * k + j] = counts[i] ? out[std::min(j, counts[i] - 1)].index : 0;
      }
    }
  });
}

// Adds to `grad`, one entry for each point, `factor` times what the area gains as the part [t0, t1]
// of the side from corner i of p moves outwards.
void add_side(const Polygon& p, int64_t i, double t0, double t1, double factor, Point* grad) {
  const Corner &start = p.corner[i], &end = p.next(i);
  const double to_end = (t1 * t1 - t0 * t0) / 2, to_start = t1 - t0 - to_end;
  const Point normal{factor * (end.y - start.y), factor * (start.x - end.x)};
  grad[start.index].x += normal.x * to_start, grad[start.index].y += normal.y * to_start;
  grad[end.index].x += normal.x * to_end, grad[end.index].y += normal.y * to_end;
}

// The part [t0, t1] of the side from corner i of p that lies in q; t0 >= t1 if none does.
void clip_side(const Polygon& p, int64_t i, const Polygon& q, double& t0, double& t1) {
  const Point origin = p.corner[i], end = p.next(i) - origin;
  t0 = 0, t1 = 1;
  for (int64_t j = 0; j < q.count; ++j) {
    const Side side(q, j, origin);
    const double first = side.depth({0, 0}), last = side.depth(end);
    if (first < 0 && last < 0) t1 = 0;
    if (first < 0 && last >= 0) t0 = std::max(t0, first / (first - last));
    if (first >= 0 && last < 0) t1 = std::min(t1, first / (first - last));
  }
}

// Generalized overlap of a point set's hull with a quadrilateral, and its gradient (18).
template <typename T>
double generalized(const T* points, const T* quad, T* out) {
  const Polygon p(points, 9), q(quad, 4), both(points, 9, quad, 4);
  std::fill(out, out + 18, T(0));
  if (!both.count) return -1;
  if (!(both.area > 0)) return 0;
  const double shared = shared_area(p, q), joint = p.area + q.area - shared;
  if (!(joint > 0)) return -1;
  const double by_joint = 1 / both.area - shared / (joint * joint);
  const double by_shared = 1 / joint - by_joint;
  Point grad[Polygon::kMost] = {};
  for (int64_t i = 0; i < p.count; ++i) {
    double t0, t1;
    clip_side(p, i, q, t0, t1);
    if (t0 < t1 && shared > 0) add_side(p, i, t0, t1, by_shared, grad);
    add_side(p, i, 0, 1, by_joint, grad);
  }
  for (int64_t i = 0; i < both.count; ++i) {
    add_side(both, i, 0, 1, -joint / (both.area * both.area), grad);
  }
  for (int64_t i = 0; i < 9; ++i) out[2 * i] = T(grad[i].x), out[2 * i + 1] = T(grad[i].y);
  return shared / joint + joint / both.area - 1;
}

template <typename T>
void generalized_all(const T* points, const T* quads, int64_t n, int threads, T* out, T* grad) {
  parallel_for(n, 200, threads, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      out[i] = T(generalized(points + 18 * i, quads + 8 * i, grad + 18 * i));
    }
  });
}

// Whether a ray to the right crosses the outline an odd number of times.
template <typename T>
bool within(Point p, const T* quad) {
  bool inside = false;
  for (int i = 0; i < 4; ++i) {
    const int j = (i + 1) % 4;
    const Point a{double(quad[2 * i]), double(quad[2 * i + 1])};
    const Point b{double(quad[2 * j]), double(quad[2 * j + 1])};
    const double side = cross(b - a, p - a);
    if (!std::isfinite(side)) return false;
    inside ^= (a.y > p.y) != (b.y > p.y) && (b.y > a.y ? side > 0 : side < 0);
  }
  return inside;
}

template <typename T>
void within_all(const T* points, int64_t n, const T* quads, int64_t m, int threads, T* out) {
  parallel_for(n, 20000 / std::max<int64_t>(m, 1) + 1, threads, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Point p{double(points[2 * i]), double(points[2 * i + 1])};
      for (int64_t j = 0; j < m; ++j) out[i * m + j] = T(within(p, quads + 8 * j));
    }
  });
}

}  // namespace
}  // namespace mmrotate

#define DEFINE(T, suffix)                                                                         \
  MMROTATE_API int convex_hull_##suffix(const T* points, int64_t n, int64_t k, int threads,       \
                                        int64_t* index, int64_t* counts) {                        \
    return mmrotate::guarded([&] { mmrotate::hulls(points, n, k, threads, index, counts); });     \
  }                                                                                               \
  MMROTATE_API int convex_giou_##suffix(const T* points, const T* quads, int64_t n, int threads,  \
                                        T* out, T* grad) {                                        \
    return mmrotate::guarded(                                                                     \
        [&] { mmrotate::generalized_all(points, quads, n, threads, out, grad); });                \
  }                                                                                               \
  MMROTATE_API int points_in_polygons_##suffix(const T* points, int64_t n, const T* quads,        \
                                               int64_t m, int threads, T* out) {                  \
    return mmrotate::guarded([&] { mmrotate::within_all(points, n, quads, m, threads, out); });   \
  }

DEFINE(float, f32)
DEFINE(double, f64)
