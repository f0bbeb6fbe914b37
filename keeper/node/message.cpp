#include "keeper/node/message.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "protocol/wire/json_text.hpp"

namespace keeper {
namespace {

using Kind = NodeMessage::Kind;

constexpr int kMostLevels = 1000;  // each is a frame on the stack of whoever reads it
constexpr int kAnyNumber = static_cast<int>(kMostMessage);  // a line has no more values than bytes
constexpr std::string_view kPrefix = "NODE_";

Kind kind_of_command(std::string_view command) {
  if (command.size() <= kPrefix.size() || !command.starts_with(kPrefix)) return Kind::program;
  if (command == "NODE_HANDLE") return Kind::handle;
  if (command == "NODE_CLUSTER") return Kind::cluster;
  return Kind::internal;
}

}  // namespace

NodeMessage read_node_message(std::string_view line) {
  if (line.empty()) return {};
  std::string command;
  const TextCheck check =
      check_object(line, kMostLevels, kAnyNumber, [&](std::string_view key, std::string_view value) {
        if (key != "cmd") return;
        command.clear();  // of two members of one name the last counts, as JSON.parse has it
        if (kind_of(value) == '"') read_bytes(value, command);
      });
  if (check != TextCheck::good) return {Kind::rubbish};
  return {kind_of_command(command), line == R"("ready")"};
}

std::string node_message_of(std::string_view text) {
  const char kind = kind_of(text);
  const bool shaped = kind == '{' || kind == '[' || kind == '"';
  if (!shaped || check_json(text, kMostLevels, kAnyNumber) != TextCheck::good)
    return carry_bytes(text).dump();
  // As it is written, for a number may be more than a double holds; on one line, as a newline, which stands
  // only between values, would be the end of the message.
  std::string out(text);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return out;
}

}  // namespace keeper
