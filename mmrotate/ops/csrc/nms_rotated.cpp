// Greedy non-maximum suppression of boxes in falling order of score.
#include "geometry.h"
#include "parallel.h"

namespace mmrotate {
namespace {

// Marks in `keep` the boxes that no better box of the same label overlaps more than the threshold.
template <typename T>
void suppress(const T* values, const int64_t* labels, int64_t n, double threshold, bool clockwise,
              uint8_t* keep) {
  const Boxes boxes(values, n, clockwise);
  std::fill(keep, keep + n, uint8_t(1));
  Pairs pairs;
  const auto decide = [&](int64_t j, double overlap) {
    if (overlap > threshold) keep[j] = 0;
  };
  for (int64_t i = 0; i < n; ++i) {
    if (!keep[i]) continue;
    const Box& best = boxes[i];
    boxes.near(best, [&](int64_t j) {
      if (j <= i || !keep[j] || (labels && labels[i] != labels[j])) return;
      // the overlap is at most the ratio of the areas
      const double low = std::min(best.area, boxes[j].area);
      const double high = std::max(best.area, boxes[j].area);
      if (low > threshold * high) pairs.add(best, boxes[j], j, kIou, decide);
    });
    pairs.flush(kIou, decide);
  }
}

}  // namespace
}  // namespace mmrotate

#define DEFINE(T, suffix)                                                                \
  MMROTATE_API int nms_rotated_##suffix(const T* boxes, const int64_t* labels, int64_t n, \
                                        double threshold, int clockwise, uint8_t* keep) { \
    return mmrotate::guarded(                                                            \
        [&] { mmrotate::suppress(boxes, labels, n, threshold, clockwise, keep); });       \
  }

DEFINE(float, f32)
DEFINE(double, f64)
