// A request that names a run is about that run and no later one.
#pragma once
#include <string>

#include "keeper/control/service.hpp"
#include "keeper/core/life.hpp"

namespace keeper {

/// Whether the run of a request is over; then that is answered.
template <class M>
bool is_stale_request(const M& request, RunId current, const std::string& doing, const Answer& answer) {
  if (!request.run || *request.run == current) return false;
  answer.fail(
      {Reason::changed, doing,
       "run " + std::to_string(*request.run) + " is over; the current one is " + std::to_string(current), 0});
  return true;
}

}  // namespace keeper
