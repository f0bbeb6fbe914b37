#include "keeper/log/file_page.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>

namespace keeper {
namespace {

/// Those that are mapped. A program has two logs at most.
std::array<std::atomic<char*>, 4> mapped;

void on_bus_error(int, siginfo_t* info, void*) {
  auto* at = static_cast<char*>(info->si_addr);
  for (const auto& one : mapped) {
    char* page = one.load();
    if (page == nullptr || at < page || at >= page + FilePage::kSize) continue;
    constexpr int instead = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    if (mmap(page, FilePage::kSize, PROT_READ | PROT_WRITE, instead, -1, 0) == page) return;
  }
  std::signal(SIGBUS, SIG_DFL);  // not ours: it happens again, and is what it was
}

void survive_bus_errors() {
  struct sigaction act {};
  act.sa_sigaction = on_bus_error;
  act.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &act, nullptr);
}

}  // namespace

std::unique_ptr<FilePage> FilePage::make(int fd, std::uint64_t offset) {
  auto* free = std::find(mapped.begin(), mapped.end(), nullptr);
  if (free == mapped.end()) return nullptr;
  // A page without a place on the disk could not be had any more when it is stored into.
  if (posix_fallocate(fd, static_cast<off_t>(offset), kSize) != 0) return nullptr;
  void* data = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, static_cast<off_t>(offset));
  if (data == MAP_FAILED) return nullptr;
  survive_bus_errors();
  free->store(static_cast<char*>(data));
  return std::unique_ptr<FilePage>(new FilePage(static_cast<char*>(data), offset));
}

FilePage::~FilePage() {
  std::replace_if(
      mapped.begin(), mapped.end(), [this](char* one) { return one == data_; }, nullptr);
  munmap(data_, kSize);
}

}  // namespace keeper
