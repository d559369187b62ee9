// What every entry point needs: export, a loop over several threads, errors as return codes.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <vector>

#ifdef _WIN32
#define MMROTATE_API extern "C" __declspec(dllexport)
#else
#define MMROTATE_API extern "C" __attribute__((visibility("default")))
#endif

namespace mmrotate {

// Calls body(begin, end) on parts of [0, count), each at least `grain` long, in up to `threads`
// threads. The first exception of a part is thrown again here.
template <typename Body>
void parallel_for(int64_t count, int64_t grain, int threads, const Body& body) {
  const int64_t parts = std::min<int64_t>(threads, count / std::max<int64_t>(grain, 1));
  if (parts <= 1) {
    if (count > 0) body(int64_t(0), count);
    return;
  }
  std::vector<std::exception_ptr> errors(parts);
  const auto run = [&](int64_t i) {
    try {
      body(count * i / parts, count * (i + 1) / parts);
    } catch (...) {
      errors[i] = std::current_exception();
    }
  };
  std::vector<std::thread> pool;
  pool.reserve(parts);
  for (int64_t i = 1; i < parts; ++i) {
    try {
      pool.emplace_back(run, i);
    } catch (const std::system_error&) {
      run(i);  // no further thread to be had
    }
  }
  run(0);
  for (auto& thread : pool) thread.join();
  for (const auto& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

// The places of each label among `labels` (n,), in rising order, the label of the most places first;
// without labels all are one.
inline std::vector<std::vector<int64_t>> groups_of(const int64_t* labels, int64_t n) {
  std::vector<std::vector<int64_t>> groups;
  std::unordered_map<int64_t, size_t> known;
  for (int64_t i = 0; i < n; ++i) {
    const auto [found, is_new] = known.try_emplace(labels ? labels[i] : 0, groups.size());
    if (is_new) groups.emplace_back();
    groups[found->second].push_back(i);
  }
  std::stable_sort(groups.begin(), groups.end(),
                   [](const auto& p, const auto& q) { return p.size() > q.size(); });
  return groups;
}

// Calls body(places) for the places of each label, several labels at a time where there is work for
// threads.
template <typename Body>
void for_each_label(const int64_t* labels, int64_t n, int threads, const Body& body) {
  const auto groups = groups_of(labels, n);
  const auto count = static_cast<int64_t>(groups.size());
  std::atomic<int64_t> next{0};
  parallel_for(std::min(count, n / 4000), 1, threads, [&](int64_t, int64_t) {
    for (int64_t i; (i = next++) < count;) body(groups[i]);
  });
  while (next < count) body(groups[next++]);
}

// An image of a batch: its first object and how many it has, its first prior and how many it has: some.
struct Image {
  int64_t object, objects, prior, priors;
};

inline std::vector<Image> images_of(const int64_t* objects, const int64_t* priors, int64_t count) {
  std::vector<Image> images;
  for (int64_t i = 0, object = 0, prior = 0; i < count; object += objects[i], prior += priors[i++]) {
    if (priors[i] > 0) images.push_back({object, objects[i], prior, priors[i]});
  }
  return images;
}

// Runs `body`; 0 if it returned, 1 if it threw: no exception may cross the C interface.
template <typename Body>
int guarded(const Body& body) {
  try {
    body();
    return 0;
  } catch (...) {
    return 1;
  }
}

}  // namespace mmrotate
