#include "protocol/base/mapped_page.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>

namespace keeper {
namespace {

/// For two logs at most, a state page, and a page that is about to replace another.
std::array<std::atomic<char*>, 6> mapped;

void on_bus_error(int, siginfo_t* info, void*) {
  auto* at = static_cast<char*>(info->si_addr);
  for (const auto& one : mapped) {
    char* page = one.load();
    if (page == nullptr || at < page || at >= page + kMappedPage) continue;
    constexpr int instead = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    if (mmap(page, kMappedPage, PROT_READ | PROT_WRITE, instead, -1, 0) == page) return;
  }
  std::signal(SIGBUS, SIG_DFL);  // not a registered page: the fault happens again, with the default action
}

void survive_bus_errors() {
  struct sigaction act {};
  act.sa_sigaction = on_bus_error;
  act.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &act, nullptr);
}

}  // namespace

bool register_mapped_page(void* page) {
  auto* free = std::find(mapped.begin(), mapped.end(), nullptr);
  if (free == mapped.end()) return false;
  survive_bus_errors();
  free->store(static_cast<char*>(page));
  return true;
}

void unregister_mapped_page(void* page) {
  std::replace_if(
      mapped.begin(), mapped.end(), [page](char* one) { return one == page; }, nullptr);
}

}  // namespace keeper
