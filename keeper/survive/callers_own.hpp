// The properties that a program has from the caller of its keeper: the mask of new files, the priority and
// the limits. They are one word of a role, so that a program between two roles (a wrapper script) does not
// change them:
//
//   UMASK,PRIORITY,SOFT:HARD,SOFT:HARD,...   (of RLIMIT_CPU and the next ones; "-" is no limit)
//
// Each role sets them at its start, and its program inherits them. A header only, with internal linkage: the
// guard has no library, and makes its own system calls.
#pragma once
#include <sys/resource.h>
#include <sys/syscall.h>

#include <cstdint>

#include "keeper/survive/bare_calls.hpp"

namespace keeper {

struct CallersLimit {
  std::uint64_t soft;
  std::uint64_t hard;
};

/// Reads a number or "-", and the character after it. Returns the rest.
static inline const char* read_limit(const char* at, std::uint64_t& out) {
  out = *at == '-' ? ~0ull : 0;
  if (*at == '-') ++at;
  for (; *at >= '0' && *at <= '9'; ++at)
    out = out * 10 + static_cast<unsigned>(*at - '0');
  return *at == ',' || *at == ':' ? at + 1 : at;
}

/// Sets it as far as this process's hard limit permits.
static inline void set_limit(int resource, CallersLimit wanted) {
  if (bare::call(SYS_prlimit64, 0, resource, bare::address(&wanted)) == 0) return;
  CallersLimit now{};
  if (bare::call(SYS_prlimit64, 0, resource, 0, bare::address(&now)) < 0) return;
  if (wanted.hard > now.hard) wanted.hard = now.hard;
  if (wanted.soft > wanted.hard) wanted.soft = wanted.hard;
  bare::call(SYS_prlimit64, 0, resource, bare::address(&wanted));
}

/// Sets the properties in the word, as far as permitted.
static inline void take_callers_own(const char* word) {
  std::uint64_t mask = 0, priority = 0;
  word = read_limit(word, mask);
  word = read_limit(word, priority);
  bare::call(SYS_umask, static_cast<long>(mask));
  bare::call(SYS_setpriority, PRIO_PROCESS, 0, 20 - static_cast<long>(priority));  // as getpriority(2) has it
  for (int resource = 0; resource < RLIM_NLIMITS && *word != 0 && *word != ' '; ++resource) {
    CallersLimit limit{};
    word = read_limit(word, limit.soft);
    word = read_limit(word, limit.hard);
    set_limit(resource, limit);
  }
}

}  // namespace keeper
