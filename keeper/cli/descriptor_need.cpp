#include "keeper/cli/descriptor_need.hpp"

#include <sys/resource.h>

#include "keeper/app/print_error.hpp"

namespace keeper {
namespace {

// Counted; FewDescriptors.AreRefusedIfTheyAreNotEnough finds out where they do not do any more.
constexpr std::size_t kAlways = 28;
constexpr std::size_t kErrorLog = 8;  // two pipes, what reads them, a file and its index
constexpr std::size_t kChannel = 3;
constexpr std::size_t kReady = 4;
constexpr std::size_t kInput = 2;

std::size_t needed_for(const Spec& spec, bool by_node) {
  std::size_t out = kAlways + spec.listen.size() + spec.inherit_fds.size();
  if (!spec.error_log.empty()) out += kErrorLog;
  if (by_node && spec.ipc) out += kChannel;
  if (!spec.ready.events().empty() || spec.watchdog) out += kReady;
  if (spec.input == Input::pipe) out += kInput;
  if (spec.log_syslog) ++out;
  if (spec.restart_on_change) ++out;
  return out;
}

}  // namespace

std::optional<int> check_descriptor_limit(const Spec& spec, bool by_node) {
  rlimit limit{};
  const std::size_t needed = needed_for(spec, by_node);
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) return std::nullopt;
  return complain("cannot start: a keeper may have " + std::to_string(limit.rlim_cur) +
                  " open files here, and needs " + std::to_string(needed) +
                  "; raise 'ulimit -n' to at least " + std::to_string(needed));
}

}  // namespace keeper
