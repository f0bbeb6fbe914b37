// ctl: what a user does with all that is kept: lists it, stops it, reads its logs. commands/ has a file for
// each.
#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>

#include "ctl/commands/all.hpp"
#include "ctl/ops/exit_code.hpp"

namespace {

constexpr int kFewest = 3;  // descriptors: with fewer a look at the home would find nothing that is there

/// Those that the caller has left open count as well.
bool has_descriptors() {
  int had[kFewest];
  int count = 0;
  while (count < kFewest && (had[count] = open("/", O_PATH | O_CLOEXEC)) >= 0)
    ++count;
  const bool enough = count == kFewest || errno != EMFILE;
  while (count > 0)
    close(had[--count]);
  if (enough) return true;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  std::fprintf(stderr,
               "ctl: cannot look at the home: %llu descriptors are too few; 'ulimit -n 64' allows more\n",
               static_cast<unsigned long long>(limit.rlim_cur));
  return false;
}

}  // namespace

int main(int argc, char** argv) try {
  mallopt(M_TOP_PAD, 1 << 20);  // a list of hundreds would ask for its memory in dozens of small steps
  // `ctl logs | head` ends by the error of a write, not by a signal.
  std::signal(SIGPIPE, SIG_IGN);
  // A file that may not grow (RLIMIT_FSIZE) is an error that can be told.
  std::signal(SIGXFSZ, SIG_IGN);
  // A caller that ignores this would have it that no exit status of a keeper is ever seen.
  std::signal(SIGCHLD, SIG_DFL);
  if (!has_descriptors()) return keeper::exit_code::failed;
  int code = keeper::run_ctl(keeper::all_commands(), {argv + (argc > 0 ? 1 : 0), argv + argc});
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  if (errno == EPIPE) return code;  // nobody wanted to read more
  std::perror("ctl: cannot write to stdout");
  return keeper::exit_code::failed;
} catch (const std::exception& error) {
  std::fprintf(stderr, "ctl: internal error: %s\n", error.what());
  return keeper::exit_code::failed;
}
