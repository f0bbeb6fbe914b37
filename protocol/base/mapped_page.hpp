// Pages of files that are mapped to be stored into. If another process cuts such a file short, storing into
// the page would end this process (SIGBUS, mmap(2)). A registered page becomes private memory instead, filled
// with zeros, and later stores are lost.
#pragma once
#include <cstddef>

namespace keeper {

inline constexpr std::size_t kMappedPage = 4096;  ///< bytes of each

/// Registers a page. Returns false if as many as a keeper needs are registered already.
bool register_mapped_page(void* page);
/// To be called before the page is unmapped.
void unregister_mapped_page(void* page);

}  // namespace keeper
