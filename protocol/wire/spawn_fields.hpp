// Types of the fields that say how a program is spawned: numbers with bounds, resource limits, descriptors.
// Each parses the text of its flag and prints it.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "protocol/base/units.hpp"
#include "protocol/base/words.hpp"

namespace keeper {

/// A whole number from Low to High.
template <int Low, int High>
struct Within {
  int value = Low;
  static Result<Within> parse(std::string_view text) {
    auto number = parse_number(text, Low, High);
    if (!number) return number.error();
    return Within{static_cast<int>(*number)};
  }
  bool operator==(const Within&) const = default;
};
using Niceness = Within<-20, 19>;         ///< setpriority(2)
using OomScoreAdj = Within<-1000, 1000>;  ///< proc(5), oom_score_adj
using PortNumber = Within<1, 65535>;

/// The permissions that a new file does not get (umask(2)): "022", octal from 0 to 0777.
struct FileMask {
  unsigned bits = 0;
  static Result<FileMask> parse(std::string_view text);
  std::string text() const;
  bool operator==(const FileMask&) const = default;
};

/// A resource of getrlimit(2): "nofile" for RLIMIT_NOFILE.
struct Resource {
  std::string_view name;
  int number;  ///< RLIMIT_...
  bool bytes;  ///< its limit takes units: 64M
};
std::span<const Resource> resources();

inline constexpr std::uint64_t kUnlimited = ~0ULL;  ///< RLIM_INFINITY

/// Soft and hard limit of one resource.
struct Limit {
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
  bool operator==(const Limit&) const = default;
};
using Limits = std::map<std::string, Limit, std::less<>>;  ///< by a name of resources()

/// Adds "core=unlimited,nofile=1024:65535": NAME=SOFT[:HARD], separated by commas; SOFT alone is both. After
/// an error `limits` may hold the first of them.
Done add_limits(Limits& limits, std::string_view text);
/// Returns "nofile=1024:65535", or "core=0" if both are the same.
std::string limit_text(std::string_view name, const Limit& limit);
/// Returns the part after "=" of it.
std::string limit_value_text(std::string_view name, const Limit& limit);

/// Descriptors that are passed on: "3,7"; from 3 on, because 0 to 2 are the program's input and output.
using Descriptors = std::set<int>;
Result<Descriptors> parse_descriptors(std::string_view text);
std::string descriptors_text(const Descriptors& descriptors);

/// The input of a program.
enum class Input {
  null,  ///< /dev/null
  pipe,  ///< a pipe that stays empty and has no end
};
template <>
inline constexpr std::array<WordOf<Input>, 2> kWordsOf<Input>{{{Input::null, "null"}, {Input::pipe, "pipe"}}};

/// The receivers of the stop signals: the main process, its process group, or its whole tree. At the end the
/// tree is empty in every mode except `process`.
enum class KillMode { process, group, tree, mixed };
template <>
inline constexpr std::array<WordOf<KillMode>, 4> kWordsOf<KillMode>{{{KillMode::process, "process"},
                                                                     {KillMode::group, "group"},
                                                                     {KillMode::tree, "tree"},
                                                                     {KillMode::mixed, "mixed"}}};

}  // namespace keeper
