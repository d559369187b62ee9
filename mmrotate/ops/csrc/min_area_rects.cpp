// Smallest rectangles around quadrilaterals, as OpenCV's minAreaRect finds them, many side by side in wide instructions.
//
// Often two rectangles are the smallest, and rounding says which one is found: so the order of the steps and the type
// of each number are those of OpenCV. Only quadrilaterals that are plainly convex are done, whose hull no rounding
// can change.
#include <cmath>
#include <limits>
#include <memory>

#include "parallel.h"
#include "vector.h"

namespace mmrotate {
namespace {

constexpr int64_t kQuads = 64;
constexpr float kFlat = 1e-10f;  // square of the sine of a corner that is hardly one

// Quadrilaterals whose corners follow each other clockwise on the screen, and the smallest rectangles so far.
struct Quads {
  float x[4][kQuads], y[4][kQuads];
  int32_t plain[kQuads];
  float dx[4][kQuads], dy[4][kQuads], inverse[4][kQuads];  // the side from each corner, and 1 / its length
  int32_t touch[4][kQuads];                                // corners that touch the upper, right, lower and left side
  float area[kQuads], cos[kQuads], sin[kQuads], w[kQuads], h[kQuads];
  float left_x[kQuads], left_y[kQuads], top_x[kQuads], top_y[kQuads];  // corners on these sides
};

inline float pick(int32_t i, const float (&of)[4][kQuads], int64_t t) {
  const float low = i == 0 ? of[0][t] : of[1][t], high = i == 2 ? of[2][t] : of[3][t];
  return i < 2 ? low : high;
}

// Finds the plain ones, and turns round those that go counter-clockwise: the last corner comes first then.
MMROTATE_CLONES
void arrange(Quads& q) {
  for (int64_t t = 0; t < kQuads; ++t) {
    float x[4], y[4], dx[4], dy[4], length[4];
    for (int i = 0; i < 4; ++i) x[i] = q.x[i][t], y[i] = q.y[i][t];
    for (int i = 0; i < 4; ++i) {
      dx[i] = x[(i + 1) & 3] - x[i], dy[i] = y[(i + 1) & 3] - y[i];
      length[i] = dx[i] * dx[i] + dy[i] * dy[i];
    }
    int32_t right = 0, left = 0;
    for (int i = 0; i < 4; ++i) {
      const int j = (i + 1) & 3;
      const float turn = dx[i] * dy[j] - dy[i] * dx[j];
      const bool clear = turn * turn > kFlat * (length[i] * length[j]);
      right += clear && turn > 0 ? 1 : 0, left += clear && turn < 0 ? 1 : 0;
    }
    q.plain[t] = right == 4 || left == 4;
    for (int i = 0; i < 4; ++i) q.x[i][t] = left == 4 ? x[3 - i] : x[i], q.y[i][t] = left == 4 ? y[3 - i] : y[i];
  }
}

MMROTATE_CLONES
void begin_upright(Quads& q) {
  for (int i = 0; i < 4; ++i) {
    const int j = (i + 1) & 3;
    for (int64_t t = 0; t < kQuads; ++t) {
      const float dx = q.x[j][t] - q.x[i][t], dy = q.y[j][t] - q.y[i][t];
      q.dx[i][t] = dx, q.dy[i][t] = dy;
      q.inverse[i][t] = float(1.0 / std::sqrt(double(dx) * dx + double(dy) * dy));
    }
  }
  for (int64_t t = 0; t < kQuads; ++t) {
    const float x[4] = {q.x[0][t], q.x[1][t], q.x[2][t], q.x[3][t]};
    const float y[4] = {q.y[0][t], q.y[1][t], q.y[2][t], q.y[3][t]};
    float top = y[0], right = x[0], bottom = y[0], left = x[0];
    int32_t at_top = 0, at_right = 0, at_bottom = 0, at_left = 0;
    for (int i = 1; i < 4; ++i) {
      at_top = y[i] < top ? i : at_top, top = y[i] < top ? y[i] : top;
      at_right = x[i] > right ? i : at_right, right = x[i] > right ? x[i] : right;
      at_bottom = y[i] > bottom ? i : at_bottom, bottom = y[i] > bottom ? y[i] : bottom;
      at_left = x[i] < left ? i : at_left, left = x[i] < left ? x[i] : left;
    }
    q.touch[0][t] = at_top, q.touch[1][t] = at_right, q.touch[2][t] = at_bottom, q.touch[3][t] = at_left;
    q.area[t] = std::numeric_limits<float>::max();
  }
}

// Turns the rectangle around the corners until it lies along the next of their sides; of equal ones the last serves.
MMROTATE_CLONES
void turn(Quads& q) {
  for (int64_t t = 0; t < kQuads; ++t) {
    // the sides that come next, as if all lay above: the one turned least is met first
    const int32_t touch[4] = {q.touch[0][t], q.touch[1][t], q.touch[2][t], q.touch[3][t]};
    int32_t next = 0, corner = touch[0];
    float way_x = pick(corner, q.dx, t), way_y = pick(corner, q.dy, t);
    for (int i = 1; i < 4; ++i) {
      const float dx = pick(touch[i], q.dx, t), dy = pick(touch[i], q.dy, t);
      const float x = i == 1 ? dy : i == 2 ? -dx : -dy, y = i == 1 ? -dx : i == 2 ? -dy : dx;
      const bool first = x * way_y - y * way_x > 0;
      next = first ? i : next, corner = first ? touch[i] : corner;
      way_x = first ? x : way_x, way_y = first ? y : way_y;
    }
    const float scale = pick(corner, q.inverse, t), cos = way_x * scale, sin = way_y * scale;
    float x[4], y[4];
    for (int i = 0; i < 4; ++i) {
      const int32_t now = next == i ? (touch[i] + 1) & 3 : touch[i];
      q.touch[i][t] = now, x[i] = pick(now, q.x, t), y[i] = pick(now, q.y, t);
    }
    const float w = (x[1] - x[3]) * cos + (y[1] - y[3]) * sin;
    const float h = -(x[2] - x[0]) * sin + (y[2] - y[0]) * cos;
    const bool better = w * h <= q.area[t];
    q.area[t] = better ? w * h : q.area[t];
    q.cos[t] = better ? cos : q.cos[t], q.sin[t] = better ? sin : q.sin[t];
    q.w[t] = better ? w : q.w[t], q.h[t] = better ? h : q.h[t];
    q.left_x[t] = better ? x[3] : q.left_x[t], q.left_y[t] = better ? y[3] : q.left_y[t];
    q.top_x[t] = better ? x[0] : q.top_x[t], q.top_y[t] = better ? y[0] : q.top_y[t];
  }
}

// From where the left side meets the upper one: the middle in place of the left corner, and sides with w in (0, pi/2].
MMROTATE_CLONES
void finish(Quads& q) {
  for (int64_t t = 0; t < kQuads; ++t) {
    const float cos = q.cos[t], sin = q.sin[t];
    const float along = cos * q.left_x[t] + q.left_y[t] * sin, down = -sin * q.top_x[t] + q.top_y[t] * cos;
    const float share = 1.0f / (cos * cos + sin * sin);
    const float w_x = cos * q.w[t], w_y = sin * q.w[t], h_x = -sin * q.h[t], h_y = cos * q.h[t];
    q.left_x[t] = (along * cos - down * sin) * share + (w_x + h_x) * 0.5f;
    q.left_y[t] = (cos * down + sin * along) * share + (w_y + h_y) * 0.5f;
    const float w = float(std::sqrt(double(w_x) * w_x + double(w_y) * w_y));
    const float h = float(std::sqrt(double(h_x) * h_x + double(h_y) * h_y));
    const float x = std::fabs(w_x), y = std::fabs(w_y);
    const bool steep = y == 0 || w_x * w_y < 0;  // the quarter turn that leads into the range swaps the sides
    q.w[t] = steep ? h : w, q.h[t] = steep ? w : h;
    q.cos[t] = steep ? y : x, q.sin[t] = steep ? x : y;
  }
}

void write(const Quads& q, int64_t count, double* rects, uint8_t* plain) {
  for (int64_t t = 0; t < count; ++t, rects += 5) {
    rects[0] = q.left_x[t], rects[1] = q.left_y[t], rects[2] = q.w[t], rects[3] = q.h[t];
    rects[4] = std::atan2(double(q.sin[t]), double(q.cos[t]));
    plain[t] = uint8_t(q.plain[t]);
  }
}

}  // namespace
}  // namespace mmrotate

// Writes x, y, w, h, theta of the plain ones of n quadrilaterals, and which they are.
MMROTATE_API int mmrotate_min_area_rects(const float* corners, int64_t n, int threads, double* rects, uint8_t* plain) {
  using namespace mmrotate;
  return guarded([&] {
    parallel_for(n, 500, threads, [&](int64_t begin, int64_t end) {
      const auto quads = std::make_unique<Quads>();
      for (int64_t i = begin; i < end; i += kQuads) {
        const int64_t count = std::min(kQuads, end - i);
        for (int64_t t = 0; t < kQuads; ++t) {
          const float* p = corners + 8 * (i + std::min(t, count - 1));  // the last fills the block
          for (int k = 0; k < 4; ++k) quads->x[k][t] = p[2 * k], quads->y[k][t] = p[2 * k + 1];
        }
        arrange(*quads);
        begin_upright(*quads);
        for (int side = 0; side < 4; ++side) turn(*quads);
        finish(*quads);
        write(*quads, count, rects + 5 * i, plain + i);
      }
    });
  });
}
