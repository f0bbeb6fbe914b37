#include "keeper/log/index_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace keeper {
namespace {

// A quiet app must not have a larger index than its log.
constexpr std::uint64_t kFree = 64 << 10;
constexpr std::uint64_t kShare = 16;

bool cut(const Fd& file, std::uint64_t size) {
  return ftruncate(file.get(), static_cast<off_t>(size)) == 0;
}

}  // namespace

void IndexFile::begin(const std::string& path, std::uint64_t inode, const ActingUser* user) {
  end();
  log_ = path;
  user_ = user;
  inode_ = inode;
  given_up_ = false;
}

void IndexFile::end() {
  if (std::exchange(page_, nullptr)) cut(file_, size_);
  file_.reset();
  pace_ = IndexPace();
  given_up_ = true;
}

void IndexFile::remove() {
  page_.reset();
  unlink_file();
  file_.reset();
}

/// Beside the real file of the log, wherever its path leads by now.
void IndexFile::unlink_file() {
  if (auto log = find_place(log_, user_)) remove_beside(*log, index_name(log->base()));
}

/// A new one has the mode, owner and group of its log.
void IndexFile::open(const FilePlace& log) {
  const std::string name = index_name(log.base());
  file_ = open_beside(log, name, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK);
  if (!file_) {
    file_ = open_beside(log, name, O_RDWR | O_NONBLOCK);
  } else if (auto wanted = attributes_beside(log, log.base())) {
    give_attributes(log, file_.get(), *wanted);
  }
}

/// Continues an existing index if it belongs to this log.
bool IndexFile::ready() {
  if (file_) return true;
  if (auto log = find_place(log_, user_)) open(*log);
  if (!file_) return false;
  LogIndex there(file_.get(), inode_);
  size_ = there.good_bytes();
  pace_ = IndexPace(there.last());
  return cut(file_, size_) && (size_ > 0 || put(index_header(inode_)));
}

bool IndexFile::put(const IndexRecord& record) {
  const std::uint64_t within = size_ % FilePage::kSize;
  if (!page_ || page_->offset() != size_ - within) {
    page_.reset();
    page_ = FilePage::make(file_.get(), size_ - within);
  }
  if (page_)
    store_index_record(page_->data() + within, record);
  else if (pwrite(file_.get(), record.data(), record.size(), static_cast<off_t>(size_)) !=
           static_cast<ssize_t>(record.size()))
    return false;
  size_ += record.size();
  return true;
}

void IndexFile::note(WallTime now, std::uint64_t offset) {
  if (given_up_) return;
  bool good = ready();
  if (good && pace_.truncated(offset)) {
    page_.reset();
    good = cut(file_, kIndexRecord);
    size_ = kIndexRecord;
    pace_ = IndexPace();
  }
  if (good) {
    if (size_ >= std::max(kFree, offset / kShare)) return;
    auto entry = pace_.next(now, offset);
    if (!entry) return;
    good = put(index_record(*entry));
  }
  if (good) return;
  unlink_file();
  end();
}

}  // namespace keeper
