// The loops of geometry.h that are worth wide instructions; without branches, so that they get them.
#include "geometry.h"
#include "vector.h"

namespace mmrotate {
namespace {

inline double low(double u, double v) { return u < v ? u : v; }
inline double high(double u, double v) { return u > v ? u : v; }
inline double clamp(double v, double limit) { return low(high(v, -limit), limit); }
inline double unit(double v) { return low(high(v, 0.0), 1.0); }

// Integral over x of an edge's y clamped to [-b, b], where x is within [-a, a].
//
// Summed over the edges of a convex polygon it is the area of the polygon inside the rectangle:
// at every x the polygon's extent in y, clamped, is what lies between top and bottom. No list of
// vertices, no sorting, and every term is at most the rectangle's own area: nothing large cancels.
inline double clamped_edge(double px, double py, double qx, double qy, double a, double b) {
  const double x0 = clamp(px, a), x1 = clamp(qx, a);
  const double run = qx - px;
  const double slope = (qy - py) / (run == 0 ? 1.0 : run);
  const double y0 = px == x0 ? py : py + (x0 - px) * slope;
  const double y1 = qx == x1 ? qy : qy + (x1 - qx) * slope;
  const double rise = y1 - y0;
  // where the edge leaves the band [-b, b], as shares of the way from y0 to y1
  const double inverse = 1.0 / (rise == 0 ? 1.0 : rise);
  const double u = (-b - y0) * inverse, v = (b - y0) * inverse;
  const double t0 = rise == 0 ? 0.0 : unit(low(u, v)), t1 = rise == 0 ? 1.0 : unit(high(u, v));
  const double c0 = clamp(y0, b), m0 = clamp(y0 + rise * t0, b);
  const double m1 = clamp(y0 + rise * t1, b), c1 = clamp(y1, b);
  return (x1 - x0) * 0.5 * ((c0 + m0) * t0 + (m0 + m1) * (t1 - t0) + (m1 + c1) * (1 - t1));
}

// Areas that rectangles a x b (half sides) share with rectangles a2 x b2 turned by (c, s).
MMROTATE_CLONES
void shared_areas(const double* __restrict dx, const double* __restrict dy,
                  const double* __restrict c, const double* __restrict s,
                  const double* __restrict a, const double* __restrict b,
                  const double* __restrict a2, const double* __restrict b2, int64_t count,
                  double* __restrict out) {
  for (int64_t i = 0; i < count; ++i) {
    const double ux = a2[i] * c[i], uy = a2[i] * s[i], vx = -b2[i] * s[i], vy = b2[i] * c[i];
    const double x0 = dx[i] - ux - vx, x1 = dx[i] + ux - vx;
    const double x2 = dx[i] + ux + vx, x3 = dx[i] - ux + vx;
    const double y0 = dy[i] - uy - vy, y1 = dy[i] + uy - vy;
    const double y2 = dy[i] + uy + vy, y3 = dy[i] - uy + vy;
    const double sum = clamped_edge(x0, y0, x1, y1, a[i], b[i]) +
                       clamped_edge(x1, y1, x2, y2, a[i], b[i]) +
                       clamped_edge(x2, y2, x3, y3, a[i], b[i]) +
                       clamped_edge(x3, y3, x0, y0, a[i], b[i]);
    const double area = low(std::fabs(sum), 4 * low(a[i] * b[i], a2[i] * b2[i]));
    // apart along a side of either: exactly 0, not the rounding of the sum
    const double ac = std::fabs(c[i]), as = std::fabs(s[i]);
    const double gap1 = std::fabs(dx[i]) - (a[i] + a2[i] * ac + b2[i] * as);
    const double gap2 = std::fabs(dy[i]) - (b[i] + a2[i] * as + b2[i] * ac);
    const double gap3 = std::fabs(dx[i] * c[i] + dy[i] * s[i]) - (a2[i] + a[i] * ac + b[i] * as);
    const double gap4 = std::fabs(dy[i] * c[i] - dx[i] * s[i]) - (b2[i] + a[i] * as + b[i] * ac);
    out[i] = high(high(gap1, gap2), high(gap3, gap4)) >= 0 ? 0.0 : area;
  }
}

struct Point {
  double x, y;
};

// Of two corners the one that lies further in a direction.
inline Point further(Point p, Point q, double ux, double uy) {
  const bool first = p.x * ux + p.y * uy >= q.x * ux + q.y * uy;
  return {first ? p.x : q.x, first ? p.y : q.y};
}

// Areas of the convex hulls around both rectangles.
//
// As a direction turns once around, the corner of a rectangle that lies furthest in it changes at
// the rectangle's four normals only. Between two neighbours of the eight normals each rectangle has
// one such corner, the hull has one of the two or passes from one to the other: the furthest at
// both ends, in order, are the hull's corners.
MMROTATE_CLONES
void hull_areas(const double* __restrict dx, const double* __restrict dy,
                const double* __restrict c, const double* __restrict s,
                const double* __restrict a, const double* __restrict b,
                const double* __restrict a2, const double* __restrict b2, int64_t count,
                double* __restrict out) {
  for (int64_t i = 0; i < count; ++i) {
    // the same rectangle, turned by less than a right angle
    const bool swap = c[i] * s[i] < 0;
    const double ac = std::fabs(c[i]), as = std::fabs(s[i]);
    const double cos = swap ? as : ac, sin = swap ? ac : as;
    const double w = swap ? b2[i] : a2[i], h = swap ? a2[i] : b2[i];
    const double ux = w * cos, uy = w * sin, vx = -h * sin, vy = h * cos;
    const Point p[4] = {{a[i], b[i]}, {-a[i], b[i]}, {-a[i], -b[i]}, {a[i], -b[i]}};
    const Point q[4] = {{dx[i] + ux + vx, dy[i] + uy + vy}, {dx[i] - ux + vx, dy[i] - uy + vy},
                        {dx[i] - ux - vx, dy[i] - uy - vy}, {dx[i] + ux - vx, dy[i] + uy - vy}};
    const Point n[4] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}};
    const Point m[4] = {{cos, sin}, {-sin, cos}, {-cos, -sin}, {sin, -cos}};
    Point corner[16];
    for (int k = 0; k < 4; ++k) {
      const int before = (k + 3) & 3, after = (k + 1) & 3;
      corner[4 * k] = further(p[k], q[before], n[k].x, n[k].y);
      corner[4 * k + 1] = further(p[k], q[before], m[k].x, m[k].y);
      corner[4 * k + 2] = further(p[k], q[k], m[k].x, m[k].y);
      corner[4 * k + 3] = further(p[k], q[k], n[after].x, n[after].y);
    }
    double sum = 0;
    for (int k = 0; k < 16; ++k) {
      const Point from = corner[k], to = corner[(k + 1) & 15];
      sum += from.x * to.y - to.x * from.y;
    }
    out[i] = 0.5 * sum;
  }
}

}  // namespace

void Pairs::compute(Mode mode) {
  shared_areas(field[X], field[Y], field[C], field[S], field[A], field[B], field[A2], field[B2],
               count, overlap);
  double hull[kSize];
  if (mode == kGiou) {
    hull_areas(field[X], field[Y], field[C], field[S], field[A], field[B], field[A2], field[B2],
               count, hull);
  }
  for (int64_t i = 0; i < count; ++i) {
    const double first = 4 * field[A][i] * field[B][i], second = 4 * field[A2][i] * field[B2][i];
    const double both = first + second - overlap[i];
    overlap[i] = unit(overlap[i] / (mode == kIof ? first : both));
    if (mode == kGiou) overlap[i] -= unit(1 - both / hull[i]);
  }
}

MMROTATE_CLONES
void Boxes::find_meeting(const double* __restrict xs, const double* __restrict ys,
                         const double* __restrict rs, const double* __restrict areas,
                         int64_t count, double x, double y, double r, double area, double ratio,
                         uint8_t* __restrict meets) {
  for (int64_t k = 0; k < count; ++k) {
    const double dx = xs[k] - x, dy = ys[k] - y, reach = high(rs[k] + r, 0.0);
    const bool alike = low(area, areas[k]) > ratio * high(area, areas[k]);
    meets[k] = circles_meet(dx, dy, reach) & alike;
  }
}

}  // namespace mmrotate
