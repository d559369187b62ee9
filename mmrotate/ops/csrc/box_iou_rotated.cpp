// Overlaps of rotated boxes, pairwise and aligned.
#include "geometry.h"
#include "parallel.h"

namespace mmrotate {
namespace {

template <typename T>
void pairwise(const T* first, int64_t n, const T* second, int64_t m, Mode mode, bool clockwise,
              int threads, T* out) {
  const Boxes q(second, m, clockwise);
  const int64_t grain = m > 0 ? 20000 / m + 1 : 1;
  parallel_for(n, grain, threads, [&](int64_t begin, int64_t end) {
    std::fill(out + begin * m, out + end * m, T(0));
    Pairs pairs;
    const auto write = [&](int64_t at, double overlap) { out[at] = T(overlap); };
    for (int64_t i = begin; i < end; ++i) {
      const Box p = Box::read(first + 5 * i, clockwise);
      const auto compare = [&](int64_t j) { pairs.add(p, q[j], i * m + j, mode, write); };
      if (mode == kGiou) {  // boxes that are apart have one too
        for (int64_t j = 0; j < m; ++j) compare(j);
      } else {
        q.near(p, compare);
      }
    }
    pairs.flush(mode, write);
  });
}

template <typename T>
void aligned(const T* first, const T* second, int64_t n, Mode mode, bool clockwise, int threads,
             T* out) {
  parallel_for(n, 2000, threads, [&](int64_t begin, int64_t end) {
    Pairs pairs;
    const auto write = [&](int64_t at, double overlap) { out[at] = T(overlap); };
    for (int64_t i = begin; i < end; ++i) {
      const Box p = Box::read(first + 5 * i, clockwise), q = Box::read(second + 5 * i, clockwise);
      if (mode == kGiou || circles_meet(q.x - p.x, q.y - p.y, q.radius() + p.radius())) {
        pairs.add(p, q, i, mode, write);
      } else {
        write(i, 0);
      }
    }
    pairs.flush(mode, write);
  });
}

}  // namespace
}  // namespace mmrotate

#define DEFINE(T, suffix)                                                                      \
  MMROTATE_API int box_iou_rotated_##suffix(const T* a, int64_t n, const T* b, int64_t m,      \
                                            int64_t mode, int is_aligned, int clockwise, int threads, \
                                            T* out) {                                          \
    return mmrotate::guarded([&] {                                                             \
      if (is_aligned) {                                                                        \
        mmrotate::aligned(a, b, n, mmrotate::Mode(mode), clockwise, threads, out);                              \
      } else {                                                                                 \
        mmrotate::pairwise(a, n, b, m, mmrotate::Mode(mode), clockwise, threads, out);                          \
      }                                                                                        \
    });                                                                                        \
  }

DEFINE(float, f32)
DEFINE(double, f64)
