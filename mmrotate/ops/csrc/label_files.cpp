// Label files whose lines are eight plain numbers, one of some names, and a whole number that may be missing.
//
// Only what cannot be read in two ways is read; a file with anything else is left to Python, which has the messages.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>

#ifndef _WIN32
#include <sys/stat.h>
#endif

#include "parallel.h"

namespace mmrotate {
namespace {

constexpr int kValues = 8;
constexpr int64_t kPart = 256;     // files whose objects stand together
constexpr size_t kBytes = 1 << 16;  // of a file at first
constexpr int kDigits = 15;  // a whole number of so many digits, and 10 to their number, are exact
constexpr double kPowers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

struct Names {
  const char* text;
  const int64_t* lengths;
  int64_t count;
};

inline bool blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
inline bool digit(char c) { return c >= '0' && c <= '9'; }

// What is left of a line.
struct Line {
  const char* at;
  const char* end;

  bool skip_blanks() {
    while (at < end && blank(*at)) ++at;
    return at < end;
  }

  bool at_end_of_word() const { return at == end || blank(*at); }

  bool begins(const char* word) const {
    const auto length = static_cast<int64_t>(std::strlen(word));
    return end - at >= length && !std::memcmp(at, word, length);
  }

  // The quotient of two exact numbers is the number nearest to the text, as Python's float().
  bool number(double* value) {
    const bool negative = at < end && *at == '-';
    if (negative) ++at;
    int64_t whole = 0;
    int64_t digits = add_digits(&whole), behind = 0;
    if (at < end && *at == '.') {
      ++at;
      behind = add_digits(&whole);
      digits += behind;
    }
    if (digits == 0 || digits > kDigits || !at_end_of_word()) return false;
    *value = static_cast<double>(whole) / kPowers[behind];
    if (negative) *value = -*value;
    return true;
  }

  // Puts the digits that come behind those of a number, and gives how many they are; of too many it loses some.
  int64_t add_digits(int64_t* number) {
    const char* start = at;
    uint64_t sum = static_cast<uint64_t>(*number);
    for (; at < end && digit(*at); ++at) sum = sum * 10 + static_cast<uint64_t>(*at - '0');
    *number = static_cast<int64_t>(sum);
    return at - start;
  }

  bool name(const Names& names, int64_t* index) {
    const char* start = at;
    while (at < end && !blank(*at)) ++at;
    const char* known = names.text;
    for (*index = 0; *index < names.count; known += names.lengths[(*index)++]) {
      if (names.lengths[*index] == at - start && !std::memcmp(known, start, at - start)) return true;
    }
    return false;
  }

  bool whole_number(int64_t* value) {
    *value = 0;
    const int64_t digits = add_digits(value);
    return digits > 0 && digits <= kDigits && at_end_of_word();
  }
};

// Objects one after the other.
struct Objects {
  std::vector<float> corners;
  std::vector<int64_t> names, numbers;

  void keep(size_t count) {
    corners.resize(count * kValues);
    names.resize(count);
    numbers.resize(count);
  }
};

// Adds the object of a line; false if it is another line.
bool add_line(Line line, const Names& names, double limit, Objects* objects) {
  double sum = 0;
  float corners[kValues];
  for (float& corner : corners) {
    double value;
    if (!line.skip_blanks() || !line.number(&value)) return false;
    sum += std::fabs(value);
    corner = static_cast<float>(value);
  }
  int64_t name, number = 0;
  if (!(sum <= limit) || !line.skip_blanks() || !line.name(names, &name)) return false;
  if (line.skip_blanks() && (!line.whole_number(&number) || line.skip_blanks())) return false;
  objects->corners.insert(objects->corners.end(), corners, corners + kValues);
  objects->names.push_back(name);
  objects->numbers.push_back(number);
  return true;
}

// Adds the objects of a file and gives their number, or -1 if a line is another one.
int64_t add_lines(const char* text, int64_t size, const Names& names, double limit, Objects* objects) {
  const size_t before = objects->names.size();
  const char* const end = text + size;
  while (text < end) {
    const void* found = std::memchr(text, '\n', end - text);
    Line line{text, found ? static_cast<const char*>(found) : end};
    text = line.end + 1;
    if (!line.skip_blanks() || line.begins("imagesource:") || line.begins("gsd:")) continue;
    if (!add_line(line, names, limit, objects)) {
      objects->keep(before);
      return -1;
    }
  }
  return static_cast<int64_t>(objects->names.size() - before);
}

// The content of a file in `content`, which grows as needed, and its size; -1 if it cannot be read.
int64_t read_file(const char* path, std::vector<char>* content) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path, "rb"), &std::fclose);
  if (!file) return -1;
  std::setvbuf(file.get(), nullptr, _IONBF, 0);
  size_t size = 0;
  while (true) {
    const size_t count = std::fread(content->data() + size, 1, content->size() - size, file.get());
    size += count;
    if (size < content->size()) return std::ferror(file.get()) ? -1 : static_cast<int64_t>(size);
    content->resize(2 * content->size());
  }
}

// The objects of many files, in parts that follow each other.
struct Table {
  std::vector<Objects> parts;
};

std::vector<const char*> split_paths(const char* paths, int64_t count) {
  std::vector<const char*> each(count);
  for (const char*& path : each) path = paths, paths += std::strlen(paths) + 1;
  return each;
}

std::unique_ptr<Table> read_files(const std::vector<const char*>& paths, const Names& names, double limit,
                                  int threads, int64_t* counts) {
  const auto files = static_cast<int64_t>(paths.size());
  auto table = std::make_unique<Table>();
  table->parts.resize((files + kPart - 1) / kPart);
  parallel_for(static_cast<int64_t>(table->parts.size()), 1, threads, [&](int64_t begin, int64_t end) {
    std::vector<char> content(kBytes);
    for (int64_t i = begin * kPart; i < std::min(end * kPart, files); ++i) {
      const int64_t size = read_file(paths[i], &content);
      counts[i] = size < 0 ? -1 : add_lines(content.data(), size, names, limit, &table->parts[i / kPart]);
    }
  });
  return table;
}

#ifndef _WIN32
int64_t changed_at(const struct stat& found) {
#ifdef __APPLE__
  const timespec& time = found.st_mtimespec;
#else
  const timespec& time = found.st_mtim;
#endif
  return static_cast<int64_t>(time.tv_sec) * 1000000000 + time.tv_nsec;
}
#endif

}  // namespace
}  // namespace mmrotate

// Reads files whose paths, each with a zero behind it, follow each other. Gives what mmrotate_take_labels takes, or
// null where memory ran out; `counts` are the objects of each file, -1 if it is to be read by Python.
MMROTATE_API void* mmrotate_read_label_files(const char* paths, int64_t files, const char* names,
                                             const int64_t* lengths, int64_t name_count, double limit, int threads,
                                             int64_t* counts) {
  const mmrotate::Names known{names, lengths, name_count};
  mmrotate::Table* table = nullptr;
  mmrotate::guarded([&] {
    table = mmrotate::read_files(mmrotate::split_paths(paths, files), known, limit, threads, counts).release();
  });
  return table;
}

// Writes the objects, in order, and frees what the function above gave.
MMROTATE_API void mmrotate_take_labels(void* given, float* corners, int64_t* names, int64_t* numbers) {
  const std::unique_ptr<mmrotate::Table> table(static_cast<mmrotate::Table*>(given));
  for (const mmrotate::Objects& part : table->parts) {
    corners = std::copy(part.corners.begin(), part.corners.end(), corners);
    names = std::copy(part.names.begin(), part.names.end(), names);
    numbers = std::copy(part.numbers.begin(), part.numbers.end(), numbers);
  }
}

#ifndef _WIN32
// Writes size and time of change, in nanoseconds, of each file that there is.
MMROTATE_API int mmrotate_file_stamps(const char* paths, int64_t files, int threads, int64_t* stamps) {
  using namespace mmrotate;
  return guarded([&] {
    const std::vector<const char*> each = split_paths(paths, files);
    parallel_for(files, kPart, threads, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        struct stat found;
        if (!stat(each[i], &found)) stamps[2 * i] = found.st_size, stamps[2 * i + 1] = changed_at(found);
      }
    });
  });
}
#endif
