#include "keeper/log/file_page.hpp"

#include <fcntl.h>
#include <sys/mman.h>

namespace keeper {

std::unique_ptr<FilePage> FilePage::make(int fd, std::uint64_t offset) {
  // Storing into a page without a block on the disk could fail later.
  if (posix_fallocate(fd, static_cast<off_t>(offset), kSize) != 0) return nullptr;
  void* data = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, static_cast<off_t>(offset));
  if (data == MAP_FAILED) return nullptr;
  if (!register_mapped_page(data)) {
    munmap(data, kSize);
    return nullptr;
  }
  return std::unique_ptr<FilePage>(new FilePage(static_cast<char*>(data), offset));
}

FilePage::~FilePage() {
  unregister_mapped_page(data_);
  munmap(data_, kSize);
}

}  // namespace keeper
