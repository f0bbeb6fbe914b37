// What a guard and its keeper say to each other, one message each over a socket pair that keeps their limits
// (unix(7), SOCK_SEQPACKET). The guard makes one for each keeper that it starts; when either ends, the other
// sees its end.
#pragma once
#include <cstdint>

namespace keeper {

struct GuardWord {
  static constexpr int kName = 20;  ///< bytes of a descriptor's name, with its NUL
  enum Kind : std::uint8_t {
    put = 'p',    ///< keeper: hold this descriptor (SCM_RIGHTS), by this name; answered with `kept`
    drop = 'd',   ///< keeper: let go of what has this name
    up = 'u',     ///< keeper: it goes on where the one before it was
    leave = 'l',  ///< keeper: all is done; when it has ended, the guard ends with this code
    renew = 'n',  ///< keeper: it ends now; the next one is to run the program file that the path names
    room = 'r',   ///< keeper: it has read its inbox
    kept = 'k',   ///< guard: it holds the descriptor, or does not: the code is a Kept
    news = 'i',   ///< guard: there is something in the inbox
  };
  enum Kept : std::int32_t {
    held = 0,
    full = 1,       ///< it holds as many as it can (an older guard: or none came)
    none_came = 2,  ///< its limit of open descriptors is reached (RLIMIT_NOFILE, getrlimit(2))
  };
  std::uint8_t kind;
  std::uint8_t spare[3];
  std::int32_t code;
  char name[kName];
};
constexpr int kGuardWordsMost =
    400;  ///< descriptors that a guard holds: 256 of a cluster, and all the others
constexpr int kGuardPathMost = 1024;  ///< bytes of the path of `renew`, behind the word, with its NUL

}  // namespace keeper
