// Whatever stands in the file of a state page, it can be opened and written; what is read from it afterwards
// is what was written.
#include "keeper/survive/state_page.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

using namespace keeper;

namespace {

constexpr const char* kStem = "any";

void require(bool holds) {
  if (!holds) std::abort();
}

Home make_home() {
  char place[] = "/tmp/keeper-fuzz-XXXXXX";
  require(mkdtemp(place) != nullptr);
  auto home = Home::open(std::string(place) + "/home", Home::Create::yes);
  require(home && home->lock(kStem, Millis(0)));
  return std::move(*home);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Home home = make_home();
  Fd file(open(home.state_path(kStem).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  require(write(file.get(), data, size) == static_cast<ssize_t>(size));
  auto page = StatePage::open(home, kStem);
  require(static_cast<bool>(page));
  page->read();
  for (std::uint32_t number = page->inbox().written; number > 0 && number % 64 != 0; --number)
    page->inbox().at(number);
  page->inbox().put(InboxEntry::exited, 0, 7);
  for (std::size_t length : {0u, 100u, 2000u, 20000u}) {
    const std::string content(length, 'x');
    require(static_cast<bool>(page->write(content)));
    require(page->read() == content);
  }
  auto again = StatePage::open(home, kStem);
  require(again && again->read() == std::string(20000, 'x'));
  return 0;
}
