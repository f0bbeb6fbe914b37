#include "keeper/core/leftovers.hpp"

#include <algorithm>

namespace keeper {
namespace {

using std::string;
using std::string_view;

constexpr Millis kGoesAtOnce{60'000};  ///< a program that goes into the background has done so by then
constexpr std::size_t kNamed = 3;      ///< processes that are named
constexpr int kWords = 3;              ///< of a command: an interpreter, its option, a script

struct Server {
  string_view name;
  string_view how;
};

constexpr Server kServers[] = {
    {"nginx", "with -g 'daemon off;'"},
    {"redis-server", "with --daemonize no"},
    {"valkey-server", "with --daemonize no"},
    {"httpd", "with -DFOREGROUND"},
    {"apache2", "with -DFOREGROUND"},
    {"postgres", "where it is run itself, and not by pg_ctl"},
    {"mysqld", "without --daemonize"},
    {"mariadbd", "without --daemonize"},
    {"mongod", "without --fork"},
    {"memcached", "without -d"},
    {"sshd", "with -D"},
    {"php-fpm", "with -F"},
    {"gunicorn", "without --daemon"},
    {"uwsgi", "without --daemonize"},
    {"celery", "as 'celery worker', without --detach"},
    {"unicorn", "without -D"},
    {"haproxy", "with -db"},
    {"lighttpd", "with -D"},
    {"varnishd", "with -F"},
    {"squid", "with --foreground"},
    {"dnsmasq", "with -k"},
    {"named", "with -f"},
    {"unbound", "with -d"},
    {"cron", "with -f"},
    {"crond", "with -f"},
    {"rsyslogd", "with -n"},
    {"supervisord", "with -n"},
};

/// Returns the name in a word: "/usr/sbin/php-fpm8.2:" is "php-fpm".
string_view name_in(string_view word) {
  word.remove_prefix(word.rfind('/') + 1);
  const auto last = word.find_last_not_of(":0123456789.");
  return last == string_view::npos ? string_view() : word.substr(0, last + 1);
}

const Server* server_called(string_view word) {
  const string_view name = name_in(word);
  auto it = std::find_if(std::begin(kServers), std::end(kServers), [&](const Server& one) {
    return one.name == name || word == one.name || name_in(one.name) == name;
  });
  return it == std::end(kServers) ? nullptr : &*it;
}

/// Returns the first few distinct names.
string names_of(const std::vector<string>& commands) {
  std::vector<string> named;
  for (const string& command : commands)
    if (std::find(named.begin(), named.end(), command) == named.end()) named.push_back(command);
  string out;
  for (std::size_t i = 0; i < std::min(kNamed, named.size()); ++i)
    out += (i == 0 ? "" : ", ") + named[i];
  return named.size() > kNamed ? out + ", ..." : out;
}

}  // namespace

string foreground_advice(string_view command) {
  for (int i = 0; i < kWords && !command.empty(); ++i) {
    const string_view word = command.substr(0, command.find(' '));
    if (const Server* server = server_called(word))
      return string(server->name) + " stays in the foreground " + string(server->how);
    command.remove_prefix(std::min(word.size() + 1, command.size()));
  }
  return {};
}

string left_behind_text(const std::vector<string>& commands, const ExitInfo& exit, Millis lived) {
  const bool one = commands.size() == 1;
  string out = "left " + std::to_string(commands.size()) + (one ? " process" : " processes") + " behind (" +
               names_of(commands) + "), which " + (one ? "was" : "were") + " ended";
  if (exit != ExitInfo::code(0) || lived >= kGoesAtOnce) return out;
  out += ": does it go into the background? ";
  for (const string& command : commands)
    if (string advice = foreground_advice(command); !advice.empty()) return out + advice;
  return out + "Programs that do mostly have an option that keeps them in the foreground";
}

}  // namespace keeper
