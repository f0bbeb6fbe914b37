#include "protocol/wire/codec.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "protocol/json/reader.hpp"
#include "protocol/json/writer.hpp"
#include "protocol/wire/exit.hpp"
#include "protocol/wire/fields.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;

// --- values <-> JSON -------------------------------------------------------------------------------------

constexpr string_view kSpace = " \t\r\n";
constexpr std::size_t kUsualReply = 1024;  // a status and its envelope

string dump(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

template <class T>
void to_text(const T& value, JsonWriter& out);
template <class T>
bool from_text(string_view piece, T& value);

template <class T>
concept Word = std::is_enum_v<T>;

/// Writes `{"a":1,"b":null}`, member by member; it has at least one.
class JsonObject {
 public:
  explicit JsonObject(JsonWriter& out) : out_(out) {}
  ~JsonObject() { out_ += '}'; }
  JsonObject(const JsonObject&) = delete;
  JsonObject& operator=(const JsonObject&) = delete;

  /// A declared name needs no escape.
  template <class T>
  void add(string_view name, const T& value) {
    out_.member(std::exchange(before_, ','), name);
    to_text(value, out_);
  }

 private:
  JsonWriter& out_;
  char before_ = '{';
};

/// Selects an overload without making a T.
template <class T>
struct TypeTag {};

void exit_to_text(const LastExit& e, JsonWriter& out) {
  using Kind = ExitInfo::Kind;
  std::optional<int> code;
  std::optional<string> signal;
  if (e.exit.kind == Kind::code) code = e.exit.value;
  if (e.exit.kind == Kind::signal) signal = signal_name(e.exit.value);
  JsonObject object(out);
  object.add("code", code);
  object.add("signal", signal);
  if (e.exit.core_dumped) object.add("core_dumped", true);
  object.add("at", e.at);
  object.add("after_ms", e.after_ms);
  object.add("cause", e.cause);
  object.add("pid", e.pid);
  if (e.kill_reason) object.add("kill_reason", e.kill_reason);
  if (!e.killed.empty()) object.add("killed", e.killed);
  if (e.left_behind) object.add("left_behind", e.left_behind);
}

void end_to_text(const ExitInfo& e, JsonWriter& out) {
  JsonObject object(out);
  object.add("code", e.kind == ExitInfo::Kind::code ? std::optional(e.value) : std::nullopt);
  object.add("signal", e.kind == ExitInfo::Kind::signal ? std::optional(signal_name(e.value)) : std::nullopt);
  if (e.core_dumped) object.add("core_dumped", true);
}

/// The members of a LastExit as received: one of code and signal, or neither.
struct ExitPieces {
  std::optional<int> code;
  std::optional<string> signal;
  bool core_dumped = false;

  ExitInfo exit() const {
    if (code) return ExitInfo::code(*code);
    auto number = signal ? parse_signal(*signal) : Error{};
    return number ? ExitInfo::signal(*number, core_dumped) : ExitInfo::unknown();
  }
};

bool exit_from_text(string_view piece, LastExit& e) {
  if (kind_of(piece) != '{') return false;
  ExitPieces pieces;
  bool good = true;
  for_each_member(piece, [&](string_view key, string_view value) {
    auto read = [&](const char* name, auto& into) { good = good && (key != name || from_text(value, into)); };
    read("code", pieces.code);
    read("signal", pieces.signal);
    read("core_dumped", pieces.core_dumped);
    read("at", e.at);
    read("after_ms", e.after_ms);
    read("cause", e.cause);
    read("pid", e.pid);
    read("kill_reason", e.kill_reason);
    read("killed", e.killed);
    read("left_behind", e.left_behind);
  });
  e.exit = pieces.exit();
  return good;
}

bool end_from_text(string_view piece, ExitInfo& e) {
  if (kind_of(piece) != '{') return false;
  ExitPieces pieces;
  bool good = true;
  for_each_member(piece, [&](string_view key, string_view value) {
    if (key == "code") good = good && from_text(value, pieces.code);
    if (key == "signal") good = good && from_text(value, pieces.signal);
    if (key == "core_dumped") good = good && from_text(value, pieces.core_dumped);
  });
  e = pieces.exit();
  return good;
}

// Writes text directly: a tree costs five times as much.
template <class T>
void put(TypeTag<std::optional<T>>, const std::optional<T>& v, JsonWriter& out) {
  if (v)
    to_text(*v, out);
  else
    out += "null";
}
template <class T>
void put(TypeTag<std::vector<T>>, const std::vector<T>& v, JsonWriter& out) {
  out += '[';
  for (const T& item : v) {
    if (&item != v.data()) out += ',';
    to_text(item, out);
  }
  out += ']';
}
void put(TypeTag<string>, const string& v, JsonWriter& out) {
  if (!is_plain(v)) {
    out += dump(carry_bytes(v));
    return;
  }
  out.quoted(v);
}
void put(TypeTag<WallTime>, WallTime v, JsonWriter& out) {
  out.quoted(time_text(v));
}
void put(TypeTag<LastExit>, const LastExit& v, JsonWriter& out) {
  exit_to_text(v, out);
}
void put(TypeTag<ExitInfo>, const ExitInfo& v, JsonWriter& out) {
  end_to_text(v, out);
}
void put(TypeTag<OutputLines>, const OutputLines& v, JsonWriter& out) {
  std::vector<string> lines;
  for (string_view rest = v.text; !rest.empty() || !lines.empty();) {
    std::size_t end = rest.find('\n');
    lines.emplace_back(rest.substr(0, end));
    if (end == string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  to_text(lines, out);
}
void put(TypeTag<Spec>, const Spec& v, JsonWriter& out) {
  out += dump(spec_to_json(v));
}
void put(TypeTag<OpenRpc>, const OpenRpc& v, JsonWriter& out) {
  out += v.document;
}
void put(TypeTag<JsonText>, const JsonText& v, JsonWriter& out) {
  out += v.text.empty() ? string_view("null") : string_view(v.text);
}
template <Word T>
void put(TypeTag<T>, T v, JsonWriter& out) {
  out.quoted(word_for(v));
}
void put(TypeTag<bool>, bool v, JsonWriter& out) {
  out += v ? string_view("true") : string_view("false");
}
void put(TypeTag<double>, double v, JsonWriter& out) {
  constexpr double kMost = 1e12;
  std::int64_t tenths = v > -kMost && v < kMost ? std::llround(v * 10) : 0;
  if (tenths < 0 || static_cast<double>(tenths) / 10 != v) {
    out += dump(Json(v));
    return;
  }
  // Every status has shares of a processor, and the library's way is long.
  out.number(tenths / 10);
  out += '.';
  out += static_cast<char>('0' + tenths % 10);
}
template <std::integral T>
requires(!std::is_same_v<T, bool>) void put(TypeTag<T>, T v, JsonWriter& out) {
  out.number(v);
}
template <HasFields T>
void put(TypeTag<T>, const T& v, JsonWriter& out) {
  JsonObject object(out);
  T::fields([&](const char* name, auto member, const char*) { object.add(name, v.*member); });
}

template <class T>
bool take(TypeTag<std::optional<T>>, string_view piece, std::optional<T>& v) {
  v.reset();
  return piece == "null" || from_text(piece, v.emplace());
}
template <class T>
bool take(TypeTag<std::vector<T>>, string_view piece, std::vector<T>& v) {
  if (kind_of(piece) != '[') return false;
  auto items = array_items(piece);
  v.assign(items.size(), T{});
  for (std::size_t i = 0; i < items.size(); ++i)
    if (!from_text(items[i], v[i])) return false;
  return true;
}
bool take(TypeTag<string>, string_view piece, string& v) {
  return read_bytes(piece, v);
}
bool take(TypeTag<WallTime>, string_view piece, WallTime& v) {
  string text;
  if (!from_text(piece, text)) return false;
  auto time = parse_time(text);
  if (time) v = *time;
  return static_cast<bool>(time);
}
bool take(TypeTag<LastExit>, string_view piece, LastExit& v) {
  return exit_from_text(piece, v);
}
bool take(TypeTag<ExitInfo>, string_view piece, ExitInfo& v) {
  return end_from_text(piece, v);
}
bool take(TypeTag<OutputLines>, string_view piece, OutputLines& v) {
  std::vector<string> lines;
  if (!from_text(piece, lines)) return false;
  v.text.clear();
  for (const string& line : lines)
    v.text += (&line == lines.data() ? "" : "\n") + line;
  return true;
}
bool take(TypeTag<Spec>, string_view piece, Spec& v) {
  auto spec = spec_from_json(tree_of(piece));
  if (spec) v = std::move(*spec);
  return static_cast<bool>(spec);
}
bool take(TypeTag<OpenRpc>, string_view piece, OpenRpc& v) {
  Json json = tree_of(piece);
  v.document = dump(json);
  return json.is_object();
}
bool take(TypeTag<JsonText>, string_view piece, JsonText& v) {
  v.text = piece;
  return true;
}
template <Word T>
bool take(TypeTag<T>, string_view piece, T& v) {
  string word;
  if (!from_text(piece, word)) return false;
  if (auto known = value_for<T>(word)) v = *known;  // keeps the default for a newer keeper's word
  return true;
}
bool take(TypeTag<bool>, string_view piece, bool& v) {
  v = piece == "true";
  return v || piece == "false";
}
template <std::integral T>
requires(!std::is_same_v<T, bool>) bool take(TypeTag<T>, string_view piece, T& v) {
  auto [end, error] = std::from_chars(piece.data(), piece.data() + piece.size(), v);
  return error == std::errc() && end == piece.data() + piece.size();
}
bool take(TypeTag<double>, string_view piece, double& v) {
  Json json = tree_of(piece);
  if (json.is_number()) v = json.get<double>();
  return json.is_number();
}

/// Reads the members of an object that T declares. Returns the name of a member with the wrong type, else an
/// empty text.
template <HasFields T>
string read_fields(string_view object, T& v) {
  string wrong;
  for_each_member(object, [&](string_view key, string_view value) {
    T::fields([&](const char* name, auto member, const char*) {
      if (key == name && !from_text(value, v.*member)) wrong = name;
    });
  });
  return wrong;
}
template <HasFields T>
bool take(TypeTag<T>, string_view piece, T& v) {
  return kind_of(piece) == '{' && read_fields(piece, v).empty();
}

template <class T>
void to_text(const T& value, JsonWriter& out) {
  put(TypeTag<T>{}, value, out);
}
template <class T>
bool from_text(string_view piece, T& value) {
  return take(TypeTag<T>{}, piece, value);
}

// --- requests --------------------------------------------------------------------------------------------

RpcError invalid_request(const char* why) {
  return {rpc_code::invalid_request, why, Reason::invalid};
}

/// Returns the error of a line's text, if there is one.
std::optional<RpcError> text_error(TextCheck check, int most_values) {
  switch (check) {
    case TextCheck::good: return std::nullopt;
    case TextCheck::malformed: return RpcError{rpc_code::parse, "not a JSON text in UTF-8", Reason::invalid};
    case TextCheck::too_much: break;
  }
  return RpcError{
      rpc_code::invalid_request,
      "more than " + std::to_string(kMostDepth) + " levels or " + std::to_string(most_values) + " values",
      Reason::too_large};
}

std::optional<RpcError> line_error(string_view line, int most_values) {
  return text_error(check_json(line, kMostDepth, most_values), most_values);
}

template <std::size_t I = 0>
Incoming read_method(string_view method, string_view params, const IdText& id, bool answer) {
  if constexpr (I == std::variant_size_v<AnyRequest>) {
    string text = "no method '" + string(method.substr(0, 100)) + "'; rpc.discover lists them";
    return BadRequest{id, answer, {rpc_code::method_not_found, std::move(text), Reason::unsupported}};
  } else {
    using M = std::variant_alternative_t<I, AnyRequest>;
    if (method != M::method) return read_method<I + 1>(method, params, id, answer);
    M request;
    string wrong = read_fields(params, request);
    if (wrong.empty()) return Request{id, answer, std::move(request)};
    string text = "parameter '" + wrong + "' has the wrong type";
    return BadRequest{id, answer, {rpc_code::invalid_params, std::move(text), Reason::invalid}};
  }
}

/// The members of a request as received; empty if missing.
struct RequestPieces {
  string_view version, id, method, params, last;
};

EachMember into(RequestPieces& out) {
  return [&out](string_view key, string_view value) {
    if (key == "jsonrpc") out.version = value;
    if (key == "id") out.id = value;
    if (key == "method") out.method = value;
    if (key == "params") out.params = value;
    if (key == "last") out.last = value;
  };
}

/// JSON-RPC 2.0, section 4: a text, a number or null.
bool is_id(string_view piece) {
  char kind = kind_of(piece);
  return kind != '{' && kind != '[' && kind != 't' && kind != 'f';
}

/// `kind`: of the text that these pieces belong to. Sets `last` to true if the request says so, and keeps it
/// otherwise.
Incoming read_request(char kind, const RequestPieces& pieces, bool& last) {
  if (kind != '{') return BadRequest{"null", true, invalid_request("a request is a JSON object")};
  if (pieces.last == "true") last = true;
  if (!is_id(pieces.id))
    return BadRequest{"null", true, invalid_request("an id is a text, a number or null")};
  bool answer = !pieces.id.empty();
  IdText id = answer ? IdText(pieces.id) : "null";
  string version, method;
  if (pieces.version.empty() || !from_text(pieces.version, version) || version != "2.0")
    return BadRequest{id, true, invalid_request("\"jsonrpc\":\"2.0\" is missing")};
  if (kind_of(pieces.method) != '"' || !from_text(pieces.method, method))
    return BadRequest{id, true, invalid_request("\"method\" is missing")};
  char params = kind_of(pieces.params);
  bool none = params == '\0' || params == 'n' || (params == '[' && array_items(pieces.params).empty());
  if (!none && params != '{')
    return BadRequest{
        id, answer, {rpc_code::invalid_params, "params are given by name, in an object", Reason::invalid}};
  return read_method(method, none ? string_view() : pieces.params, id, answer);
}

}  // namespace

RpcError to_rpc(const Error& error) {
  int code = rpc_code::server;
  if (error.reason == Reason::invalid || error.reason == Reason::usage) code = rpc_code::invalid_params;
  if (error.reason == Reason::unsupported) code = rpc_code::method_not_found;
  if (error.reason == Reason::internal) code = rpc_code::internal;
  return {code, error.text(), error.reason};
}

Error from_rpc(const RpcError& error, string doing) {
  return Error{error.reason, std::move(doing), error.message, 0};
}

RequestLine decode_requests(string_view line) {
  RequestLine out;
  if (line.find_first_not_of(kSpace) == string_view::npos) return out;
  RequestPieces only;
  if (auto error = text_error(check_object(line, kMostDepth, kMostValues, into(only)), kMostValues)) {
    out.items.emplace_back(BadRequest{"null", true, std::move(*error)});
    return out;
  }
  const char kind = kind_of(line);
  if (kind != '[') {
    out.items.push_back(read_request(kind, only, out.last));
    return out;
  }
  auto items = array_items(line);
  if (items.empty()) {
    out.items.emplace_back(BadRequest{"null", true, invalid_request("an empty batch")});
    return out;
  }
  out.batch = true;
  out.items.reserve(items.size());
  for (string_view item : items) {
    RequestPieces pieces;
    for_each_member(item, into(pieces));
    out.items.push_back(read_request(kind_of(item), pieces, out.last));
  }
  return out;
}

template <class M>
string request_line(std::uint64_t id, const M& request, Last last) {
  string params;
  M::fields([&](const char* name, auto member, const char*) {
    const string value = write_as(request.*member);
    if (value == "null") return;
    params += (params.empty() ? "\"" : ",\"") + string(name) + "\":" + value;
  });
  string line = R"({"jsonrpc":"2.0","id":)" + std::to_string(id) + R"(,"method":")" + string(M::method) + '"';
  if (!params.empty()) line += R"(,"params":{)" + params + "}";
  if (last == Last::yes) line += R"(,"last":true)";
  return line + "}\n";
}

template <class R>
string reply_text(const IdText& id, const R& result) {
  JsonWriter out(kUsualReply);
  out += R"({"jsonrpc":"2.0","id":)";
  out += id;
  out += R"(,"result":)";
  to_text(result, out);
  out += '}';
  return std::move(out).take();
}

string error_text(const IdText& id, const RpcError& error) {
  Json body = {
      {"code", error.code}, {"message", error.message}, {"data", {{"reason", string(word(error.reason))}}}};
  return R"({"jsonrpc":"2.0","id":)" + id + R"(,"error":)" + dump(body) + "}";
}

string event_line(const AppEvent& event) {
  return R"({"jsonrpc":"2.0","method":"event","params":)" + write_as(event) + "}\n";
}

string log_line(const NewLines& lines) {
  return R"({"jsonrpc":"2.0","method":"log","params":)" + write_as(lines) + "}\n";
}

string record_text(const Status& status, const std::vector<RunRecord>& runs) {
  string out = write_as(status, 2);
  if (runs.empty()) return out + "\n";
  out.resize(out.size() - 2);  // "\n}"
  out += ",\n  \"runs\": [";
  for (const RunRecord& run : runs) {
    out += &run == runs.data() ? "\n    " : ",\n    ";
    out += write_as(run);
  }
  return out + "\n  ]\n}\n";
}

namespace {

RpcError read_error(string_view piece) {
  RpcError out;
  string reason;
  for_each_member(piece, [&](string_view key, string_view value) {
    if (key == "code") from_text(value, out.code);
    if (key == "message") from_text(value, out.message);
    if (key != "data") return;
    for_each_member(value, [&](string_view inner, string_view word) {
      if (inner == "reason") from_text(word, reason);
    });
  });
  out.reason = reason_of(reason);
  return out;
}

Error malformed(string about) {
  return Error{Reason::invalid, {}, std::move(about), 0};
}

/// Says for people why a JSON text is not an R.
template <class R>
string what_is_wrong(string_view text, R& value) {
  if (kind_of(text) != '{') return "not a JSON object";
  string wrong;
  if constexpr (std::is_same_v<R, Spec>) {
    if (auto spec = spec_from_json(tree_of(text)); !spec) wrong = spec.error().why();
  } else if constexpr (HasFields<R>) {
    wrong = read_fields(text, value) + " has the wrong type";
  }
  return wrong;
}

}  // namespace

Result<Reply> decode_reply(string_view line) {
  Reply reply;
  string_view id, error, result;
  TextCheck check = check_object(line, kMostDepth, kMostReplyValues, [&](string_view key, string_view value) {
    if (key == "id") id = value;
    if (key == "error") error = value;
    if (key == "result") result = value;
  });
  if (auto bad = text_error(check, kMostReplyValues)) return malformed(std::move(bad->message));
  if (kind_of(line) != '{') return malformed("a reply is a JSON object");
  std::uint64_t number = 0;
  if (!id.empty() && from_text(id, number)) reply.id = number;
  if (kind_of(error) == '{')
    reply.error = read_error(error);
  else if (result.empty())
    return malformed("a reply has a result or an error");
  else
    reply.result = string(result);
  return reply;
}

namespace {

std::optional<string> decode_notification(string_view line, string_view wanted) {
  string_view method, params;
  TextCheck check = check_object(line, kMostDepth, kMostReplyValues, [&](string_view key, string_view value) {
    if (key == "method") method = value;
    if (key == "params") params = value;
  });
  if (check != TextCheck::good || method != wanted || kind_of(params) != '{') return std::nullopt;
  return string(params);
}

}  // namespace

std::optional<string> decode_event(string_view line) {
  return decode_notification(line, "\"event\"");
}

std::optional<string> decode_log(string_view line) {
  return decode_notification(line, "\"log\"");
}

template <class R>
Result<R> read_as(string_view json) {
  if (auto error = line_error(json, kMostReplyValues)) return malformed(std::move(error->message));
  R value{};
  std::size_t first = json.find_first_not_of(kSpace);  // a piece begins and ends with its value
  string_view text = json.substr(first, json.find_last_not_of(kSpace) + 1 - first);
  if (!from_text(text, value)) return malformed(what_is_wrong(text, value));
  return value;
}

template <class R>
string write_as(const R& value, int indent) {
  JsonWriter text;
  to_text(value, text);
  string out = std::move(text).take();
  return indent < 0 ? out : dump(tree_of(out), indent);
}

string json_list(const std::vector<string_view>& objects) {
  std::size_t size = 4;
  for (string_view object : objects)
    size += object.size() + 2;
  string out;
  out.reserve(size);
  out += '[';
  for (string_view object : objects) {
    out += out.size() == 1 ? "\n" : ",\n";
    out += object;
  }
  return out += objects.empty() ? "]" : "\n]";
}

template string request_line(std::uint64_t, const Ping&, Last);
template string request_line(std::uint64_t, const GetStatus&, Last);
template string request_line(std::uint64_t, const GetSpec&, Last);
template string request_line(std::uint64_t, const Stop&, Last);
template string request_line(std::uint64_t, const RestartRun&, Last);
template string request_line(std::uint64_t, const ReloadRun&, Last);
template string request_line(std::uint64_t, const Scale&, Last);
template string request_line(std::uint64_t, const SignalRun&, Last);
template string request_line(std::uint64_t, const SendMessage&, Last);
template string request_line(std::uint64_t, const ShareSocket&, Last);
template string request_line(std::uint64_t, const GetLogs&, Last);
template string request_line(std::uint64_t, const RotateLogs&, Last);
template string request_line(std::uint64_t, const ReopenLogs&, Last);
template string request_line(std::uint64_t, const FlushLogs&, Last);
template string request_line(std::uint64_t, const Upgrade&, Last);
template string request_line(std::uint64_t, const GetWhy&, Last);
template string request_line(std::uint64_t, const WatchEvents&, Last);
template string request_line(std::uint64_t, const Discover&, Last);

#define KEEPER_RESULT(R)                               \
  template string reply_text(const IdText&, const R&); \
  template Result<R> read_as(string_view);             \
  template string write_as(const R&, int)
KEEPER_RESULT(Pong);
KEEPER_RESULT(Status);
KEEPER_RESULT(Spec);
KEEPER_RESULT(Signalled);
KEEPER_RESULT(Sent);
KEEPER_RESULT(SharedSocket);
KEEPER_RESULT(Reloaded);
KEEPER_RESULT(LogLines);
KEEPER_RESULT(NewLines);
KEEPER_RESULT(LogsNow);
KEEPER_RESULT(KeeperProgram);
KEEPER_RESULT(OpenRpc);
KEEPER_RESULT(RunHistory);
KEEPER_RESULT(RunRecord);
KEEPER_RESULT(Subscribed);
KEEPER_RESULT(AppEvent);
KEEPER_RESULT(PortList);
KEEPER_RESULT(Finding);
#undef KEEPER_RESULT

}  // namespace keeper
