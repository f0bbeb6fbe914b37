// Pages of files that are mapped to be stored into. Another process may cut such a file short: storing into
// the page would end this process then (SIGBUS, mmap(2)). A page that is registered here becomes private
// memory instead, filled with zeros, and what is stored is lost.
#pragma once
#include <cstddef>

namespace keeper {

inline constexpr std::size_t kMappedPage = 4096;  ///< bytes of each

/// Registers a page. False: as many as a keeper needs are registered already.
bool register_mapped_page(void* page);
/// Before it is unmapped.
void unregister_mapped_page(void* page);

}  // namespace keeper
