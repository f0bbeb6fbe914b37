#include "protocol/wire/status.hpp"

#include "protocol/wire/spec.hpp"

namespace keeper {

std::string label(const Status& status) {
  return file_stem(status.name, status.instance.value_or(0));
}

std::string killed_text(const std::vector<KilledProcess>& killed, const std::string& said) {
  constexpr std::size_t most = 8;
  std::string out;
  for (std::size_t i = 0; i < killed.size() && i < most; ++i) {
    const KilledProcess& one = killed[i];
    const bool last = i + 1 == killed.size() || i + 1 == most || killed[i + 1].reason != one.reason;
    out += (out.empty() ? "killed pid " : ", pid ") + std::to_string(one.pid);
    if (!one.command.empty()) out += " (" + one.command + ")";
    if (last && i + 1 == most && killed.size() > most)
      out += " and " + std::to_string(killed.size() - most) + " more";
    if (last && one.reason != said) out += ": " + one.reason;
  }
  return out;
}

std::string failed_start_text(const Status& status) {
  if (!status.survivors.empty() && status.reason) return "its last run cannot be ended: " + *status.reason;
  if (status.spawn_error) return *status.spawn_error;
  if (!status.last_exit) return "it did not start";
  if (status.last_exit->cause != "ready timeout")
    return "it " + ended_text(status.last_exit->exit) + " after " +
           lived_text(Millis(status.last_exit->after_ms)) +
           (status.last_exit->left_behind ? " and " + *status.last_exit->left_behind : "");
  if (status.not_ready) return "it was not ready in time: " + *status.not_ready;
  std::string missed;
  for (const std::string& condition : status.waiting_for)
    missed += (missed.empty() ? ": " : ", ") + condition;
  return "it was not ready in time" + missed + (missed.empty() ? "" : " was not shown");
}

}  // namespace keeper
