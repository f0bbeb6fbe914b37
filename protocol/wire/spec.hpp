// Spec: the whole configuration of one kept program.
//
// One list of fields (spec_fields) serves the flags of `keeper` (--max-restarts), the record spec.json and
// the wire (max_restarts). A new field is one member, one line in that list, and the code that reads it.
#pragma once
#include <csignal>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/units.hpp"
#include "protocol/base/words.hpp"
#include "protocol/json/json.hpp"
#include "protocol/wire/exit.hpp"
#include "protocol/wire/listen_address.hpp"
#include "protocol/wire/log_fields.hpp"
#include "protocol/wire/readiness.hpp"
#include "protocol/wire/spawn_fields.hpp"

namespace keeper {

/// The ends after which another run follows.
enum class Restart { always, on_failure, never };
template <>
inline constexpr std::array<WordOf<Restart>, 6> kWordsOf<Restart>{{{Restart::always, "always"},
                                                                   {Restart::on_failure, "on-failure"},
                                                                   {Restart::never, "never"},
                                                                   {Restart::on_failure, "unexpected"},
                                                                   {Restart::always, "true"},
                                                                   {Restart::never, "false"}}};

/// The way in which the workers of a cluster get a listening socket.
enum class ListenMode {
  shared,     ///< one for all of them
  reuseport,  ///< each its own, on the same port (SO_REUSEPORT, socket(7))
};
template <>
inline constexpr std::array<WordOf<ListenMode>, 2> kWordsOf<ListenMode>{
    {{ListenMode::shared, "shared"}, {ListenMode::reuseport, "reuseport"}}};

/// The pause before a start that follows an early end: doubles from `low` to `high`. Text: "100ms..30s",
/// "none".
struct Backoff {
  Millis low{100};
  Millis high{30'000};  ///< 0: no backoff at all
  bool none() const { return high.count() == 0; }
  static Result<Backoff> parse(std::string_view text);
  std::string text() const;
  bool operator==(const Backoff&) const = default;
};

inline constexpr int kMostInstances = 1024;

struct Spec {
  std::string name;
  int instance = 0;     ///< the number of this one of `instances`
  int instances = 1;    ///< number of instances
  std::string program;  ///< an absolute path, or a name that each run searches in PATH
  std::vector<std::string> args;
  std::string cwd;
  std::map<std::string, std::string> env;  ///< in addition to the caller's; -e K=V
  std::vector<std::string> env_file;       ///< a later one overrides an earlier one
  bool clear_env = false;
  bool guard = true;                     ///< a second process starts a new keeper if this one dies
  std::vector<std::string> environment;  ///< the caller's, K=V, at the time of the app's definition
  Input input = Input::null;             ///< what it reads
  bool unbuffered = true;                ///< python does not buffer its output (PYTHONUNBUFFERED)
  std::string interpreter;
  std::vector<std::string> interpreter_args;
  std::string user;    ///< the child's user, for people: USER or USER:GROUP; filled in if not given
  std::string run_as;  ///< the account of the given user, as text; empty: the caller
  std::optional<FileMask> umask;
  std::optional<Niceness> nice;
  std::optional<OomScoreAdj> oom_score_adj;
  Limits limits;
  Descriptors inherit_fds;            ///< passed on under the same numbers
  std::vector<ListenAddress> listen;  ///< held by the keeper, and passed on from descriptor 3 on
  bool lazy = false;                  ///< the first run begins with the first connection to one of them
  std::optional<PortNumber> inspect;  ///< instance N of node listens for a debugger on this port + N
  bool ipc = true;                    ///< a program that node runs has a channel to its keeper
  std::optional<bool> cluster;        ///< a worker of node's cluster module; default: if there are several
  ListenMode listen_mode = ListenMode::shared;

  Restart restart = Restart::always;
  ExitCodes exit_codes;
  Millis start_secs{1000};
  std::optional<int> start_retries;
  std::optional<int> max_restarts;
  std::optional<Millis> restart_window;
  Millis restart_delay{0};
  Backoff backoff;
  Readiness ready;
  Millis ready_timeout{30'000};
  std::optional<Millis> watchdog;

  std::vector<int> stop_signal{SIGTERM};
  std::string stop_message;  ///< sent over the channel before the first signal; JSON, else a text
  Millis stop_timeout{10'000};
  Millis kill_timeout{2'000};
  KillMode kill_mode = KillMode::group;
  bool restart_on_change = false;

  std::string log;  ///< empty: logs/NAME.log; "none": discarded; "-": keeper's own stdout only; else a path
  std::string error_log;  ///< destination of stderr; empty: with the rest; "none", "-" or a path as above
  LogFormat log_format = LogFormat::raw;
  std::optional<DateFormat> log_date_format;  ///< of `time`
  std::optional<RecordStart> log_join;        ///< lines that do not match it belong to the record before
  std::uint64_t log_max_size = 50ULL << 20;   ///< 0: no limit
  int log_backups = 10;
  std::optional<std::uint64_t> log_max_total;  ///< the log and its backups together
  bool log_compress = false;                   ///< backups, with gzip
  std::uint64_t log_buffer = 8ULL << 20;       ///< bytes that may wait while the log takes nothing
  LogFull log_full = LogFull::drop;
  std::optional<SyslogTarget> log_syslog;
  std::string log_syslog_addresses;  ///< addresses of its host at the start: "::1 127.0.0.1"
  bool log_markers = true;
  std::string pid_file;  ///< empty: apps/NAME/pid

  /// Its name alone does not identify it.
  bool one_of_several() const { return instances > 1 || instance > 0; }
  bool operator==(const Spec&) const = default;
};

/// One entry of the list. Its functions report what is wrong with a value, without the field's name.
struct Field {
  std::string_view name;   ///< "max_restarts"; the flag is the same with dashes
  char short_flag;         ///< 'n', or 0
  std::string_view value;  ///< placeholder of the value in --help: "N", "DURATION"; empty for a switch
  std::string_view help;   ///< empty: not a flag
  std::string_view flag;   ///< the flag's name if it differs; else empty
  bool many;               ///< may be repeated: each adds to the last
  Done (*set)(Spec&, std::string_view text);
  Done (*read)(Spec&, const Json& value);
  void (*write)(const Spec&, Json& into);
  std::string (*text)(const Spec&);
  bool (*same)(const Spec&, const Spec&);
  void (*copy)(const Spec& from, Spec& into);
};

/// Returns the list, in the order of --help and of files.
std::span<const Field> spec_fields();

/// Adds "KEY=VALUE" to a program's variables. Errors: other text; they do not repeat it, because it may be a
/// secret whose name was forgotten.
Done add_variable(std::map<std::string, std::string>& variables, std::string_view text);

/// Returns "--max-restarts" for "max_restarts", "--limit" for "limits".
std::string flag_of(const Field& field);

/// Returns a JSON object with every field that is not at its default.
Json spec_to_json(const Spec& spec);
/// Reads an object; ignores unknown members, and names the field of a wrong value.
Result<Spec> spec_from_json(const Json& json);
/// Returns the differences, for people: "stop_timeout: 10s -> 3s". Does not show how `environment` changed.
std::vector<std::string> spec_differences(const Spec& before, const Spec& after);

/// Returns the text of spec.json, and parses it.
std::string spec_text(const Spec& spec);
Result<Spec> parse_spec(std::string_view text);

/// [A-Za-z0-9._-]{1,64}, no leading '.' or '-', not all digits, not "all".
Done check_name(std::string_view name);
/// Returns the nearest name for check_name: other characters become '-', a bad start gets "app-" in front.
std::string legal_name(std::string_view wish);
/// Returns the stem of one instance's files: "api" for instance 0, else "api:2".
std::string file_stem(std::string_view name, int instance);

}  // namespace keeper
