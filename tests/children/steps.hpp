// The file that a test and the program steps both map, and the lines that the program writes.
#pragma once
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <string>

namespace keeper {

struct Steps {
  std::atomic<std::uint32_t> said;      ///< so many lines
  std::atomic<std::uint32_t> goal;      ///< so many are to be said
  std::atomic<std::uint32_t> crash_at;  ///< behind that line it ends by itself
};

/// Line number N: 100 bytes.
inline std::string even_line(std::uint32_t number) {
  char line[101];
  snprintf(line, sizeof line, "%099u\n", number);
  return line;
}

/// Line number N: of very different lengths. Some begin with a space, some are longer than 64 KiB, and a few
/// longer than what a keeper reads at once. No 40 bytes stand there twice.
inline std::string varied_line(std::uint32_t number) {
  std::string out = number % 4 == 1 ? " " : "";
  const std::size_t length = number % 61 == 30   ? 400'000
                             : number % 23 == 11 ? 70'000 + number
                             : number % 5 == 0   ? 5'000 + number
                                                 : 40 + number % 90;
  while (out.size() < length) {
    char part[40];
    snprintf(part, sizeof part, "%07u:%zu,", number, out.size());
    out += part;
  }
  return out + "\n";
}

}  // namespace keeper
