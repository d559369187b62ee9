// A loop over several threads, without a library.
#pragma once

#include <algorithm>
#include <cstdint>
#include <thread>
#include <vector>

#ifdef _WIN32
#define MMROTATE_API extern "C" __declspec(dllexport)
#else
#define MMROTATE_API extern "C" __attribute__((visibility("default")))
#endif

namespace mmrotate {

// Calls body(begin, end) on parts of [0, count), each at least `grain` long, in up to `threads` threads.
template <typename Body>
void parallel_for(int64_t count, int64_t grain, int threads, const Body& body) {
  const int64_t parts = std::min<int64_t>(threads, count / (grain > 0 ? grain : 1));
  if (parts <= 1) {
    if (count > 0) body(int64_t(0), count);
    return;
  }
  std::vector<std::thread> pool;
  for (int64_t i = 1; i < parts; ++i) {
    pool.emplace_back([&, i] { body(count * i / parts, count * (i + 1) / parts); });
  }
  body(int64_t(0), count / parts);
  for (auto& thread : pool) thread.join();
}

}  // namespace mmrotate
