#include "protocol/base/current_directory.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>

namespace keeper {

Result<std::string> current_directory() {
  std::unique_ptr<char, void (*)(void*)> name(get_current_dir_name(), std::free);
  if (name) return std::string(name.get());
  const int error = errno;
  if (error != ENOENT) return Error{Reason::failed, "find the current directory", {}, error};
  const char* known = std::getenv("PWD");
  struct stat st {};
  const bool again = known != nullptr && *known == '/' && stat(known, &st) == 0 && S_ISDIR(st.st_mode);
  return Error{Reason::not_found, "use the current directory",
               again ? "it was removed; 'cd " + std::string(known) + "' enters the one that has its name now"
                     : "it was removed; 'cd' into another one first",
               0};
}

}  // namespace keeper
