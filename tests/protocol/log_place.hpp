// A directory with a log in it, its backups, packed ones among them, and its index.
#pragma once
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "protocol/base/units.hpp"

namespace keeper {

using Entries = std::vector<std::pair<std::string, std::uint64_t>>;  ///< time, offset

class LogPlace {
 public:
  LogPlace() {
    std::string name = (std::filesystem::temp_directory_path() / "keeper_log.XXXXXX").string();
    root_ = mkdtemp(name.data());
    path = root_ + "/api.log";
  }
  ~LogPlace() { std::filesystem::remove_all(root_); }
  LogPlace(const LogPlace&) = delete;

  std::string backup(int number) const { return path + "." + std::to_string(number); }

  static void write(const std::string& name, const std::string& text) {
    std::ofstream(name, std::ios::binary) << text;
  }
  static void append(const std::string& name, const std::string& text) {
    std::ofstream(name, std::ios::binary | std::ios::app) << text;
  }
  static void remove(const std::string& name) { unlink(name.c_str()); }

  static void write_packed(const std::string& name, const std::string& text) {
    gzFile file = gzopen(name.c_str(), "wb");
    gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
    gzclose(file);
  }

  /// NAME to NAME.gz, as gzip(1) does: the time of the last change is kept.
  static void pack(const std::string& name) {
    std::ifstream file(name, std::ios::binary);
    write_packed(name + ".gz", std::string(std::istreambuf_iterator<char>(file), {}));
    struct stat at {};
    stat(name.c_str(), &at);
    const timespec times[2] = {at.st_atim, at.st_mtim};
    utimensat(AT_FDCWD, (name + ".gz").c_str(), times, 0);
    unlink(name.c_str());
  }

  static std::uint64_t inode_of(const std::string& name) {
    struct stat at {};
    return stat(name.c_str(), &at) == 0 ? at.st_ino : 0;
  }

  static void write_index(const std::string& name, std::uint64_t inode, const Entries& entries) {
    std::string text = "keeperi2" + word_of(inode);
    for (const auto& [time, offset] : entries)
      text +=
          word_of(static_cast<std::uint64_t>(parse_time(time)->time_since_epoch().count())) + word_of(offset);
    write(name, text);
  }
  /// For the log as it is now, which is then as old as the last entry.
  void index(const Entries& entries) const {
    write_index(path + ".idx", inode_of(path), entries);
    auto last = parse_time(entries.back().first)->time_since_epoch().count();
    const timespec times[2] = {{last / 1000, 0}, {last / 1000, last % 1000 * 1'000'000}};
    utimensat(AT_FDCWD, path.c_str(), times, 0);
  }

  /// Renames as a rotation does, with the index, and makes a new file.
  void rotate(int backups) const {
    for (int number = backups; number > 0; --number)
      for (const char* end : {"", ".gz", ".idx"}) {
        std::string from = number > 1 ? backup(number - 1) : path;
        rename((from + end).c_str(), (backup(number) + end).c_str());
      }
    write(path, "");
  }

  std::string path;

 private:
  static std::string word_of(std::uint64_t value) {
    std::string out;
    for (int i = 0; i < 8; ++i)
      out += static_cast<char>(value >> (8 * i) & 0xff);
    return out;
  }
  std::string root_;
};

}  // namespace keeper
