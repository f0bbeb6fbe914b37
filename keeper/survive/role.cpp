#include "keeper/survive/role.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <string_view>

namespace keeper {
namespace {

constexpr const char* kVariable = "KEEPER_ROLE";

struct Number {
  const char* key;
  int RoleTable::*member;
};
constexpr std::array kDescriptors = {Number{"lock", &RoleTable::lock}, Number{"socket", &RoleTable::socket},
                                     Number{"report", &RoleTable::report}};

void keep_on_exec(int fd, bool keep) {
  if (fd >= 0) fcntl(fd, F_SETFD, keep ? 0 : FD_CLOEXEC);
}

void keep_all_on_exec(const RoleTable& table, bool keep) {
  for (const Number& d : kDescriptors)
    keep_on_exec(table.*d.member, keep);
  for (int fd : table.inherit)
    keep_on_exec(fd, keep);
}

std::string list_text(const std::vector<int>& numbers) {
  std::string out;
  for (int n : numbers)
    out += (out.empty() ? "" : ",") + std::to_string(n);
  return out;
}

std::vector<int> read_list(std::string_view text) {
  std::vector<int> out;
  while (!text.empty()) {
    int number = -1;
    auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) break;
    out.push_back(number);
    text.remove_prefix(std::min(text.size(), static_cast<std::size_t>(at - text.data()) + 1));
  }
  return out;
}

/// "lock=5 socket=6 ... home=/path with spaces": the path comes last.
std::string to_text(const RoleTable& t) {
  std::string out;
  for (const Number& d : kDescriptors)
    out += std::string(d.key) + "=" + std::to_string(t.*d.member) + " ";
  out += std::string("foreground=") + (t.foreground ? "1" : "0") + " fresh=" + (t.fresh ? "1" : "0") +
         " replace=" + (t.replace ? "1" : "0") + " inherit=" + list_text(t.inherit) + " stem=" + t.stem;
  return out + " home=" + t.home;
}

RoleTable from_text(std::string_view text) {
  RoleTable out;
  auto word = [&](std::string_view key) {
    auto at = text.find(std::string(key) + "=");
    if (at == std::string_view::npos) return std::string_view();
    std::string_view rest = text.substr(at + key.size() + 1);
    return key == "home" ? rest : rest.substr(0, rest.find(' '));
  };
  for (const Number& d : kDescriptors) {
    std::string_view digits = word(d.key);
    std::from_chars(digits.data(), digits.data() + digits.size(), out.*d.member);
  }
  out.foreground = word("foreground") == "1";
  out.fresh = word("fresh") == "1";
  out.replace = word("replace") == "1";
  out.inherit = read_list(word("inherit"));
  out.stem = word("stem");
  out.home = word("home");
  return out;
}

/// Anybody may have set a variable of that name.
bool is_ours(const RoleTable& t) {
  return !t.home.empty() && !t.stem.empty() && fcntl(t.lock, F_GETFD) >= 0 && fcntl(t.socket, F_GETFD) >= 0;
}

}  // namespace

std::optional<RoleTable> take_role() {
  const char* text = std::getenv(kVariable);
  if (text == nullptr) return std::nullopt;
  RoleTable table = from_text(text);
  unsetenv(kVariable);
  if (!is_ours(table)) return std::nullopt;
  keep_all_on_exec(table, false);
  prctl(PR_SET_NAME, "keeper");  // the exec named it "exe"
  return table;
}

Error enter_role(const RoleTable& table, const std::string& process_name,
                 const std::vector<std::string>& environment) {
  std::string variable = std::string(kVariable) + "=" + to_text(table);
  std::vector<const char*> envp;
  for (const std::string& v : environment)
    envp.push_back(v.c_str());
  envp.push_back(variable.c_str());
  envp.push_back(nullptr);
  std::array<const char*, 2> argv = {process_name.c_str(), nullptr};
  keep_all_on_exec(table, true);
  execve("/proc/self/exe", const_cast<char* const*>(argv.data()), const_cast<char* const*>(envp.data()));
  Error error = system_error("start the keeper", "exec /proc/self/exe");
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
