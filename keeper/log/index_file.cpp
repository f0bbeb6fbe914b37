#include "keeper/log/index_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

namespace keeper {
namespace {

// An app that says little is not to have more of an index than of a log.
constexpr std::uint64_t kFree = 64 << 10;
constexpr std::uint64_t kShare = 16;

}  // namespace

void IndexFile::begin(const std::string& path, std::uint64_t inode) {
  end();
  path_ = index_name(path);
  inode_ = inode;
  given_up_ = false;
}

void IndexFile::end() {
  file_.reset();
  pace_ = IndexPace();
  given_up_ = true;
}

void IndexFile::remove() {
  unlink(path_.c_str());
  file_.reset();
}

/// Goes on with what is there, if it is of this log.
bool IndexFile::ready() {
  if (file_) return true;
  file_ = Fd(open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file_) return false;
  LogIndex there(file_.get(), inode_);
  size_ = there.good_bytes();
  pace_ = IndexPace(there.last());
  if (ftruncate(file_.get(), static_cast<off_t>(size_)) < 0) return false;
  IndexRecord header = index_header(inode_);
  return size_ > 0 || put({header.data(), header.size()});
}

bool IndexFile::put(std::string_view bytes) {
  bool good = pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(size_)) ==
              static_cast<ssize_t>(bytes.size());
  if (good) size_ += bytes.size();
  return good;
}

void IndexFile::note(WallTime now, std::uint64_t offset) {
  if (given_up_) return;
  bool good = ready();
  if (good && pace_.truncated(offset)) {
    good = ftruncate(file_.get(), kIndexRecord) == 0;
    size_ = kIndexRecord;
    pace_ = IndexPace();
  }
  if (good) {
    if (size_ >= std::max(kFree, offset / kShare)) return;
    auto entry = pace_.next(now, offset);
    if (!entry) return;
    IndexRecord record = index_record(*entry);
    good = put({record.data(), record.size()});
  }
  if (good) return;
  unlink(path_.c_str());
  end();
}

}  // namespace keeper
