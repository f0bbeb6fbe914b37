// The language of scenarios/*.txt (scenario_test.cpp says what is in them): commands as events, and the
// fields of `spec` as a policy.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>

#include "keeper/core/event.hpp"
#include "keeper/core/policy.hpp"
#include "protocol/wire/spec.hpp"

namespace keeper {

using Words = std::vector<std::string>;

inline Words words_of(const std::string& line) {
  std::istringstream in(line);
  Words words;
  for (std::string word; in >> word;)
    words.push_back(word);
  return words;
}

/// Returns what follows `key` in a word: of "code=1" and "code=" it is "1".
inline std::optional<std::string> word_value(const std::string& word, const std::string& key) {
  if (!word.starts_with(key)) return std::nullopt;
  return word.substr(key.size());
}

inline ExitInfo exit_of(const std::string& word) {
  if (auto code = word_value(word, "code=")) return ExitInfo::code(std::stoi(*code));
  if (auto signal = word_value(word, "signal=")) return ExitInfo::signal(*parse_signal(*signal));
  return ExitInfo::unknown();
}

inline bool has_word(const Words& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

inline const std::map<std::string, Event> kPlainEvents = {{"start", event::Start{}},
                                                          {"await", event::Await{}},
                                                          {"stop", event::Stop{}},
                                                          {"scale", event::Stop{Cause::scale}},
                                                          {"stop-now", event::StopNow{}},
                                                          {"restart", event::Restart{}},
                                                          {"reload", event::Reload{}},
                                                          {"tick", event::Tick{}},
                                                          {"program-changed", event::ProgramChanged{}}};

inline std::optional<Event> run_event(const Words& w, RunId run) {
  if (w[0] == "spawned") return event::SpawnSucceeded{run, std::stoi(*word_value(w.at(2), "pid="))};
  if (w[0] == "spawn-failed")
    return event::SpawnFailed{run, has_word(w, "permanent"), "exec /srv/api: it failed"};
  if (w[0] == "ready")
    return event::Ready{run, w.size() > 2 ? std::stoi(*word_value(w[2], "condition=")) : 0};
  if (w[0] == "exit")
    return event::Exited{run, exit_of(w.at(2)), has_word(w, "leftovers"), has_word(w, "out-of-memory")};
  if (w[0] == "unshown") return event::Unshown{run, w.at(2)};
  if (w[0] == "extend") return event::Extend{run, *parse_duration(*word_value(w.at(2), "by="))};
  if (w[0] == "alive") return event::Alive{run};
  if (w[0] == "ends-itself") return event::EndsItself{run};
  if (w[0] == "watchdog") return event::Watchdog{run, *parse_duration(*word_value(w.at(2), "every="))};
  if (w[0] == "hangs") return event::Hangs{run};
  if (w[0] == "main-moved") return event::MainMoved{run, std::stoi(*word_value(w.at(2), "pid="))};
  if (w[0] == "empty") return event::TreeEmpty{run};
  if (w[0] == "suspend") return event::Suspended{run};
  if (w[0] == "continue") return event::Continued{run};
  if (w[0] == "refused") return event::Refused{run, "not permitted: pid 101 runs as root"};
  if (w[0] == "signal") return event::UserSignal{run, *parse_signal(w.at(2))};
  return std::nullopt;
}

inline std::optional<Event> event_of(const Words& words) {
  if (words == Words{"start", "by", "keeper"}) return event::Start{By::keeper};
  if (words.size() == 2 && words[0] == "reload")
    return event::Reload{*parse_duration(*word_value(words[1], "canary="))};
  if (auto plain = kPlainEvents.find(words[0]); plain != kPlainEvents.end()) return plain->second;
  if (words.size() < 2 || words[1][0] != '#') return std::nullopt;
  return run_event(words, std::stoull(words[1].substr(1)));
}

/// The first lines of a scenario: what the program is like.
class ScenarioSpec {
 public:
  /// Takes a line "spec FIELD=VALUE ...".
  void take(const std::string& line) {
    Words words = words_of(line);
    for (std::size_t i = 1; i < words.size(); ++i) {
      std::size_t equals = words[i].find('=');
      set_field(words[i].substr(0, equals), words[i].substr(equals + 1));
    }
  }

  Policy policy() {
    Policy policy = make_policy(spec_, extra_.contains("jitter") ? std::stoull(extra_["jitter"]) : 0);
    // ready=event, ready=2 (conditions), ready=2+secs
    if (extra_.contains("ready")) {
      const std::string& ready = extra_["ready"];
      policy.ready_events = ready == "event" ? 1 : std::stoi(ready);
      policy.ready_secs = ready.ends_with("+secs");
    }
    if (extra_.contains("watchdog")) policy.watchdog = *parse_duration(extra_["watchdog"]);
    if (extra_.contains("ready_timeout")) policy.ready_timeout = *parse_duration(extra_["ready_timeout"]);
    return policy;
  }

 private:
  void set_field(const std::string& name, const std::string& value) {
    if (name == "ready" || name == "ready_timeout" || name == "jitter" || name == "watchdog") {
      extra_[name] = value;
      return;
    }
    for (const Field& field : spec_fields())
      if (field.name == name) return expect_done(field.set(spec_, value), name);
    ADD_FAILURE() << "no field " << name;
  }

  void expect_done(const Done& done, const std::string& name) {
    if (!done) ADD_FAILURE() << name << ": " << done.error().text();
  }

  Spec spec_;
  std::map<std::string, std::string> extra_;
};

inline std::vector<std::string> scenario_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(TEST_DATA "/scenarios"))
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace keeper
