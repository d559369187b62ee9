// Overlaps of rotated boxes, pairwise and aligned; matching by them, without a table.
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

// Best overlap of each prior, the first object it is with, and 1 + the last object whose best prior it
// is, 0 without one; see `Matching` in upright.cpp. Objects count from `from`.
template <typename T>
void match(const T* objects, int64_t m, const T* priors, int64_t n, const uint8_t* ignored,
           int64_t from, T least, bool all, T* best, int64_t* owner, int64_t* forced) {
  for (int64_t k = 0; k < n; ++k) best[k] = ignored && ignored[k] ? -1 : 0;
  std::fill(owner, owner + n, from);
  std::fill(forced, forced + n, 0);
  if (m == 0) return;
  const Boxes boxes(priors, n, true);
  Pairs pairs;
  std::vector<std::pair<int64_t, T>> hits;
  T top;  // the best overlap of an object
  const auto take = [&](int64_t k, double overlap) {
    hits.emplace_back(k, T(overlap));
    top = std::max(top, T(overlap));
  };
  for (int64_t g = 0; g < m; ++g) {
    hits.clear();
    top = 0;
    const Box object = Box::read(objects + 5 * g, true);
    boxes.near(object, [&](int64_t k) {
      if (ignored && ignored[k]) return;
      // what is below both bests, by more than rounding takes, changes neither
      const double low = 0.999999 * std::min(best[k], top);
      if (may_exceed(object, boxes[k], low)) pairs.add(object, boxes[k], k, kIou, take);
    });
    pairs.flush(kIou, take);
    for (const auto& [k, overlap] : hits) {
      if (overlap > best[k]) best[k] = overlap, owner[k] = from + g;
    }
    if (!(top > 0 && top >= least)) continue;
    int64_t first = n;
    for (const auto& [k, overlap] : hits) {
      if (overlap != top) continue;
      if (all) forced[k] = from + g + 1;
      first = std::min(first, k);
    }
    forced[first] = from + g + 1;
  }
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
  } \
  MMROTATE_API int match_rotated_##suffix(const T* objects, const T* priors, const uint8_t* ignored, \
                                          const int64_t* objects_of, const int64_t* priors_of, \
                                          int64_t images, double least, int all, int threads,  \
                                          T* best, int64_t* owner, int64_t* forced) {          \
    return mmrotate::guarded([&] {                                                             \
      const auto parts = mmrotate::images_of(objects_of, priors_of, images);                   \
      mmrotate::parallel_for(int64_t(parts.size()), 1, threads, [&](int64_t begin, int64_t end) { \
        for (int64_t i = begin; i < end; ++i) {                                                \
          const auto& [g, m, p, n] = parts[i];                                                 \
          mmrotate::match(objects + 5 * g, m, priors + 5 * p, n, ignored ? ignored + p : nullptr, g, \
                          static_cast<T>(least), all, best + p, owner + p, forced + p);        \
        }                                                                                      \
      });                                                                                      \
    });                                                                                        \
  }

DEFINE(float, f32)
DEFINE(double, f64)
