// Lines of label files: eight plain numbers, one of some names, and a whole number that may be missing.
//
// Only what cannot be read in two ways is read; a file with anything else is left to Python, which has the messages.
#include <cmath>
#include <cstring>

#include "parallel.h"

namespace mmrotate {
namespace {

constexpr int kValues = 8;
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
    int digits = 0, behind = 0;
    for (bool point = false; at < end && (digit(*at) || (*at == '.' && !point)); ++at) {
      if (*at == '.') {
        point = true;
      } else {
        whole = whole * 10 + (*at - '0');
        behind += point;
        if (++digits > kDigits) return false;
      }
    }
    *value = static_cast<double>(whole) / kPowers[behind];
    if (negative) *value = -*value;
    return digits > 0 && at_end_of_word();
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
    const char* start = at;
    for (; at < end && digit(*at); ++at) *value = *value * 10 + (*at - '0');
    return at > start && at - start <= kDigits && at_end_of_word();
  }
};

// Where objects go.
struct Out {
  double* values;
  int64_t *names, *numbers;
};

// Objects of a file, or -1 if a line is another one.
int64_t parse_file(const char* text, int64_t size, const Names& names, double limit, const Out& out, int64_t first) {
  int64_t row = first;
  const char* const end = text + size;
  while (text < end) {
    const void* found = std::memchr(text, '\n', end - text);
    Line line{text, found ? static_cast<const char*>(found) : end};
    text = line.end + 1;
    if (!line.skip_blanks() || line.begins("imagesource:") || line.begins("gsd:")) continue;
    double sum = 0;
    for (int i = 0; i < kValues; ++i) {
      double* value = out.values + row * kValues + i;
      if (!line.skip_blanks() || !line.number(value)) return -1;
      sum += std::fabs(*value);
    }
    if (!(sum <= limit) || !line.skip_blanks() || !line.name(names, out.names + row)) return -1;
    out.numbers[row] = 0;
    if (line.skip_blanks() && (!line.whole_number(out.numbers + row) || line.skip_blanks())) return -1;
    ++row;
  }
  return row - first;
}

}  // namespace
}  // namespace mmrotate

// Gives the number of objects of all files; the arrays have a row for each line.
MMROTATE_API int64_t mmrotate_parse_label_lines(const char* text, const int64_t* sizes, int64_t files,
                                                const char* names, const int64_t* lengths, int64_t name_count,
                                                double limit, double* values, int64_t* name_of, int64_t* numbers,
                                                int64_t* counts) {
  const mmrotate::Names known{names, lengths, name_count};
  const mmrotate::Out out{values, name_of, numbers};
  int64_t row = 0;
  for (int64_t i = 0; i < files; text += sizes[i++]) {
    counts[i] = mmrotate::parse_file(text, sizes[i], known, limit, out, row);
    row += counts[i] > 0 ? counts[i] : 0;
  }
  return row;
}
