// What tests of one real thing need: a directory of their own, waiting for a condition, files as text.
#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>

#include "protocol/client/client.hpp"

namespace keeper {

inline constexpr Millis kLimit{10'000};

/// Asks until it is so; false if it was not within `limit`. `between` is done before each look (a loop's
/// turn).
inline bool eventually(
    const std::function<bool()>& condition, const std::function<void()>& between = [] {},
    Millis limit = kLimit) {
  Deadline deadline(limit);
  for (useconds_t pause = 200;; pause = std::min<useconds_t>(pause * 2, 5'000)) {
    between();
    if (condition()) return true;
    if (deadline.passed()) return false;
    usleep(pause);
  }
}

inline std::string read_text(const std::filesystem::path& path) {
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string out;
  char chunk[16 * 1024];
  for (ssize_t got = 0; file && (got = read(file.get(), chunk, sizeof chunk)) > 0;)
    out.append(chunk, static_cast<std::size_t>(got));
  return out;
}

inline void write_text(const std::filesystem::path& path, std::string_view text, mode_t mode = 0600) {
  Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  EXPECT_EQ(static_cast<ssize_t>(text.size()), write(file.get(), text.data(), text.size())) << path;
  fchmod(file.get(), mode);
}

/// How many descriptors this process has open.
inline std::ptrdiff_t open_descriptors() {
  std::filesystem::directory_iterator all("/proc/self/fd");
  return std::distance(begin(all), end(all));
}

/// A directory that is gone after the test.
class Place {
 public:
  Place() {
    std::string name = (std::filesystem::temp_directory_path() / "keeper-edge-XXXXXX").string();
    EXPECT_NE(nullptr, mkdtemp(name.data()));
    path_ = name;
  }
  ~Place() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Place(const Place&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

struct Pipe {
  Pipe() {
    int ends[2];
    EXPECT_EQ(0, pipe2(ends, O_CLOEXEC));
    reading = Fd(ends[0]);
    writing = Fd(ends[1]);
  }
  Fd reading, writing;
};

}  // namespace keeper
