#include "protocol/wire/spec.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "protocol/base/utf8.hpp"
#include "protocol/json/reader.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;

// The conversions that make a type a field: text to value, value to text, and JSON if it is not that text.

template <class T>
struct Value;

template <class T>
concept TextValue = requires(const T& v, string_view t) {
  { Value<T>::parse(t) } -> std::same_as<Result<T>>;
  { Value<T>::text(v) } -> std::same_as<string>;
};

template <>
struct Value<string> {
  static Result<string> parse(string_view t) { return string(t); }
  static string text(const string& v) { return v; }
};
template <>
struct Value<Millis> {
  static Result<Millis> parse(string_view t) { return parse_duration(t); }
  static string text(Millis v) { return duration_text(v); }
};
template <>
struct Value<std::uint64_t> {
  static Result<std::uint64_t> parse(string_view t) { return parse_size(t); }
  static string text(std::uint64_t v) { return size_text(v); }
};
template <>
struct Value<int> {
  static Result<int> parse(string_view t) {
    auto n = parse_number(t, 0, 1'000'000'000);
    if (!n) return n.error();
    return static_cast<int>(*n);
  }
  static string text(int v) { return std::to_string(v); }
};
template <>
struct Value<bool> {
  static Result<bool> parse(string_view t) {
    if (t.empty() || t == "true" || t == "yes" || t == "on" || t == "1") return true;
    if (t == "false" || t == "no" || t == "off" || t == "0") return false;
    return invalid("'" + string(t) + "' is not true or false");
  }
  static string text(bool v) { return v ? "true" : "false"; }
};
template <>
struct Value<Restart> {
  static Result<Restart> parse(string_view t) {
    if (auto v = value_for<Restart>(t)) return *v;
    return invalid("'" + string(t) + "' is not always, on-failure or never");
  }
  static string text(Restart v) { return string(word_for(v)); }
};
template <>
struct Value<LogFormat> {
  static Result<LogFormat> parse(string_view t) {
    if (auto v = value_for<LogFormat>(t)) return *v;
    return invalid("'" + string(t) + "' is not raw, time or json");
  }
  static string text(LogFormat v) { return string(word_for(v)); }
};
template <>
struct Value<ListenMode> {
  static Result<ListenMode> parse(string_view t) {
    if (auto v = value_for<ListenMode>(t)) return *v;
    return invalid("'" + string(t) + "' is not shared or reuseport");
  }
  static string text(ListenMode v) { return string(word_for(v)); }
};
template <>
struct Value<LogFull> {
  static Result<LogFull> parse(string_view t) {
    if (auto v = value_for<LogFull>(t)) return *v;
    return invalid("'" + string(t) + "' is not drop or block");
  }
  static string text(LogFull v) { return string(word_for(v)); }
};
template <class T>
requires requires(const T& v, string_view t) {
  { T::parse(t) } -> std::same_as<Result<T>>;
  { v.text() } -> std::convertible_to<string>;
}
struct Value<T> {
  static Result<T> parse(string_view t) { return T::parse(t); }
  static string text(const T& v) { return v.text(); }
};
template <>
struct Value<std::vector<int>> {  // signals are the only lists of numbers here
  static Result<std::vector<int>> parse(string_view t) { return parse_signals(t); }
  static string text(const std::vector<int>& v) {
    string out;
    for (int s : v)
      out += (out.empty() ? "" : ",") + signal_name(s).substr(3);
    return out;
  }
};

template <>
struct Value<Input> {
  static Result<Input> parse(string_view t) {
    if (auto v = value_for<Input>(t)) return *v;
    return invalid("'" + string(t) + "' is not null or pipe");
  }
  static string text(Input v) { return string(word_for(v)); }
};
template <int Low, int High>
struct Value<Within<Low, High>> {
  static Result<Within<Low, High>> parse(string_view t) { return Within<Low, High>::parse(t); }
  static string text(Within<Low, High> v) { return std::to_string(v.value); }
};
template <>
struct Value<Descriptors> {
  static Result<Descriptors> parse(string_view t) { return parse_descriptors(t); }
  static string text(const Descriptors& v) { return descriptors_text(v); }
};
template <>
struct Value<KillMode> {
  static Result<KillMode> parse(string_view t) {
    if (auto v = value_for<KillMode>(t)) return *v;
    return invalid("'" + string(t) + "' is not process, group, tree or mixed");
  }
  static string text(KillMode v) { return string(word_for(v)); }
};

template <class T>
struct IsWithin : std::false_type {};
template <int Low, int High>
struct IsWithin<Within<Low, High>> : std::true_type {};

template <class T>
struct Optional : std::false_type {};
template <class T>
struct Optional<std::optional<T>> : std::true_type {
  using Of = T;
};

/// Reads a text, also one that is not UTF-8. Refuses NUL: a program would get the part before it.
Result<string> any_text(const Json& json) {
  string out;
  if (!read_bytes(json, out)) return invalid("a text is wanted here");
  if (out.find('\0') != string::npos) return invalid("a text without NUL is wanted here");
  return out;
}

/// A number in JSON means what it means as a flag: seconds, bytes or a count.
Result<string> scalar_text(const Json& json) {
  if (json.is_string() || json.is_object()) return any_text(json);
  if (json.is_boolean()) return string(json.get<bool>() ? "true" : "false");
  if (json.is_number()) return json.dump();
  return invalid("a text, a number or true/false is wanted here");
}

template <class T>
constexpr bool kMany = std::is_same_v<T, std::vector<string>> ||
                       std::is_same_v<T, std::map<string, string>> || std::is_same_v<T, Readiness> ||
                       std::is_same_v<T, Limits> || std::is_same_v<T, std::vector<ListenAddress>>;

/// A descriptor store has room for as many, beside all else.
constexpr std::size_t kMostAddresses = 32;

Done add_address(std::vector<ListenAddress>& member, string_view text) {
  auto address = ListenAddress::parse(text);
  if (!address) return address.error();
  for (const ListenAddress& other : member)
    if (other.place() == address->place()) return invalid(address->place() + " is given twice");
  if (member.size() == kMostAddresses)
    return invalid("there are more than " + std::to_string(kMostAddresses) + " addresses");
  member.push_back(std::move(*address));
  return {};
}

template <class T>
Done set_text(T& member, string_view text) {
  if constexpr (Optional<T>::value) {
    auto value = Value<typename Optional<T>::Of>::parse(text);
    if (!value) return value.error();
    member = std::move(*value);
  } else if constexpr (std::is_same_v<T, std::vector<string>>) {
    member.emplace_back(text);
  } else if constexpr (std::is_same_v<T, Readiness>) {
    return member.add(text);
  } else if constexpr (std::is_same_v<T, std::map<string, string>>) {
    return add_variable(member, text);
  } else if constexpr (std::is_same_v<T, Limits>) {
    return add_limits(member, text);
  } else if constexpr (std::is_same_v<T, std::vector<ListenAddress>>) {
    return add_address(member, text);
  } else {
    auto value = Value<T>::parse(text);
    if (!value) return value.error();
    member = std::move(*value);
  }
  return {};
}

/// Reads one text, or a list of them.
Done read_addresses(std::vector<ListenAddress>& member, const Json& json) {
  std::vector<ListenAddress> out;
  for (const Json& item : json.is_array() ? json : Json::array({json})) {
    auto text = any_text(item);
    if (!text) return invalid("a text (without NUL) or a list of texts is wanted here");
    if (Done done = add_address(out, *text); !done) return done;
  }
  member = std::move(out);
  return {};
}

/// {"nofile": "1024:65535", "core": 0}, or one text as of the flag.
Done read_limits(Limits& member, const Json& json) {
  Limits out;
  if (!json.is_object()) {
    auto text = scalar_text(json);
    if (!text) return text.error();
    if (Done done = add_limits(out, *text); !done) return done;
  } else {
    for (const auto& [name, item] : json.items()) {
      auto text = scalar_text(item);
      if (!text) return text.error();
      if (Done done = add_limits(out, name + "=" + *text); !done) return done;
    }
  }
  member = std::move(out);
  return {};
}

/// Reads one text, or a list of them.
Done read_readiness(Readiness& member, const Json& json) {
  if (json.is_array() && json.empty()) return invalid("a list with at least one condition is wanted here");
  Readiness out;
  for (const Json& item : json.is_array() ? json : Json::array({json})) {
    auto text = any_text(item);
    if (!text) return invalid("a text (without NUL) or a list of texts is wanted here");
    if (Done done = out.add(*text); !done) return done;
  }
  member = std::move(out);
  return {};
}

/// [3, 7], "3,7" or 3.
Result<string> descriptors_json(const Json& json) {
  if (!json.is_array()) return scalar_text(json);
  string out;
  for (const Json& item : json) {
    if (!item.is_number_integer()) return invalid("a list of numbers is wanted here");
    out += (out.empty() ? "" : ",") + item.dump();
  }
  return out;
}

template <class T>
Done read_json(T& member, const Json& json) {
  if constexpr (Optional<T>::value) {
    if (json.is_null()) {
      member.reset();
      return {};
    }
  }
  if constexpr (std::is_same_v<T, Readiness>) {
    return read_readiness(member, json);
  } else if constexpr (std::is_same_v<T, std::vector<string>>) {
    if (!json.is_array() && !json.is_string()) return invalid("a list of texts is wanted here");
    T out;
    for (const Json& item : json.is_array() ? json : Json::array({json})) {
      auto text = any_text(item);
      if (!text) return invalid("a list of texts (without NUL) is wanted here");
      out.push_back(std::move(*text));
    }
    member = std::move(out);
  } else if constexpr (std::is_same_v<T, std::map<string, string>>) {
    if (!json.is_object()) return invalid("an object of texts is wanted here");
    T out;
    for (const auto& [key, item] : json.items()) {
      auto text = scalar_text(item);
      if (!text) return text.error();
      if (key.empty() || key.find('=') != string::npos)
        return invalid("'" + key.substr(0, key.find('=')) + "' is not the name of a variable");
      out[key] = std::move(*text);
    }
    member = std::move(out);
  } else if constexpr (std::is_same_v<T, Limits>) {
    return read_limits(member, json);
  } else if constexpr (std::is_same_v<T, std::vector<ListenAddress>>) {
    return read_addresses(member, json);
  } else {
    if constexpr (std::is_same_v<T, Descriptors>) {
      if (json.is_array() && json.empty()) {
        member.clear();
        return {};
      }
    }
    auto text = std::is_same_v<T, Descriptors> ? descriptors_json(json) : scalar_text(json);
    if (!text) return text.error();
    return set_text(member, *text);
  }
  return {};
}

template <class T>
string show(const T& member) {
  if constexpr (Optional<T>::value) {
    return member ? show(*member) : "none";
  } else if constexpr (std::is_same_v<T, Readiness>) {
    return show(member.texts());
  } else if constexpr (std::is_same_v<T, std::vector<string>>) {
    string out;
    for (const string& item : member)
      out += (out.empty() ? "" : " ") + item;
    return out;
  } else if constexpr (std::is_same_v<T, std::map<string, string>>) {
    string out;
    for (const auto& [key, value] : member)
      out += (out.empty() ? "" : " ") + key + "=" + value;
    return out;
  } else if constexpr (std::is_same_v<T, Limits>) {
    string out;
    for (const auto& [name, limit] : member)
      out += (out.empty() ? "" : ",") + limit_text(name, limit);
    return out;
  } else if constexpr (std::is_same_v<T, std::vector<ListenAddress>>) {
    string out;
    for (const ListenAddress& address : member)
      out += (out.empty() ? "" : " ") + address.text();
    return out;
  } else {
    return Value<T>::text(member);
  }
}

template <class T>
void write_json(const T& member, Json& into) {
  if constexpr (Optional<T>::value) {
    if (member) write_json(*member, into);
  } else if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, int>) {
    into = member;
  } else if constexpr (IsWithin<T>::value) {
    into = member.value;
  } else if constexpr (std::is_same_v<T, Descriptors>) {
    into = Json(member);
  } else if constexpr (std::is_same_v<T, Limits>) {
    into = Json::object();
    for (const auto& [name, limit] : member)
      into[name] = limit_value_text(name, limit);
  } else if constexpr (std::is_same_v<T, std::vector<ListenAddress>>) {
    into = Json::array();
    for (const ListenAddress& address : member)
      into.push_back(carry_bytes(address.text()));
  } else if constexpr (std::is_same_v<T, Readiness>) {
    write_json(member.texts(), into);
    if (into.size() == 1) into = Json(into.front());
  } else if constexpr (std::is_same_v<T, std::vector<string>>) {
    into = Json::array();
    for (const string& item : member)
      into.push_back(carry_bytes(item));
  } else if constexpr (std::is_same_v<T, std::map<string, string>>) {
    into = Json::object();
    for (const auto& [key, value] : member)
      into[key] = carry_bytes(value);
  } else {
    into = carry_bytes(Value<T>::text(member));
  }
}

/// Checks a duration of which zero would make every run fail.
Done above_zero(std::optional<Millis> value) {
  if (!value || value->count() > 0) return {};
  return invalid("'0' is not a duration above 0 (10s, 100ms, 2m)");
}

/// Checks a text that is usually empty because of an unset variable of the shell.
Done not_empty(const string& value) {
  if (!value.empty()) return {};
  return invalid("it is empty; leave it out, or say which");
}

Done none_empty(const std::vector<string>& values) {
  for (const string& value : values)
    if (Done done = not_empty(value); !done) return done;
  return {};
}

/// Checks a message that is sent with one write and is part of a command line.
Done check_stop_message(const string& value) {
  if (Done done = not_empty(value); !done) return done;
  if (value.size() > 4096) return invalid("it has more than 4096 bytes");
  if (!is_utf8(value)) return invalid("it is no UTF-8");
  return {};
}

/// Also checks the value that was read into `member`, if reading succeeded.
template <auto Check>
Done checked(Done done, const auto& member) {
  if constexpr (!std::is_null_pointer_v<decltype(Check)>)
    if (done) return Check(member);
  return done;
}

template <auto Member, auto Check = nullptr>
constexpr Field field(string_view name, char short_flag, string_view value, string_view help,
                      string_view flag = {}) {
  using T = std::remove_cvref_t<decltype(std::declval<Spec&>().*Member)>;
  return Field{
      name,
      short_flag,
      value,
      help,
      flag,
      kMany<T>,
      [](Spec& s, string_view text) { return checked<Check>(set_text(s.*Member, text), s.*Member); },
      [](Spec& s, const Json& json) { return checked<Check>(read_json(s.*Member, json), s.*Member); },
      [](const Spec& s, Json& into) { write_json(s.*Member, into); },
      [](const Spec& s) { return show(s.*Member); },
      [](const Spec& a, const Spec& b) { return a.*Member == b.*Member; },
      [](const Spec& from, Spec& into) { into.*Member = from.*Member; }};
}

constexpr Field kFields[] = {
    field<&Spec::name, not_empty>(
        "name", 'n', "NAME", "what the app is called (default: its file or script, without the extension)"),
    field<&Spec::instance>("instance", 0, "", ""),
    field<&Spec::instances>("instances", 'i', "N",
                            "how many to keep, one keeper each; needs -d (max: one per core)"),
    field<&Spec::program>("program", 0, "", ""),
    field<&Spec::args>("args", 0, "", ""),
    field<&Spec::cwd, not_empty>("cwd", 'C', "DIR", "directory to run in (default: this one)"),
    field<&Spec::env>("env", 'e', "KEY=VALUE", "set a variable for the program; may be given again"),
    field<&Spec::env_file, none_empty>(
        "env_file", 0, "FILE",
        "read variables from FILE (dotenv); may be given again, the last goes before; -e "
        "before all"),
    field<&Spec::clear_env>("clear_env", 0, "", "pass on none of this shell's variables"),
    field<&Spec::guard>("guard", 0, "", "run without the process that takes over when the keeper is killed"),
    field<&Spec::environment>("environment", 0, "", ""),
    field<&Spec::interpreter, not_empty>("interpreter", 0, "PROGRAM",
                                         "run PROGRAM through this (default: by #! or extension)"),
    field<&Spec::interpreter_args>("interpreter_args", 0, "ARG",
                                   "an argument for the interpreter; may be given again"),
    field<&Spec::input>("stdin", 0, "WHAT",
                        "what it reads: null (its end at once), or pipe (nothing, and no end: for tools that "
                        "end with their input; default: null)"),
    field<&Spec::unbuffered>(
        "unbuffered", 0, "",
        "python: let it buffer its output (else PYTHONUNBUFFERED=1, where that is not set)"),
    field<&Spec::user, not_empty>("user", 0, "USER[:GROUP]",
                                  "run it as this user, by name or number; needs root (default: the caller)"),
    field<&Spec::run_as>("run_as", 0, "", ""),
    field<&Spec::umask>("umask", 0, "MASK", "octal mask of new files, 022 (default: the caller's)"),
    field<&Spec::nice>("nice", 0, "N", "from -20 (first) to 19 (last); below the caller's needs root"),
    field<&Spec::oom_score_adj>("oom_score_adj", 0, "N",
                                "from -1000 (never) to 1000 (first) to be killed when memory is short"),
    field<&Spec::limits>("limits", 0, "NAME=SOFT[:HARD]",
                         "resource limit: nofile=1024:65535, core=unlimited, as=1G; may be given again",
                         "limit"),
    field<&Spec::inherit_fds>("inherit_fds", 0, "LIST",
                              "pass on these open descriptors under the same numbers: 3,7"),
    field<&Spec::listen>(
        "listen", 0, "ADDRESS",
        "hold a socket for the program (LISTEN_FDS): tcp:[HOST:]PORT, unix:PATH, also with a "
        "name, web=tcp:80; may be given again"),
    field<&Spec::lazy>("lazy", 0, "", "start it when somebody connects to one of these"),
    field<&Spec::inspect>("inspect", 0, "PORT",
                          "node: --inspect=PORT, instance N on PORT + N (with KEEPER_DEBUG=1: 9229)"),
    field<&Spec::ipc>("ipc", 0, "",
                      "node: give it no channel to its keeper (process.send, process.on('message'))"),
    field<&Spec::cluster>(
        "cluster", 0, "",
        "node: its instances share what they listen at (default with -i over 1; --no-cluster)"),
    field<&Spec::listen_mode>(
        "listen_mode", 0, "MODE",
        "of a cluster: shared, or reuseport (a socket each: a second app of this user can have "
        "the same port, and what waits in a socket that closes is lost; default: shared)"),
    field<&Spec::restart>("restart", 0, "WHEN", "always, on-failure or never (default: always)"),
    field<&Spec::exit_codes>("exit_codes", 0, "LIST",
                             "what counts as expected: 0,2,10-19,SIGTERM (default: 0)"),
    field<&Spec::start_secs>("start_secs", 0, "DURATION",
                             "a run that lives so long is confirmed (default: 1s)"),
    field<&Spec::start_retries>("start_retries", 0, "N",
                                "give up after 1 + N unconfirmed runs (default: never)"),
    field<&Spec::max_restarts>("max_restarts", 0, "N", "give up after N restarts (default: never)"),
    field<&Spec::restart_window>("restart_window", 0, "DURATION",
                                 "count max_restarts within so long only (default: in all)"),
    field<&Spec::restart_delay>("restart_delay", 0, "DURATION", "pause before a restart (default: 0)"),
    field<&Spec::backoff>("backoff", 0, "LOW..HIGH",
                          "pause after an early end, doubling, or none (default: 100ms..30s)"),
    field<&Spec::ready>(
        "ready", 0, "WHEN",
        "what shows that it works: secs, notify, node (process.send('ready')), fd:N, tcp:PORT, "
        "http:URL, cmd:COMMAND, log:REGEX; given again, all have to (default: secs)"),
    field<&Spec::ready_timeout, above_zero>("ready_timeout", 0, "DURATION",
                                            "a start that has not shown it by then failed (default: 30s)"),
    field<&Spec::watchdog, above_zero>("watchdog", 0, "DURATION",
                                       "it hangs when it says nothing (WATCHDOG=1) for so long (default: "
                                       "never)"),
    field<&Spec::stop_signal>("stop_signal", 0, "LIST",
                              "signals that ask it to stop, one after the other (default: TERM)"),
    field<&Spec::stop_message, check_stop_message>(
        "stop_message", 0, "MESSAGE",
        "node: send it this first (JSON, or a text such as shutdown), then the stop signals"),
    field<&Spec::stop_timeout>("stop_timeout", 0, "DURATION",
                               "wait so long after each of them, then KILL (default: 10s)"),
    field<&Spec::kill_timeout>("kill_timeout", 0, "DURATION",
                               "wait so long for those that were sent KILL (default: 2s)"),
    field<&Spec::kill_mode>("kill_mode", 0, "WHO",
                            "who gets the stop signal: process, group, tree, or mixed: the main process "
                            "alone, and the rest KILL when the time is over (default: group)"),
    field<&Spec::restart_on_change>("restart_on_change", 0, "", "restart it when its file has changed"),
    field<&Spec::log, not_empty>("log", 0, "PATH",
                                 "where its output goes; none: nowhere; -: keeper's own output only"),
    field<&Spec::error_log, not_empty>(
        "error_log", 0, "PATH",
        "where its stderr goes: apart (NAME.err.log), or as --log (default: with the rest)"),
    field<&Spec::log_format>("log_format", 0, "FORMAT",
                             "of its lines: raw, time (in front of each) or json (default: raw)"),
    field<&Spec::log_date_format>("log_date_format", 0, "FORMAT",
                                  "the time of --log-format time, which it implies, in strftime's terms; %L: "
                                  "milliseconds (default: RFC 3339)"),
    field<&Spec::log_join>("log_join", 0, "REGEX",
                           "what the first line of a record matches; others are joined to it (time, json, "
                           "syslog)"),
    field<&Spec::log_max_size, check_log_max_size>(
        "log_max_size", 0, "SIZE", "rename the log when it has grown to this; 0: never (default: 50M)"),
    field<&Spec::log_backups>("log_backups", 0, "N", "how many renamed logs to keep (default: 10)"),
    field<&Spec::log_max_total, check_log_max_total>(
        "log_max_total", 0, "SIZE", "remove the oldest of them when all take more (default: no limit)"),
    field<&Spec::log_compress>("log_compress", 0, "", "compress renamed logs with gzip"),
    field<&Spec::log_buffer, check_log_buffer>(
        "log_buffer", 0, "SIZE", "how much output may wait while the log takes nothing (default: 8M)"),
    field<&Spec::log_full>("log_full", 0, "WHAT",
                           "what happens to more than that: drop (and count), or block the program "
                           "(default: drop)"),
    field<&Spec::log_syslog>("log_syslog", 0, "WHERE",
                             "send its lines to syslog too: local or udp:HOST:PORT; with --log none: only "
                             "there"),
    field<&Spec::log_syslog_addresses>("log_syslog_addresses", 0, "", ""),
    field<&Spec::log_markers>("log_markers", 0, "true|false",
                              "write a line into the log when a run starts and ends (default: true)"),
    field<&Spec::pid_file, not_empty>("pid_file", 0, "PATH",
                                      "write the program's pid here (default: the app's record)"),
};

}  // namespace

Result<Backoff> Backoff::parse(string_view text) {
  if (text == "none") return Backoff{Millis(0), Millis(0)};
  auto dots = text.find("..");
  auto low = parse_duration(text.substr(0, dots));
  auto high = dots == string_view::npos ? low : parse_duration(text.substr(dots + 2));
  if (!low || !high || low->count() == 0 || *low > *high)
    return invalid("'" + string(text) +
                   "' is not LOW..HIGH with LOW above 0 and not above HIGH (100ms..30s), or none");
  return Backoff{*low, *high};
}

string Backoff::text() const {
  return none() ? "none" : duration_text(low) + ".." + duration_text(high);
}

std::span<const Field> spec_fields() {
  return kFields;
}

Done add_variable(std::map<string, string>& variables, string_view text) {
  auto equals = text.find('=');
  if (equals == string_view::npos || equals == 0) return invalid("a variable is given as KEY=VALUE");
  variables.insert_or_assign(string(text.substr(0, equals)), string(text.substr(equals + 1)));
  return {};
}

string flag_of(const Field& field) {
  string out = "--" + string(field.flag.empty() ? field.name : field.flag);
  std::replace(out.begin(), out.end(), '_', '-');
  return out;
}

Json spec_to_json(const Spec& spec) {
  static const Spec defaults;
  Json out = Json::object();
  for (const Field& f : kFields) {
    if (f.same(spec, defaults)) continue;
    Json value;
    f.write(spec, value);
    out[string(f.name)] = std::move(value);
  }
  return out;
}

Result<Spec> spec_from_json(const Json& json) {
  if (!json.is_object()) return invalid("a spec is a JSON object");
  Spec spec;
  for (const Field& f : kFields) {
    auto found = json.find(string(f.name));
    if (found == json.end()) continue;
    if (Done done = f.read(spec, *found); !done) return invalid(string(f.name) + ": " + done.error().why());
  }
  return spec;
}

namespace {

string changed_keys(const std::map<string, string>& before, const std::map<string, string>& after) {
  std::map<string, string> all = before;
  all.insert(after.begin(), after.end());
  string out;
  for (const auto& [key, value] : all) {
    auto was = before.find(key), is = after.find(key);
    if (was != before.end() && is != after.end() && was->second == is->second) continue;
    out += (out.empty() ? "" : ", ") + key;
  }
  return out;
}

/// Returns whether a field was derived from another one.
bool follows_from_another(string_view name) {
  return name == "run_as" || name == "log_syslog_addresses";
}

string text_or_none(string text) {
  return text.empty() ? "none" : text;
}

}  // namespace

std::vector<string> spec_differences(const Spec& before, const Spec& after) {
  std::vector<string> out;
  for (const Field& f : kFields) {
    if (f.same(before, after)) continue;
    if (f.name == "env")
      out.push_back("env: " + changed_keys(before.env, after.env) + " changed");  // values may be secrets
    else if (f.name == "environment")
      out.emplace_back("environment: changed");
    else if (!follows_from_another(f.name))
      out.push_back(string(f.name) + ": " + text_or_none(f.text(before)) + " -> " +
                    text_or_none(f.text(after)));
  }
  return out;
}

string spec_text(const Spec& spec) {
  return spec_to_json(spec).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Spec> parse_spec(string_view text) {
  Json json = tree_of(text);
  if (json.is_discarded()) return invalid("not JSON");
  return spec_from_json(json);
}

namespace {

bool name_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-';
}

bool all_digits(string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Done check_name(string_view name) {
  auto no = [&](string why) { return invalid("'" + string(name) + "' is no name for an app: " + why); };
  if (name.empty()) return no("it is empty");
  if (name.size() > 64) return no("it is longer than 64 characters");
  if (!std::all_of(name.begin(), name.end(), name_character))
    return no("only A-Z a-z 0-9 . _ - may be in it");
  if (name.front() == '.' || name.front() == '-')
    return no("it begins with '" + string(1, name.front()) + "'");
  if (all_digits(name)) return no("a number would be taken for a pid");
  if (name == "all") return no("that word means every app");
  return {};
}

string legal_name(string_view wish) {
  string out;
  for (char c : wish.substr(0, 60))
    out += name_character(c) ? c : '-';
  if (!check_name(out)) out = out.empty() ? "app" : "app-" + out;
  return out;
}

string file_stem(string_view name, int instance) {
  return instance == 0 ? string(name) : string(name) + ":" + std::to_string(instance);
}

}  // namespace keeper
