#include "protocol/store/run_signs.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "protocol/base/proc.hpp"
#include "protocol/store/home.hpp"

namespace keeper {

bool still_runs(const Status& record) {
  return record.pid && record.pid_start && record.boot_id == boot_id() &&
         process_start(*record.pid) == record.pid_start;
}

void keep_the_living(std::vector<int>& pids, const Status& record, const std::string& boot) {
  std::erase_if(pids, [&](int pid) {
    auto began = record.boot_id == boot ? began_ms(pid) : std::nullopt;
    return !began ||
           (record.stopped_at && began_after(*began, record.stopped_at->time_since_epoch().count()));
  });
}

bool wrote_record(const Home& home, const std::string& stem, const Status& record, int pid) {
  struct stat st {};
  if (record.boot_id != boot_id() || stat(home.status_path(stem).c_str(), &st) != 0) return false;
  auto began = began_ms(pid);
  return began && !began_after(*began, st.st_mtim.tv_sec * 1000LL + st.st_mtim.tv_nsec / 1'000'000);
}

std::vector<std::string> run_marks(const std::string& name, int keeper) {
  return {"KEEPER_NAME=" + name, "KEEPER_PID=" + std::to_string(keeper)};
}

namespace {

bool has_marks(int pid, const std::vector<std::string>& marks) {
  if (marks.empty()) return false;
  const std::string environment = environment_of(pid);
  return std::all_of(marks.begin(), marks.end(),
                     [&](const std::string& mark) { return has_variable(environment, mark); });
}

}  // namespace

bool belongs_to_run(int pid, const RunSigns& run) {
  const bool in_session = run.session > 0 && getsid(pid) == run.session;
  if (in_session && run.led) return true;
  if (!in_session && !has_marks(pid, run.marks)) return false;
  const auto user = user_of(pid);
  return user && (*user == 0 || *user == geteuid() || user == run.user);
}

}  // namespace keeper
