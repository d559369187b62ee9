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

// Whether circles around points dx and dy apart, of radii that add up to `reach`, meet: no other
// boxes overlap.
inline bool circles_meet(double dx, double dy, double reach) {
  return dx * dx + dy * dy < reach * reach;
}

// False only where the IoU of two boxes is surely at most the threshold: what they share is at most
// what their circumscribed rectangles share, along the sides of either. The slack is far above what
// rounding takes.
inline bool may_exceed(const Box& p, const Box& q, double threshold) {
  const double low = std::min(p.area, q.area), high = std::max(p.area, q.area);
  if (!(low > threshold * high)) return false;
  const auto along = [](double distance, double half, double reach) {
    const double shared = std::min({half + reach - std::fabs(distance), 2 * half, 2 * reach});
    return std::max(shared, 0.0) + 1e-9 * (half + reach);
  };
  const double dx = q.x - p.x, dy = q.y - p.y;
  const double c = std::fabs(q.cos * p.cos + q.sin * p.sin), s = std::fabs(q.sin * p.cos - q.cos * p.sin);
  const double first = along(dx * p.cos + dy * p.sin, p.a, q.a * c + q.b * s) *
                       along(dy * p.cos - dx * p.sin, p.b, q.a * s + q.b * c);
  const double second = along(dx * q.cos + dy * q.sin, q.a, p.a * c + p.b * s) *
                        along(dy * q.cos - dx * q.sin, q.b, p.a * s + p.b * c);
  const double shared = std::min({first, second, low}), all = p.area + q.area;
  return shared + 1e-9 * all > threshold * (all - shared);
}

// In the order of box_iou_rotated.py. What boxes without an area get: 0, as boxes that are apart; of
// the generalized overlap the least there is.
enum Mode : int64_t { kIou = 0, kIof = 1, kGiou = 2 };
inline double overlap_of_nothing(Mode mode) { return mode == kGiou ? -1.0 : 0.0; }

// Pairs of boxes side by side, so that one loop of wide instructions computes all their overlaps.
struct Pairs {
  static constexpr int64_t kSize = 64;
  enum Field { X, Y, C, S, A, B, A2, B2, kFields };
  double field[kFields][kSize];
  double overlap[kSize];
  int64_t key[kSize];
  int64_t count = 0;

  // The second box in the frame of the first.
  void add(const Box& p, const Box& q, int64_t k) {
    const double ox = q.x - p.x, oy = q.y - p.y;
    field[X][count] = ox * p.cos + oy * p.sin;
    field[Y][count] = oy * p.cos - ox * p.sin;
    field[C][count] = q.cos * p.cos + q.sin * p.sin;
    field[S][count] = q.sin * p.cos - q.cos * p.sin;
    field[A][count] = p.a;
    field[B][count] = p.b;
    field[A2][count] = q.a;
    field[B2][count] = q.b;
    key[count++] = k;
  }

  // Calls use(key, overlap) for each pair; none is left.
  template <typename Use>
  void flush(Mode mode, const Use& use) {
    compute(mode);
    for (int64_t i = 0; i < count; ++i) use(key[i], overlap[i]);
    count = 0;
  }

  template <typename Use>
  void add(const Box& p, const Box& q, int64_t k, Mode mode, const Use& use) {
    if (p.area <= 0 || q.area <= 0) {
      use(k, overlap_of_nothing(mode));
      return;
    }
    add(p, q, k);
    if (count == kSize) flush(mode, use);
  }

 private:
  void compute(Mode mode);
};

// Many boxes to be tested against one, in order of x: those whose circumscribed circles meet that
// of the one stand within a range. Centres and radii are apart from the rest, so that the test
// which turns most pairs away is one loop of wide instructions. Boxes without an area overlap
// nothing: they are not among those that are tested.
class Boxes {
 public:
  template <typename T>
  Boxes(const T* values, int64_t count, bool clockwise) : all_(count) {
    for (int64_t i = 0; i < count; ++i) {
      all_[i] = Box::read(values + 5 * i, clockwise);
      if (all_[i].area > 0) order_.push_back(i);
    }
    std::sort(order_.begin(), order_.end(),
              [&](int64_t i, int64_t j) { return all_[i].x < all_[j].x; });
    line_up();
  }

  // Boxes that are tested.
  int64_t count() const { return int64_t(order_.size()); }

  // From now on only the boxes of which keep(i) is true are tested.
  template <typename Keep>
  void retain(const Keep& keep) {
    const auto gone = [&](int64_t i) { return !keep(i); };
    order_.erase(std::remove_if(order_.begin(), order_.end(), gone), order_.end());
    line_up();
  }

  const Box& operator[](int64_t i) const { return all_[i]; }

  // Calls visit(j) for each j whose circle meets the circle of `box`, and of whose areas the smaller
  // one is more than `ratio` of the larger one.
  template <typename Visit>
  void near(const Box& box, const Visit& visit, double ratio = 0) const {
    if (!(box.area > 0)) return;
    const double radius = box.radius(), reach = radius + largest_;
    const auto first = std::lower_bound(x_.begin(), x_.end(), box.x - reach);
    const auto last = std::upper_bound(first, x_.end(), box.x + reach);
    const int64_t end = last - x_.begin();
    for (int64_t start = first - x_.begin(); start < end; start += kBlock) {
      const int64_t count = std::min(kBlock, end - start);
      uint8_t meets[kBlock];
      find_meeting(&x_[start], &y_[start], &r_[start], &area_[start], count, box.x, box.y, radius,
                   box.area, ratio, meets);
      for (int64_t k = 0; k < count; ++k) {
        if (meets[k]) visit(order_[start + k]);
      }
    }
  }

 private:
  static constexpr int64_t kBlock = 256;

  void line_up() {
    const size_t valid = order_.size();
    x_.resize(valid), y_.resize(valid), r_.resize(valid), area_.resize(valid);
    largest_ = 0;
    for (size_t k = 0; k < valid; ++k) {
      const Box& box = all_[order_[k]];
      x_[k] = box.x;
      y_[k] = box.y;
      r_[k] = box.radius();
      area_[k] = box.area;
      largest_ = std::max(largest_, r_[k]);
    }
  }

  static void find_meeting(const double* xs, const double* ys, const double* rs,
                           const double* areas, int64_t count, double x, double y, double r,
                           double area, double ratio, uint8_t* meets);

  std::vector<Box> all_;
  std::vector<int64_t> order_;
  std::vector<double> x_, y_, r_, area_;
  double largest_ = 0;
};

}  // namespace mmrotate
