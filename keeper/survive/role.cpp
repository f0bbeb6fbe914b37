#include "keeper/survive/role.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include "keeper/survive/callers_own.hpp"

namespace keeper {
namespace {

constexpr const char* kVariable = "KEEPER_ROLE";

struct Named {
  const char* name;
  int RoleTable::*member;
};
constexpr std::array kDescriptors = {Named{"lock", &RoleTable::lock}, Named{"socket", &RoleTable::socket},
                                     Named{"report", &RoleTable::report}};
constexpr const char* kInherited = "in";

void keep_on_exec(int fd, bool keep) {
  if (fd >= 0) fcntl(fd, F_SETFD, keep ? 0 : FD_CLOEXEC);
}

/// Returns all descriptors of the role, by name.
std::vector<HeldFd> all_of(const RoleTable& table) {
  std::vector<HeldFd> out;
  for (const Named& d : kDescriptors)
    if (table.*d.member >= 0) out.push_back({d.name, table.*d.member});
  for (int fd : table.inherit)
    out.push_back({kInherited, fd});
  out.insert(out.end(), table.held.begin(), table.held.end());
  return out;
}

void keep_all_on_exec(const RoleTable& table, bool keep) {
  for (const HeldFd& one : all_of(table))
    keep_on_exec(one.fd, keep);
}

int number_in(std::string_view digits, int otherwise) {
  std::from_chars(digits.data(), digits.data() + digits.size(), otherwise);
  return otherwise;
}

void read_descriptors(std::string_view text, RoleTable& out) {
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    const auto colon = one.find(':');
    if (colon == std::string_view::npos) return;
    const std::string name(one.substr(0, colon));
    const int fd = number_in(one.substr(colon + 1), -1);
    auto known =
        std::find_if(kDescriptors.begin(), kDescriptors.end(), [&](auto& d) { return d.name == name; });
    if (known != kDescriptors.end())
      out.*known->member = fd;
    else if (name == kInherited)
      out.inherit.push_back(fd);
    else
      out.held.push_back({name, fd});
  }
}

/// The path comes last: it may contain any characters.
std::string to_text(Role role, const RoleTable& t) {
  std::string fds;
  for (const HeldFd& one : all_of(t))
    fds += (fds.empty() ? "" : ",") + one.name + ":" + std::to_string(one.fd);
  std::string out = std::string(role == Role::guard ? "guard" : "keeper") + " fds=" + fds;
  if (t.next) out += " next=1";
  return out + ";foreground=" + (t.foreground ? "1" : "0") + " fresh=" + (t.fresh ? "1" : "0") +
         " replace=" + (t.replace ? "1" : "0") +
         (t.oom_score_adj ? " oom=" + std::to_string(*t.oom_score_adj) : "") +
         (t.caller.empty() ? "" : " caller=" + t.caller) +
         (t.to_stop.empty() ? "" : " to_stop=" + t.to_stop) + " stem=" + t.stem + " home=" + t.home;
}

RoleTable from_text(std::string_view text) {
  RoleTable out;
  const auto middle = text.find(';');
  if (middle == std::string_view::npos) return out;
  const std::string_view changing = text.substr(0, middle), lasting = text.substr(middle + 1);
  auto word = [](std::string_view part, const std::string& key) {
    auto at = part.find(key + "=");
    if (at == std::string_view::npos) return std::string_view();
    std::string_view rest = part.substr(at + key.size() + 1);
    return key == "home" ? rest : rest.substr(0, rest.find(' '));
  };
  read_descriptors(word(changing, "fds"), out);
  out.guard = number_in(word(changing, " guard"), -1);
  out.next = word(changing, " next") == "1";
  out.trial = word(changing, " trial") == "1";
  out.died = number_in(word(changing, " died"), 0);
  out.failed = word(changing, " failed");
  out.foreground = word(lasting, "foreground") == "1";
  out.fresh = word(lasting, " fresh") == "1";
  out.replace = word(lasting, " replace") == "1";
  if (auto oom = word(lasting, " oom"); !oom.empty()) out.oom_score_adj = number_in(oom, 0);
  const std::string_view before_stem = lasting.substr(0, lasting.find(" stem="));
  out.caller = word(before_stem, " caller");
  out.to_stop = word(before_stem, " to_stop");
  out.stem = word(lasting, " stem");
  out.home = word(lasting, "home");
  return out;
}

/// Any process may have set a variable of that name.
bool is_ours(const RoleTable& t) {
  return !t.home.empty() && !t.stem.empty() && fcntl(t.lock, F_GETFD) >= 0 && fcntl(t.socket, F_GETFD) >= 0;
}

std::string limit_text(rlim_t limit) {
  return limit == RLIM_INFINITY ? "-" : std::to_string(limit);
}

}  // namespace

std::string callers_own() {
  const mode_t mask = umask(0);
  umask(mask);
  std::string out = std::to_string(mask) + "," + std::to_string(20 - getpriority(PRIO_PROCESS, 0));
  for (int resource = 0; resource < RLIM_NLIMITS; ++resource) {
    rlimit limit{};
    getrlimit(static_cast<__rlimit_resource_t>(resource), &limit);
    out += "," + limit_text(limit.rlim_cur) + ":" + limit_text(limit.rlim_max);
  }
  return out;
}

Fd take_held(std::vector<HeldFd>& held, const std::string& name) {
  auto one = std::find_if(held.begin(), held.end(), [&](auto& h) { return h.name == name; });
  if (one == held.end()) return {};
  Fd out(one->fd);
  held.erase(one);
  return out;
}

std::optional<RoleTable> take_role() {
  const char* text = std::getenv(kVariable);
  if (text == nullptr) return std::nullopt;
  RoleTable table = from_text(text);
  unsetenv(kVariable);
  if (!is_ours(table)) return std::nullopt;
  close_strays_on_exec();
  return table;
}

void own_process(RoleTable& table) {
  if (table.caller.empty()) table.caller = callers_own();  // of an earlier guard that did not know it
  take_callers_own(table.caller.c_str());
  prctl(PR_SET_NAME, "keeper");  // the exec named it "exe"
  prctl(PR_SET_PDEATHSIG, 0);
}

Error enter_role(Role role, const RoleTable& table, const std::vector<std::string>& environment, int image) {
  const std::string variable = std::string(kVariable) + "=" + to_text(role, table);
  const std::string process_name = (role == Role::guard ? "keeper: guard " : "keeper: ") + table.stem;
  std::vector<const char*> envp;
  for (const std::string& v : environment)
    envp.push_back(v.c_str());
  envp.push_back(variable.c_str());
  envp.push_back(nullptr);
  std::array<const char*, 2> argv = {process_name.c_str(), nullptr};
  keep_all_on_exec(table, true);
  // The guard, which has no library, finds all signals unchanged (own_all_signals).
  const std::string path = image < 0 ? "/proc/self/exe" : "/proc/self/fd/" + std::to_string(image);
  execve(path.c_str(), const_cast<char* const*>(argv.data()), const_cast<char* const*>(envp.data()));
  Error error = system_error("start the keeper", "exec " + path);
  keep_all_on_exec(table, false);
  return error;
}

std::vector<int> not_open(const std::vector<int>& descriptors) {
  std::vector<int> out;
  for (int fd : descriptors)
    if (fcntl(fd, F_GETFD) < 0) out.push_back(fd);
  return out;
}

void close_strays_on_exec() {
  constexpr unsigned set_cloexec = 1u << 2;  // CLOSE_RANGE_CLOEXEC, Linux 5.11
  if (close_range(3, ~0u, static_cast<int>(set_cloexec)) == 0) return;
  long most = sysconf(_SC_OPEN_MAX);
  for (int fd = 3; fd < most && fd < 65536; ++fd)
    keep_on_exec(fd, false);
}

}  // namespace keeper
