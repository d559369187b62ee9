// Upright boxes as left, top, right, bottom: overlaps, non-maximum suppression, matching. All is
// computed in the type of the boxes and in torchvision's order, so that the last bits agree.
#include <cmath>
#include <limits>

#include "parallel.h"
#include "vector.h"

namespace mmrotate {
namespace {

constexpr int64_t kBlock = 1024;

template <typename T>
struct Upright {
  T x1, y1, x2, y2, area;

  static Upright read(const T* p) {
    return {p[0], p[1], p[2], p[3], (p[2] - p[0]) * (p[3] - p[1])};
  }
};

// The fields of many boxes, each by itself.
template <typename T>
struct Columns {
  std::vector<T> x1, y1, x2, y2, area;

  explicit Columns(int64_t n) : x1(n), y1(n), x2(n), y2(n), area(n) {}
  Columns(const T* boxes, int64_t n) : Columns(n) {
    for (int64_t i = 0; i < n; ++i) set(i, Upright<T>::read(boxes + 4 * i));
  }

  void set(int64_t i, const Upright<T>& box) {
    x1[i] = box.x1, y1[i] = box.y1, x2[i] = box.x2, y2[i] = box.y2, area[i] = box.area;
  }

  Upright<T> operator[](int64_t i) const { return {x1[i], y1[i], x2[i], y2[i], area[i]}; }
};

// Loops of wide instructions, one definition a type of numbers.
#define LOOPS(T)                                                                                    \
  inline T overlap_of(const Upright<T>& p, T x1, T y1, T x2, T y2, T area) {                        \
    const T right = p.x2 < x2 ? p.x2 : x2, left = p.x1 > x1 ? p.x1 : x1;                            \
    const T bottom = p.y2 < y2 ? p.y2 : y2, top = p.y1 > y1 ? p.y1 : y1;                            \
    const T w = right - left > 0 ? right - left : 0, h = bottom - top > 0 ? bottom - top : 0;       \
    const T shared = w * h;                                                                         \
    return shared / (p.area + area - shared);                                                       \
  }                                                                                                 \
  /* Overlaps of a box with others; 0 of what is no number */                                       \
  MMROTATE_CLONES                                                                                   \
  void overlap_row(const Upright<T>& p, const T* __restrict x1, const T* __restrict y1,             \
                   const T* __restrict x2, const T* __restrict y2, const T* __restrict area,        \
                   int64_t count, T* __restrict out) {                                              \
    for (int64_t k = 0; k < count; ++k) {                                                           \
      const T value = overlap_of(p, x1[k], y1[k], x2[k], y2[k], area[k]);                           \
      out[k] = value == value ? value : 0;                                                          \
    }                                                                                               \
  }                                                                                                 \
  /* Unmarks the boxes that overlap one by more than the threshold */                               \
  MMROTATE_CLONES                                                                                   \
  void suppress_row(const Upright<T>& p, const T* __restrict x1, const T* __restrict y1,            \
                    const T* __restrict x2, const T* __restrict y2, const T* __restrict area,       \
                    int64_t count, T threshold, int32_t* __restrict alive) {                        \
    for (int64_t k = 0; k < count; ++k) {                                                           \
      const T value = overlap_of(p, x1[k], y1[k], x2[k], y2[k], area[k]);                           \
      alive[k] = value > threshold ? 0 : alive[k];                                                  \
    }                                                                                               \
  }                                                                                                 \
  /* Takes the overlaps with an object into the best of each prior; gives the best of the object */ \
  MMROTATE_CLONES                                                                                   \
  T take_row(const T* __restrict row, int64_t count, int32_t object, T* __restrict best,            \
             int32_t* __restrict owner) {                                                           \
    for (int64_t k = 0; k < count; ++k) {                                                           \
      owner[k] = row[k] > best[k] ? object : owner[k];                                              \
      best[k] = row[k] > best[k] ? row[k] : best[k];                                                \
    }                                                                                               \
    T lanes[16];                                                                                    \
    std::fill(lanes, lanes + 16, T(-1));                                                            \
    int64_t k = 0;                                                                                  \
    for (; k + 16 <= count; k += 16) {                                                              \
      for (int i = 0; i < 16; ++i) lanes[i] = row[k + i] > lanes[i] ? row[k + i] : lanes[i];        \
    }                                                                                               \
    for (; k < count; ++k) lanes[0] = std::max(lanes[0], row[k]);                                   \
    return *std::max_element(lanes, lanes + 16);                                                    \
  }

LOOPS(float)
LOOPS(double)

template <typename T>
void row_of(const Upright<T>& p, const Columns<T>& q, int64_t start, int64_t count, T* out) {
  overlap_row(p, &q.x1[start], &q.y1[start], &q.x2[start], &q.y2[start], &q.area[start], count, out);
}

template <typename T>
void pairwise(const T* first, int64_t n, const T* second, int64_t m, int threads, T* out) {
  if (m == 0) return;
  const Columns<T> q(second, m);
  parallel_for(n, 100000 / m + 1, threads, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) row_of(Upright<T>::read(first + 4 * i), q, 0, m, out + i * m);
  });
}

// The largest T that is not above a number: what is above the one is above the other.
template <typename T>
T not_above(double value) {
  const T near = static_cast<T>(value);
  return near > value ? std::nextafter(near, -std::numeric_limits<T>::infinity()) : near;
}

template <typename T>
void suppress(const T* boxes, const std::vector<int64_t>& places, double threshold, uint8_t* keep) {
  const auto n = static_cast<int64_t>(places.size());
  Columns<T> q(n);
  for (int64_t i = 0; i < n; ++i) q.set(i, Upright<T>::read(boxes + 4 * places[i]));
  std::vector<int32_t> alive(n, 1);
  for (int64_t i = 0; i < n; ++i) {
    keep[places[i]] = static_cast<uint8_t>(alive[i]);
    if (!alive[i] || i + 1 == n) continue;
    const Upright<T> best = q[i];
    const int64_t k = i + 1;
    suppress_row(best, &q.x1[k], &q.y1[k], &q.x2[k], &q.y2[k], &q.area[k], n - k,
                 not_above<T>(threshold), &alive[k]);
  }
}

// Overlaps of priors with the objects of their image, block by block, never the whole table. Priors
// that follow each other are near each other, as a rule: most objects touch few blocks.
template <typename T>
class Matching {
 public:
  Matching(const T* objects, int64_t m, const T* priors, int64_t n, const uint8_t* ignored)
      : objects_(objects), m_(m), n_(n), priors_(priors, n), ignored_(ignored),
        blocks_((n + kBlock - 1) / kBlock), tops_(m * blocks_), hulls_(blocks_) {
    for (int64_t block = 0; block < blocks_; ++block) {
      Upright<T> hull = priors_[block * kBlock];
      for (int64_t k = block * kBlock; k < std::min(n, (block + 1) * kBlock); ++k) {
        const Upright<T> prior = priors_[k];
        hull.x1 = std::min(hull.x1, prior.x1), hull.y1 = std::min(hull.y1, prior.y1);
        hull.x2 = std::max(hull.x2, prior.x2), hull.y2 = std::max(hull.y2, prior.y2);
      }
      hulls_[block] = hull;
    }
  }

  // Best overlap (n,) of each prior, and the object (n,) it is with, which count from `from`.
  void best(int threads, int64_t from, T* best, int64_t* owner) {
    each_block(threads, [&](int64_t block, int64_t start, int64_t count) {
      T row[kBlock];
      int32_t own[kBlock] = {};
      for (int64_t k = start; k < start + count; ++k) best[k] = ignored_ && ignored_[k] ? -1 : 0;
      for (int64_t g = 0; g < m_; ++g) {
        T& top = tops_[g * blocks_ + block];
        if (apart(g, block)) {
          top = 0;
          continue;
        }
        overlaps(g, start, count, row);
        top = take_row(row, count, int32_t(g), best + start, own);
      }
      for (int64_t k = 0; k < count; ++k) owner[start + k] = from + own[k];
    });
  }

  // For each prior 1 + the last object (n,) whose best prior it is, 0 without one; an object's best
  // overlap is at least `least` and above 0. Of equal ones all count, or the first.
  void forced(int threads, int64_t from, T least, bool all, int64_t* forced) {
    std::vector<T> top(m_);
    std::vector<int64_t> first(m_);
    for (int64_t g = 0; g < m_; ++g) {
      const T* row = &tops_[g * blocks_];
      first[g] = std::max_element(row, row + blocks_) - row;
      top[g] = row[first[g]];
    }
    each_block(threads, [&](int64_t block, int64_t start, int64_t count) {
      T row[kBlock];
      std::fill(forced + start, forced + start + count, int64_t(0));
      for (int64_t g = 0; g < m_; ++g) {
        const bool wanted = top[g] >= least && top[g] > 0 && (all || block == first[g]);
        if (!wanted || tops_[g * blocks_ + block] != top[g]) continue;
        overlaps(g, start, count, row);
        for (int64_t k = 0; k < count; ++k) {
          if (row[k] != top[g]) continue;
          forced[start + k] = from + g + 1;
          if (!all) break;
        }
      }
    });
  }

 private:
  // Whether an object surely touches no prior of a block; of one that is no number nothing is sure.
  bool apart(int64_t g, int64_t block) const {
    const T* p = objects_ + 4 * g;
    const Upright<T>& hull = hulls_[block];
    return p[0] >= hull.x2 || p[1] >= hull.y2 || p[2] <= hull.x1 || p[3] <= hull.y1;
  }

  void overlaps(int64_t g, int64_t start, int64_t count, T* row) const {
    row_of(Upright<T>::read(objects_ + 4 * g), priors_, start, count, row);
    if (!ignored_) return;
    for (int64_t k = 0; k < count; ++k) row[k] = ignored_[start + k] ? T(-1) : row[k];
  }

  template <typename Body>
  void each_block(int threads, const Body& body) const {
    parallel_for(blocks_, 50 / (m_ + 1) + 1, threads, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) body(b, b * kBlock, std::min(kBlock, n_ - b * kBlock));
    });
  }

  const T* objects_;
  int64_t m_, n_;
  Columns<T> priors_;
  const uint8_t* ignored_;
  int64_t blocks_;
  std::vector<T> tops_;
  std::vector<Upright<T>> hulls_;
};

}  // namespace
}  // namespace mmrotate

#define DEFINE(T, suffix)                                                                            \
  MMROTATE_API int box_iou_upright_##suffix(const T* a, int64_t n, const T* b, int64_t m,            \
                                            int threads, T* out) {                                   \
    return mmrotate::guarded([&] { mmrotate::pairwise(a, n, b, m, threads, out); });                 \
  }                                                                                                  \
  MMROTATE_API int nms_upright_##suffix(const T* boxes, const int64_t* labels, int64_t n,            \
                                        double threshold, int threads, uint8_t* keep) {              \
    return mmrotate::guarded([&] {                                                                   \
      mmrotate::for_each_label(labels, n, threads, [&](const std::vector<int64_t>& places) {         \
        mmrotate::suppress(boxes, places, threshold, keep);                                          \
      });                                                                                            \
    });                                                                                              \
  }                                                                                                  \
  MMROTATE_API int match_upright_##suffix(const T* objects, const T* priors, const uint8_t* ignored, \
                                          const int64_t* objects_of, const int64_t* priors_of,       \
                                          int64_t images, double least, int all, int threads,        \
                                          T* best, int64_t* owner, int64_t* forced) {                \
    return mmrotate::guarded([&] {                                                                   \
      for (const auto& [g, m, p, n] : mmrotate::images_of(objects_of, priors_of, images)) {          \
        mmrotate::Matching<T> matching(objects + 4 * g, m, priors + 4 * p, n, ignored ? ignored + p : nullptr); \
        matching.best(threads, g, best + p, owner + p);                                              \
        matching.forced(threads, g, static_cast<T>(least), all, forced + p);                         \
      }                                                                                              \
    });                                                                                              \
  }

DEFINE(float, f32)
DEFINE(double, f64)
