// Overlaps of rotated boxes, pairwise and aligned.
#include "geometry.h"
#include "parallel.h"

namespace mmrotate {
namespace {

template <typename T>
void pairwise(const T* first, int64_t n, const T* second, int64_t m, bool iof, bool clockwise,
              int threads, T* out) {
  const Boxes p(first, n, clockwise), q(second, m, clockwise);
  const int64_t grain = m > 0 ? 20000 / m + 1 : 1;
  parallel_for(n, grain, threads, [&](int64_t begin, int64_t end) {
    std::fill(out + begin * m, out + end * m, T(0));
    for (int64_t i = begin; i < end; ++i) {
      q.near(p[i], 0, [&](int64_t j) { out[i * m + j] = T(overlap(p[i], q[j], iof)); });
    }
  });
}

template <typename T>
void aligned(const T* first, const T* second, int64_t n, bool iof, bool clockwise, int threads,
             T* out) {
  parallel_for(n, 2000, threads, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Box p = Box::read(first + 5 * i, clockwise), q = Box::read(second + 5 * i, clockwise);
      out[i] = T(overlap(p, q, iof));
    }
  });
}

}  // namespace
}  // namespace mmrotate

#define DEFINE(T, suffix)                                                                      \
  MMROTATE_API int box_iou_rotated_##suffix(const T* a, int64_t n, const T* b, int64_t m,      \
                                            int iof, int is_aligned, int clockwise, int threads, \
                                            T* out) {                                          \
    return mmrotate::guarded([&] {                                                             \
      if (is_aligned) {                                                                        \
        mmrotate::aligned(a, b, n, iof, clockwise, threads, out);                              \
      } else {                                                                                 \
        mmrotate::pairwise(a, n, b, m, iof, clockwise, threads, out);                          \
      }                                                                                        \
    });                                                                                        \
  }

DEFINE(float, f32)
DEFINE(double, f64)
