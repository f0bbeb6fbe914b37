#include "protocol/wire/status.hpp"

#include "protocol/wire/spec.hpp"

namespace keeper {

std::string label(const Status& status) {
  return file_stem(status.name, status.instance.value_or(0));
}

std::string failed_start_text(const Status& status) {
  if (status.spawn_error) return *status.spawn_error;
  if (!status.last_exit) return "it did not start";
  if (status.last_exit->cause != "ready timeout")
    return "it " + ended_text(status.last_exit->exit) + " after " +
           lived_text(Millis(status.last_exit->after_ms));
  if (status.not_ready) return "it was not ready in time: " + *status.not_ready;
  std::string missed;
  for (const std::string& condition : status.waiting_for)
    missed += (missed.empty() ? ": " : ", ") + condition;
  return "it was not ready in time" + missed + (missed.empty() ? "" : " was not shown");
}

}  // namespace keeper
