// Greedy non-maximum suppression of boxes in falling order of score.
#include <vector>

#include "geometry.h"
#include "parallel.h"

namespace mmrotate {
namespace {

// Marks in `keep` the boxes that no better box of the same label overlaps more than the threshold.
template <typename T>
void suppress(const T* boxes, const int64_t* labels, int64_t n, double threshold, bool clockwise,
              uint8_t* keep) {
  std::vector<Box> box;
  std::vector<double> x, y, r;
  box.reserve(n);
  for (int64_t i = 0; i < n; ++i) {
    box.push_back(Box::read(boxes + 5 * i, clockwise));
    x.push_back(box[i].x);
    y.push_back(box[i].y);
    r.push_back(box[i].area > 0 ? box[i].radius() : -1e300);
    keep[i] = 1;
  }
  constexpr int64_t kBlock = 256;
  double gap[kBlock];
  for (int64_t i = 0; i < n; ++i) {
    if (!keep[i]) continue;
    for (int64_t start = i + 1; start < n; start += kBlock) {
      const int64_t size = std::min(kBlock, n - start);
      for (int64_t k = 0; k < size; ++k) {
        const double dx = x[start + k] - x[i], dy = y[start + k] - y[i];
        const double reach = std::max(r[start + k] + r[i], 0.0);
        gap[k] = dx * dx + dy * dy - reach * reach;
      }
      for (int64_t k = 0; k < size; ++k) {
        const int64_t j = start + k;
        if (gap[k] >= 0 || !keep[j] || (labels && labels[i] != labels[j])) continue;
        // the overlap is at most the ratio of the areas
        const double small = std::min(box[i].area, box[j].area);
        if (small <= threshold * std::max(box[i].area, box[j].area)) continue;
        if (overlap(box[i], box[j], false) > threshold) keep[j] = 0;
      }
    }
  }
}

}  // namespace
}  // namespace mmrotate

MMROTATE_API void nms_rotated_f32(const float* boxes, const int64_t* labels, int64_t n,
                                  double threshold, int clockwise, uint8_t* keep) {
  mmrotate::suppress(boxes, labels, n, threshold, clockwise, keep);
}

MMROTATE_API void nms_rotated_f64(const double* boxes, const int64_t* labels, int64_t n,
                                  double threshold, int clockwise, uint8_t* keep) {
  mmrotate::suppress(boxes, labels, n, threshold, clockwise, keep);
}
