// Convex polygons that the operations share. All of it is in double, and places are taken relative
// to a corner: 1e6 pixels from the origin nothing is lost.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace mmrotate {

struct Point {
  double x, y;
};

inline Point operator-(Point a, Point b) { return {a.x - b.x, a.y - b.y}; }
inline double cross(Point a, Point b) { return a.x * b.y - a.y * b.x; }
inline double dot(Point a, Point b) { return a.x * b.x + a.y * b.y; }

// A point and its place in the input.
struct Corner : Point {
  int64_t index;
};

// In order of x, then y, then place.
inline bool operator<(const Corner& a, const Corner& b) {
  if (a.x != b.x) return a.x < b.x;
  return a.y != b.y ? a.y < b.y : a.index < b.index;
}

// Faster than the library's for a dozen.
inline void sort_few(Corner* points, int64_t n) {
  for (int64_t i = 1; i < n; ++i) {
    const Corner p = points[i];
    int64_t j = i;
    for (; j > 0 && p < points[j - 1]; --j) points[j] = points[j - 1];
    points[j] = p;
  }
}

// Corners of the convex hull of sorted points[0, n), in the sense of positive area, no two equal
// and no three in a line, to `out` (n + 1 long). Of equal points the first in the input counts;
// `points` are moved.
inline int64_t hull(Corner* points, int64_t n, Corner* out) {
  n = std::unique(points, points + n,
                  [](const Corner& a, const Corner& b) { return a.x == b.x && a.y == b.y; }) -
      points;
  if (n < 3) {
    std::copy(points, points + n, out);
    return n;
  }
  int64_t count = 0;
  const auto add = [&](const Corner& p, int64_t start) {
    while (count >= start + 2 && cross(out[count - 1] - out[count - 2], p - out[count - 1]) <= 0) {
      --count;
    }
    out[count++] = p;
  };
  for (int64_t i = 0; i < n; ++i) add(points[i], 0);
  const int64_t start = count - 1;
  for (int64_t i = n - 2; i >= 0; --i) add(points[i], start);
  return count - 1;  // the first stands at the end once more
}

template <typename P>
double area(const P* corners, int64_t count) {
  double twice = 0;
  for (int64_t i = 2; i < count; ++i) {
    twice += cross(corners[i - 1] - corners[0], corners[i] - corners[0]);
  }
  return twice / 2;
}

// The hull of at most nine points and the four corners of a quadrilateral.
struct Polygon {
  static constexpr int64_t kMost = 13;
  Corner corner[kMost + 1];
  int64_t count = 0;
  double area = 0;  // 0 where a point is not finite
  double left = 0, top = 0, right = 0, bottom = 0;

  Polygon() = default;

  template <typename T>
  Polygon(const T* values, int64_t n, const T* more = nullptr, int64_t n_more = 0) {
    Corner points[kMost];
    for (int64_t i = 0; i < n + n_more; ++i) {
      const T* p = i < n ? values + 2 * i : more + 2 * (i - n);
      points[i] = {{double(p[0]), double(p[1])}, i};
      if (!std::isfinite(points[i].x) || !std::isfinite(points[i].y)) return;
    }
    sort_few(points, n + n_more);
    count = hull(points, n + n_more, corner);
    area = mmrotate::area(corner, count);
    if (!std::isfinite(area)) count = 0, area = 0;
    left = top = std::numeric_limits<double>::infinity();
    right = bottom = -left;
    for (int64_t i = 0; i < count; ++i) {
      left = std::min(left, corner[i].x), right = std::max(right, corner[i].x);
      top = std::min(top, corner[i].y), bottom = std::max(bottom, corner[i].y);
    }
  }

  const Corner& next(int64_t i) const { return corner[i + 1 < count ? i + 1 : 0]; }
};

// A side of a polygon as the half-plane to its left. Its direction is that of the corners as they
// were given: moved by an origin, corners that almost coincide would spoil it.
struct Side {
  Point start, way;

  Side(const Polygon& q, int64_t i, Point origin)
      : start(q.corner[i] - origin), way(q.next(i) - q.corner[i]) {}

  double depth(Point p) const { return cross(way, p - start); }
};

// Area that p shares with q, a hull of at most four corners.
inline double shared_area(const Polygon& p, const Polygon& q) {
  if (!(p.area > 0 && q.area > 0) || p.right <= q.left || q.right <= p.left ||
      p.bottom <= q.top || q.bottom <= p.top) {
    return 0;
  }
  // each cut adds at most half as many corners again, should rounding bend the outline
  Point buffers[2][72];
  Point *from = buffers[0], *to = buffers[1];
  int64_t count = p.count;
  const Point origin = p.corner[0];
  for (int64_t i = 0; i < count; ++i) from[i] = p.corner[i] - origin;
  for (int64_t j = 0; j < q.count && count > 2; ++j) {
    const Side side(q, j, origin);
    int64_t kept = 0;
    Point before = from[count - 1];
    double depth_before = side.depth(before);
    for (int64_t i = 0; i < count; ++i) {
      const double depth = side.depth(from[i]);
      if ((depth < 0) != (depth_before < 0)) {
        const double t = depth_before / (depth_before - depth);
        to[kept++] = {before.x + t * (from[i].x - before.x), before.y + t * (from[i].y - before.y)};
      }
      if (depth >= 0) to[kept++] = from[i];
      before = from[i];
      depth_before = depth;
    }
    std::swap(from, to);
    count = kept;
  }
  return std::max(0.0, std::min(area(from, count), std::min(p.area, q.area)));
}

enum PolygonMode : int64_t { kPolygonIou = 0, kPolygonIof = 1 };

// Overlap in [0, 1]; 0 for polygons without an area or not finite.
inline double overlap(const Polygon& p, const Polygon& q, PolygonMode mode) {
  const double shared = shared_area(p, q);
  if (!(shared > 0)) return 0;
  const double base = mode == kPolygonIof ? p.area : p.area + q.area - shared;
  return std::min(shared / base, 1.0);
}

}  // namespace mmrotate
