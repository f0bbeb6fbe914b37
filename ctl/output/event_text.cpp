#include "ctl/output/event_text.hpp"

#include "protocol/base/escape.hpp"
#include "protocol/wire/spec.hpp"

namespace keeper {
namespace {

using std::string;

/// What has happened, in words.
string words_of(const AppEvent& event) {
  string state(word_for(event.state));
  if (event.event == "now") return "is " + state;
  if (event.event == "left") return "is " + state + ", and its keeper has left";
  if (event.event == "gone") return "is " + state + ", without its keeper";
  if (event.event == "unreachable") return "does not serve us";
  if (event.event == "dropped")
    return "is " + state + "; " + std::to_string(event.dropped.value_or(0)) + " events were missed";
  if (event.event == "backoff") return "waits for its next start";
  if (event.event == "spawn_failed") return "could not be started";
  if (event.event == "fatal") return "was given up";
  if (event.event == "survivors") return "has processes that survived KILL";
  if (event.event == "refused") return "cannot be ended";
  if (event.event == "cleared") return "has nothing left of its last run";
  if (event.event == "reload_failed") return "could not be reloaded";
  if (event.event == "stopping") return "is being stopped";
  if (event.event == "message") return "says";
  if (event.event == "message_dropped") return "sent a message that is not passed on";
  if (event.event == "listen_failed") return "cannot listen";
  if (event.event == "disconnected") return "has closed its channel";
  if (event.event == "killing") return "is being killed";
  return escaped(event.event);
}

string details_of(const AppEvent& event) {
  string out;
  if (event.exit) out += ": " + exit_text(*event.exit);
  if (event.cause) out += " (" + escaped(*event.cause) + ")";
  if (event.until) out += " until " + time_text(*event.until);
  if (event.text) out += ": " + escaped(*event.text);
  if (event.run != 0) out += ", run " + std::to_string(event.run);
  if (event.pid) out += ", pid " + std::to_string(*event.pid);
  return out;
}

}  // namespace

string event_text(const AppEvent& event) {
  string at = event.at ? time_text(*event.at) + " " : "";
  string name = escaped(file_stem(event.name, event.instance.value_or(0)));
  return at + name + " " + words_of(event) + details_of(event);
}

}  // namespace keeper
