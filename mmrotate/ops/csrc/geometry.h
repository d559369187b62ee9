// Geometry that the operations share. All of it is in double: one box may be 1e8 times another.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace mmrotate {

// A box ready to be compared: centre, half sides, direction of the side w, clockwise on the screen.
struct Box {
  double x, y, a, b, cos, sin, area;

  template <typename T>
  static Box read(const T* p, bool clockwise) {
    const double theta = clockwise ? double(p[4]) : -double(p[4]);
    const double w = double(p[2]), h = double(p[3]);
    const bool valid = w > 0 && h > 0 && std::isfinite(w * h) && std::isfinite(theta) &&
                       std::isfinite(double(p[0])) && std::isfinite(double(p[1]));
    if (!valid) return Box{0, 0, 0, 0, 1, 0, 0};
    return Box{double(p[0]), double(p[1]), w / 2, h / 2, std::cos(theta), std::sin(theta), w * h};
  }

  double radius() const { return std::sqrt(a * a + b * b); }
};

inline double clamp(double v, double limit) { return std::min(std::max(v, -limit), limit); }

// Integral over x of an edge's y clamped to [-b, b], where x is within [-a, a].
//
// Summed over the edges of a convex polygon it is the area of the polygon inside the rectangle:
// at every x the polygon's extent in y, clamped, is what lies between top and bottom. No list of
// vertices, no sorting, and every term is at most the rectangle's own area: nothing large cancels.
inline double clamped_edge(double px, double py, double qx, double qy, double a, double b) {
  const double x0 = clamp(px, a), x1 = clamp(qx, a);
  const double dx = x1 - x0;
  if (dx == 0) return 0;
  const double slope = (qy - py) / (qx - px);
  const double y0 = px == x0 ? py : py + (x0 - px) * slope;
  const double y1 = qx == x1 ? qy : qy + (x1 - qx) * slope;
  const double dy = y1 - y0;
  // where the edge leaves the band [-b, b], as shares of the way from y0 to y1
  double t0 = 0, t1 = 1;
  if (dy != 0) {
    t0 = (-b - y0) / dy;
    t1 = (b - y0) / dy;
    if (t0 > t1) std::swap(t0, t1);
    t0 = std::min(std::max(t0, 0.0), 1.0);
    t1 = std::min(std::max(t1, 0.0), 1.0);
  }
  const double c0 = clamp(y0, b), m0 = clamp(y0 + dy * t0, b);
  const double m1 = clamp(y0 + dy * t1, b), c1 = clamp(y1, b);
  return dx * 0.5 * ((c0 + m0) * t0 + (m0 + m1) * (t1 - t0) + (m1 + c1) * (1 - t1));
}

// Area that two boxes share.
inline double intersection(const Box& p, const Box& q) {
  // q's centre and half axes in the frame of p
  const double ox = q.x - p.x, oy = q.y - p.y;
  const double dx = ox * p.cos + oy * p.sin, dy = oy * p.cos - ox * p.sin;
  const double c = q.cos * p.cos + q.sin * p.sin, s = q.sin * p.cos - q.cos * p.sin;
  const double ux = q.a * c, uy = q.a * s, vx = -q.b * s, vy = q.b * c;
  // apart along a side of p or of q: exactly 0, not the rounding of the sum below
  const double ac = std::fabs(c), as = std::fabs(s);
  if (std::fabs(dx) >= p.a + q.a * ac + q.b * as || std::fabs(dy) >= p.b + q.a * as + q.b * ac ||
      std::fabs(dx * c + dy * s) >= q.a + p.a * ac + p.b * as ||
      std::fabs(dy * c - dx * s) >= q.b + p.a * as + p.b * ac) {
    return 0;
  }
  const double x[4] = {dx - ux - vx, dx + ux - vx, dx + ux + vx, dx - ux + vx};
  const double y[4] = {dy - uy - vy, dy + uy - vy, dy + uy + vy, dy - uy + vy};
  double area = 0;
  for (int i = 0; i < 4; ++i) {
    const int j = (i + 1) & 3;
    area += clamped_edge(x[i], y[i], x[j], y[j], p.a, p.b);
  }
  return std::min(std::fabs(area), std::min(p.area, q.area));
}

// Overlap in [0, 1]: of the union, or (iof) of the first box.
inline double overlap(const Box& p, const Box& q, bool iof) {
  if (p.area <= 0 || q.area <= 0) return 0;
  const double shared = intersection(p, q);
  const double base = iof ? p.area : p.area + q.area - shared;
  return std::min(std::max(shared / base, 0.0), 1.0);
}

// Many boxes to be tested against one. Centres and radii of the circumscribed circles stand apart
// from the rest, so that the test which turns most pairs away is one loop that compilers vectorise.
class Boxes {
 public:
  template <typename T>
  Boxes(const T* values, int64_t count, bool clockwise) {
    all_.reserve(count);
    x_.reserve(count);
    y_.reserve(count);
    r_.reserve(count);
    for (int64_t i = 0; i < count; ++i) {
      const Box box = Box::read(values + 5 * i, clockwise);
      all_.push_back(box);
      x_.push_back(box.x);
      y_.push_back(box.y);
      r_.push_back(box.area > 0 ? box.radius() : -1e300);  // no area: touches nothing
    }
  }

  int64_t size() const { return int64_t(all_.size()); }
  const Box& operator[](int64_t i) const { return all_[i]; }

  // Calls visit(j) for each j in [begin, size) whose circle meets the circle of `box`.
  template <typename Visit>
  void near(const Box& box, int64_t begin, const Visit& visit) const {
    constexpr int64_t kBlock = 256;
    double gap[kBlock];
    const double radius = box.radius();
    for (int64_t start = begin; start < size(); start += kBlock) {
      const int64_t count = std::min(kBlock, size() - start);
      for (int64_t k = 0; k < count; ++k) {
        const double dx = x_[start + k] - box.x, dy = y_[start + k] - box.y;
        const double reach = std::max(r_[start + k] + radius, 0.0);
        gap[k] = dx * dx + dy * dy - reach * reach;
      }
      for (int64_t k = 0; k < count; ++k) {
        if (gap[k] < 0) visit(start + k);
      }
    }
  }

 private:
  std::vector<Box> all_;
  std::vector<double> x_, y_, r_;
};

}  // namespace mmrotate
