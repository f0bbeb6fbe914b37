#include "protocol/logs/chain.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace keeper {
namespace {

using std::string;
using std::string_view;

constexpr int kMostMissing = 3;  // consecutive names that may be missing within a chain
constexpr int kMostTries = 100;  // attempts for a chain that is rotated meanwhile
constexpr int kRotating = 1;     // the number of a name that rarely exists

constexpr int kDated = 1 << 30;  // the number of the youngest name with a date

/// Recognises "-20261129", "-2026112918", "-20261129-1764374400", "-2026-11-29", also with a dot in front:
/// the dates of logrotate.conf(5), dateformat.
bool is_date(string_view text) {
  if (text.empty() || (text.front() != '-' && text.front() != '.')) return false;
  text.remove_prefix(1);
  const auto digits = std::count_if(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits >= 8 && text.find_first_not_of("0123456789-") == string_view::npos && text.front() != '-';
}

/// Returns the names with a date, without ".gz", youngest first.
std::vector<string> dated(const string& path) {
  const auto slash = path.rfind('/');
  const string directory = slash == string::npos ? "." : path.substr(0, slash + 1);
  const string_view name = string_view(path).substr(slash == string::npos ? 0 : slash + 1);
  std::vector<string> out;
  std::unique_ptr<DIR, int (*)(DIR*)> reader(opendir(directory.c_str()), closedir);
  while (const dirent* entry = reader ? readdir(reader.get()) : nullptr) {
    string_view one = entry->d_name;
    if (!one.starts_with(name)) continue;
    if (one.ends_with(".gz")) one.remove_suffix(3);
    if (is_date(one.substr(name.size()))) out.push_back(path + string(one.substr(name.size())));
  }
  std::sort(out.begin(), out.end(), std::greater<>());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

string name_of(const string& path, int number) {
  if (number >= kDated) {
    const auto all = dated(path);
    const auto at = static_cast<std::size_t>(number - kDated);
    return at < all.size() ? all[at] : path + "-";
  }
  if (number == kRotating) return path + ".rotating";
  return number == 0 ? path : path + "." + std::to_string(number - 1);
}

/// Walks the names of a chain, youngest first: the numbered ones until too many in a row are missing, then
/// those with a date.
class Names {
 public:
  explicit Names(const string& path, int from = 0) : path_(path), number_(from) {}
  int number() const { return number_; }
  bool more() {
    if (number_ < kDated && missing_ > kMostMissing) number_ = kDated;
    if (number_ < kDated) return true;
    if (dates_ < 0) dates_ = static_cast<int>(dated(path_).size());
    return number_ - kDated < dates_;
  }
  void next(bool found) {
    if (found) missing_ = 0;
    if (!found && number_ != kRotating) ++missing_;
    ++number_;
  }

 private:
  const string& path_;
  int number_;
  int missing_ = 0;
  int dates_ = -1;  ///< how many have a date; -1: unknown yet
};

/// A file that is being packed exists twice for a moment: the older one counts.
bool look_at(const string& path, int number, FileFacts& facts) {
  const string name = name_of(path, number);
  return look_at_file(name, facts) || (number > kRotating && look_at_file(name + ".gz", facts));
}

bool is_at(const string& path, int number, const FileFacts& file) {
  FileFacts there;
  return look_at(path, number, there) && there.same_file(file);
}

Result<OpenLog> open_name(const string& name, int number) {
  OpenLog log;
  log.number = number;
  log.name = name;
  // O_NONBLOCK: opening a FIFO would wait for a writer.
  Fd fd(open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd && (errno == ENOENT || errno == ENOTDIR)) return log;
  unsigned mode = 0;
  if (!fd || !look_at_open_file(fd.get(), log.facts, &mode)) return system_error("read the log " + name);
  if (!S_ISREG(mode)) return Error{Reason::failed, "read the log " + name, "it is no regular file", 0};
  FileFacts named;
  if (name.ends_with(".gz")) {
    // The facts of a packed one come from its name, which may be another file's by now.
    bool is_it = look_at_file(name, named) && named.inode == log.facts.inode;
    named.origin = is_it ? named.origin : 0;
    log.facts = named;
    log.facts.packed = true;
    if (!look_at_open_file(fd.get(), log.facts)) return system_error("read the log " + name);
  }
  log.content = LogContent(std::move(fd), log.facts.packed);
  return log;
}

Result<OpenLog> open_log(const string& path, int number) {
  const string name = name_of(path, number);
  Result<OpenLog> log = open_name(name, number);
  if (!log || *log || number <= kRotating) return log;
  return open_name(name + ".gz", number);
}

/// Returns the number of the name that `file` has now; -1 if it is not in the chain.
int position(const string& path, const FileFacts& file) {
  for (Names names(path); names.more();) {
    FileFacts there;
    bool found = look_at(path, names.number(), there);
    if (found && there.same_file(file)) return names.number();
    names.next(found);
  }
  return -1;
}

bool nothing_between(const string& path, int low, int high) {
  for (Names names(path, low + 1); names.more() && names.number() < high; names.next(false)) {
    FileFacts there;
    if (look_at(path, names.number(), there)) return false;
  }
  return true;
}

/// Returns the number before that one; -1 before 0.
int next_younger(const string& path, int number) {
  if (number != kDated) return number - 1;
  int last = 0;
  for (Names names(path); names.more() && names.number() < kDated;) {
    FileFacts there;
    const bool found = look_at(path, names.number(), there);
    if (found) last = names.number();
    names.next(found);
  }
  return last;
}

/// Opens the file after the one whose name has number `here`. Without `settled` the chain has moved, and the
/// caller must try again.
Result<OpenLog> open_after(const string& path, const FileFacts& file, int here, bool& settled) {
  Result<OpenLog> next = OpenLog{};
  for (int number = next_younger(path, here); number >= 0; number = next_younger(path, number))
    if (next = open_log(path, number); !next || *next) break;
  int low = next && *next ? next->number : -1;
  settled = !next || (nothing_between(path, low, here) && is_at(path, here, file));
  return next;
}

/// Returns the oldest backup that is younger than a file that is gone; 0, PATH itself, if there is none.
int oldest_since(const string& path, std::int64_t born) {
  int oldest = 0;
  for (Names names(path, kRotating); names.more();) {
    FileFacts there;
    bool found = look_at(path, names.number(), there);
    if (found && there.born <= born) break;
    if (found) oldest = names.number();
    names.next(found);
  }
  return oldest;
}

/// Opens the file that follows one which has left the chain.
Result<OpenLog> open_since(const string& path, std::int64_t born, bool& settled) {
  Result<OpenLog> next = open_log(path, oldest_since(path, born));
  settled = !next || (*next ? is_at(path, oldest_since(path, born), next->facts) : next->number == 0);
  return next;
}

}  // namespace

Result<OpenLog> open_newest(const string& path) {
  for (Names names(path); names.more(); names.next(false))
    if (Result<OpenLog> log = open_log(path, names.number()); !log || *log) return log;
  return OpenLog{};
}

Result<OpenLog> open_older(const string& path, const FileFacts& file) {
  for (int tries = 0; tries < kMostTries; ++tries) {
    int here = position(path, file);
    if (here < 0) break;
    bool settled = true;
    for (Names names(path, here + 1); names.more();) {
      int number = names.number();
      Result<OpenLog> older = open_log(path, number);
      if (!older) return older;
      names.next(static_cast<bool>(*older));
      if (!*older || older->facts.same_file(file)) continue;
      here = position(path, file);
      settled = here >= 0 && here < number;
      if (settled) return older;
      break;
    }
    if (settled) break;
  }
  return OpenLog{};
}

Result<OpenLog> open_newer(const string& path, const FileFacts& file) {
  for (int tries = 0; tries < kMostTries; ++tries) {
    int here = position(path, file);
    if (here == 0) break;
    bool settled = false;
    Result<OpenLog> next =
        here > 0 ? open_after(path, file, here, settled) : open_since(path, file.born, settled);
    if (settled) return next;
  }
  return OpenLog{};
}

Result<OpenLog> open_again(const string& path, const FileFacts& file) {
  for (int tries = 0; tries < kMostTries; ++tries) {
    int here = position(path, file);
    if (here < 0) break;
    Result<OpenLog> log = open_log(path, here);
    if (!log || (*log && log->facts.same_file(file))) return log;
  }
  return OpenLog{};
}

Result<OpenLog> open_oldest(const string& path) {
  Result<OpenLog> oldest = open_newest(path);
  while (oldest && *oldest) {
    Result<OpenLog> older = open_older(path, oldest->facts);
    if (!older || !*older) break;
    oldest = std::move(older);
  }
  return oldest;
}

}  // namespace keeper
