// Greedy non-maximum suppression of boxes in falling order of score.
#include "geometry.h"
#include "parallel.h"

namespace mmrotate {
namespace {

// Unmarks in `keep` those of the boxes at `places` that a better one of them overlaps more than the
// threshold.
template <typename T>
void suppress(const T* values, const std::vector<int64_t>& places, double threshold, bool clockwise,
              uint8_t* keep) {
  const auto n = static_cast<int64_t>(places.size());
  std::vector<T> own(5 * n);
  for (int64_t i = 0; i < n; ++i) std::copy_n(values + 5 * places[i], 5, &own[5 * i]);
  Boxes boxes(own.data(), n, clockwise);
  std::vector<uint8_t> alive(n, 1);
  Pairs pairs;
  int64_t done = 0;  // boxes among those tested that are decided
  const auto decide = [&](int64_t j, double overlap) {
    if (overlap > threshold && alive[j]) alive[j] = 0, ++done;
  };
  for (int64_t i = 0; i < n; ++i) {
    if (!alive[i]) continue;
    const Box& best = boxes[i];
    boxes.near(best, [&](int64_t j) {
      if (j > i && alive[j] && may_exceed(best, boxes[j], threshold)) {
        pairs.add(best, boxes[j], j, kIou, decide);
      }
    }, threshold);
    pairs.flush(kIou, decide);
    if (2 * ++done > boxes.count()) {
      boxes.retain([&](int64_t j) { return j > i && alive[j]; });
      done = 0;
    }
  }
  for (int64_t i = 0; i < n; ++i) keep[places[i]] = alive[i];
}

}  // namespace
}  // namespace mmrotate

#define DEFINE(T, suffix)                                                                           \
  MMROTATE_API int nms_rotated_##suffix(const T* boxes, const int64_t* labels, int64_t n,           \
                                        double threshold, int clockwise, int threads,               \
                                        uint8_t* keep) {                                            \
    return mmrotate::guarded([&] {                                                                  \
      mmrotate::for_each_label(labels, n, threads, [&](const std::vector<int64_t>& places) {        \
        mmrotate::suppress(boxes, places, threshold, clockwise, keep);                              \
      });                                                                                           \
    });                                                                                             \
  }

DEFINE(float, f32)
DEFINE(double, f64)
