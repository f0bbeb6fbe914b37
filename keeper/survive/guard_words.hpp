// The messages between a guard and its keeper, one word each over a socket pair that keeps their limits
// (unix(7), SOCK_SEQPACKET). The guard makes one pair for each keeper that it starts; when either ends, the
// other sees the end of the connection.
#pragma once
#include <cstdint>

namespace keeper {

struct GuardWord {
  static constexpr int kName = 20;  ///< bytes of a descriptor's name, with its NUL
  enum Kind : std::uint8_t {
    put = 'p',    ///< keeper: hold this descriptor (SCM_RIGHTS), under this name; `kept` is the reply
    drop = 'd',   ///< keeper: close the descriptor of this name
    up = 'u',     ///< keeper: it has taken over from its predecessor
    leave = 'l',  ///< keeper: all is done; when it has ended, the guard ends with this code
    renew = 'n',  ///< keeper: it ends now; the next one runs the program file of the path
    room = 'r',   ///< keeper: it has read its inbox
    kept = 'k',   ///< guard: whether it holds the descriptor; the code is a Kept
    news = 'i',   ///< guard: the inbox has entries
  };
  enum Kept : std::int32_t {
    held = 0,
    full = 1,       ///< it holds its maximum (an older guard: or none came)
    none_came = 2,  ///< its limit of open descriptors is reached (RLIMIT_NOFILE, getrlimit(2))
  };
  std::uint8_t kind;
  std::uint8_t spare[3];
  std::int32_t code;
  char name[kName];
};
constexpr int kGuardWordsMost = 400;  ///< descriptors that a guard holds: 256 of a cluster, and all others
constexpr int kGuardPathMost = 1024;  ///< bytes of the path of `renew`, after the word, with its NUL

}  // namespace keeper
