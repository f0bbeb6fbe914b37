#include "protocol/wire/codec.hpp"

#include <nlohmann/json.hpp>

#include "protocol/wire/fields.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;

// --- base64 ---------------------------------------------------------------------------------------------------------

constexpr string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// --- bytes that are not UTF-8 ---------------------------------------------------------------------------------------

/// Whether `text` is UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing over U+10FFFF).
bool is_utf8(string_view text) {
  auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    unsigned char first = at(i);
    std::size_t more = first < 0x80 ? 0 : first >= 0xC2 && first < 0xE0 ? 1 : (first & 0xF0) == 0xE0 ? 2 : 3;
    if (first >= 0x80 && (first < 0xC2 || first > 0xF4)) return false;
    if (i + more >= text.size()) return false;
    for (std::size_t k = 1; k <= more; ++k)
      if ((at(i + k) & 0xC0) != 0x80) return false;
    if (first == 0xE0 && at(i + 1) < 0xA0) return false;
    if (first == 0xED && at(i + 1) > 0x9F) return false;
    if (first == 0xF0 && at(i + 1) < 0x90) return false;
    if (first == 0xF4 && at(i + 1) > 0x8F) return false;
    i += more + 1;
  }
  return true;
}

Json carried(const string& bytes) { return is_utf8(bytes) ? Json(bytes) : Json{{"base64", base64(bytes)}}; }

// --- values <-> JSON ------------------------------------------------------------------------------------------------

template <class T>
Json to_json(const T& value);
template <class T>
bool from_json(const Json& json, T& value);

template <class T>
concept Word = std::is_enum_v<T>;

Json exit_to_json(const LastExit& e) {
  Json out = Json::object();
  using Kind = ExitInfo::Kind;
  out["code"] = e.exit.kind == Kind::code ? Json(e.exit.value) : Json();
  out["signal"] = e.exit.kind == Kind::signal ? Json(signal_name(e.exit.value)) : Json();
  if (e.exit.core_dumped) out["core_dumped"] = true;
  out["at"] = to_json(e.at);
  out["after_ms"] = e.after_ms;
  out["cause"] = e.cause;
  out["pid"] = to_json(e.pid);
  return out;
}

bool exit_from_json(const Json& json, LastExit& e) {
  if (!json.is_object()) return false;
  auto get = [&](const char* key, auto& into) {
    auto found = json.find(key);
    return found == json.end() || from_json(*found, into);
  };
  std::optional<int> code;
  std::optional<string> signal;
  bool core = false;
  if (!get("code", code) || !get("signal", signal) || !get("core_dumped", core) || !get("at", e.at) ||
      !get("after_ms", e.after_ms) || !get("cause", e.cause) || !get("pid", e.pid))
    return false;
  if (code) {
    e.exit = ExitInfo::code(*code);
  } else if (signal) {
    auto number = parse_signal(*signal);
    if (number) e.exit = ExitInfo::signal(*number, core);
  }
  return true;
}

template <class T>
struct Arm {};  // picks an overload without making a T

template <class T>
Json put(Arm<std::optional<T>>, const std::optional<T>& v) {
  return v ? to_json(*v) : Json();
}
template <class T>
Json put(Arm<std::vector<T>>, const std::vector<T>& v) {
  Json out = Json::array();
  for (const T& item : v) out.push_back(to_json(item));
  return out;
}
Json put(Arm<string>, const string& v) { return Json(v); }
Json put(Arm<WallTime>, WallTime v) { return Json(time_text(v)); }
Json put(Arm<LastExit>, const LastExit& v) { return exit_to_json(v); }
Json put(Arm<Spec>, const Spec& v) { return spec_to_json(v); }
Json put(Arm<OpenRpc>, const OpenRpc& v) { return Json::parse(v.document, nullptr, false); }
template <Word T>
Json put(Arm<T>, T v) {
  return Json(string(word_for(v)));
}
template <class T>
  requires std::is_arithmetic_v<T>
Json put(Arm<T>, T v) {
  return Json(v);
}
template <HasFields T>
Json put(Arm<T>, const T& v) {
  Json out = Json::object();
  Fields<T>::each([&](const char* name, auto member, const char*) {
    if constexpr (std::is_same_v<T, LogLines> && std::is_same_v<decltype(member), std::vector<string> T::*>) {
      Json lines = Json::array();
      for (const string& line : v.*member) lines.push_back(carried(line));
      out[name] = std::move(lines);
    } else {
      out[name] = to_json(v.*member);
    }
  });
  return out;
}

template <class T>
bool take(Arm<std::optional<T>>, const Json& j, std::optional<T>& v) {
  if (j.is_null()) {
    v.reset();
    return true;
  }
  T inner{};
  if (!from_json(j, inner)) return false;
  v = std::move(inner);
  return true;
}
template <class T>
bool take(Arm<std::vector<T>>, const Json& j, std::vector<T>& v) {
  if (!j.is_array()) return false;
  v.clear();
  v.reserve(j.size());
  for (const Json& item : j) {
    T inner{};
    if (!from_json(item, inner)) return false;
    v.push_back(std::move(inner));
  }
  return true;
}
bool take(Arm<string>, const Json& j, string& v) {
  if (j.is_object()) {  // bytes that are not UTF-8
    auto coded = j.find("base64");
    if (coded == j.end() || !coded->is_string()) return false;
    auto bytes = from_base64(coded->get_ref<const string&>());
    if (bytes) v = std::move(*bytes);
    return bytes.has_value();
  }
  if (!j.is_string()) return false;
  v = j.get_ref<const string&>();
  return true;
}
bool take(Arm<WallTime>, const Json& j, WallTime& v) {
  if (!j.is_string()) return false;
  auto time = parse_time(j.get_ref<const string&>());
  if (time) v = *time;
  return static_cast<bool>(time);
}
bool take(Arm<LastExit>, const Json& j, LastExit& v) { return exit_from_json(j, v); }
bool take(Arm<Spec>, const Json& j, Spec& v) {
  auto spec = spec_from_json(j);
  if (spec) v = std::move(*spec);
  return static_cast<bool>(spec);
}
bool take(Arm<OpenRpc>, const Json& j, OpenRpc& v) {
  v.document = j.dump(-1, ' ', false, Json::error_handler_t::replace);
  return j.is_object();
}
template <Word T>
bool take(Arm<T>, const Json& j, T& v) {
  if (!j.is_string()) return false;
  if (auto known = value_for<T>(j.get_ref<const string&>())) v = *known;  // a word of a newer keeper: keep the default
  return true;
}
bool take(Arm<bool>, const Json& j, bool& v) {
  if (!j.is_boolean()) return false;
  v = j.get<bool>();
  return true;
}
template <std::integral T>
  requires(!std::is_same_v<T, bool>)
bool take(Arm<T>, const Json& j, T& v) {
  if (!j.is_number_integer()) return false;
  if (j.is_number_unsigned()) {
    auto n = j.get<std::uint64_t>();
    if (!std::in_range<T>(n)) return false;
    v = static_cast<T>(n);
  } else {
    auto n = j.get<std::int64_t>();
    if (!std::in_range<T>(n)) return false;
    v = static_cast<T>(n);
  }
  return true;
}
bool take(Arm<double>, const Json& j, double& v) {
  if (!j.is_number()) return false;
  v = j.get<double>();
  return true;
}
template <HasFields T>
bool take(Arm<T>, const Json& j, T& v) {
  if (!j.is_object()) return false;
  bool good = true;
  Fields<T>::each([&](const char* name, auto member, const char*) {
    auto found = j.find(name);
    if (found != j.end() && !from_json(*found, v.*member)) good = false;
  });
  return good;
}

template <class T>
Json to_json(const T& value) {
  return put(Arm<T>{}, value);
}
template <class T>
bool from_json(const Json& json, T& value) {
  return take(Arm<T>{}, json, value);
}

string dump(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

// --- bounds, before a tree is built ---------------------------------------------------------------------------------

/// Counts depth and values of a JSON text and stops at the bounds.
class Bounds : public nlohmann::json_sax<Json> {
 public:
  bool too_much = false;
  bool null() override { return one(); }
  bool boolean(bool) override { return one(); }
  bool number_integer(number_integer_t) override { return one(); }
  bool number_unsigned(number_unsigned_t) override { return one(); }
  bool number_float(number_float_t, const string_t&) override { return one(); }
  bool string(string_t&) override { return one(); }
  bool binary(binary_t&) override { return one(); }
  bool key(string_t&) override { return true; }
  bool start_object(std::size_t) override { return deeper(); }
  bool start_array(std::size_t) override { return deeper(); }
  bool end_object() override { return --depth_ >= 0; }
  bool end_array() override { return --depth_ >= 0; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  bool one() { return bound(++values_ <= kMostValues); }
  bool deeper() { return bound(++depth_ <= kMostDepth) && one(); }
  bool bound(bool within) {
    too_much = too_much || !within;
    return within;
  }
  int depth_ = 0;
  int values_ = 0;
};

/// A tree, or what is wrong with the text.
std::variant<Json, RpcError> parse_bounded(string_view text) {
  Bounds bounds;
  if (!Json::sax_parse(text, &bounds)) {
    if (bounds.too_much)
      return RpcError{rpc_code::invalid_request,
                      "more than " + std::to_string(kMostDepth) + " levels or " + std::to_string(kMostValues) + " values",
                      Reason::too_large};
    return RpcError{rpc_code::parse, "not a JSON text", Reason::invalid};
  }
  return Json::parse(text, nullptr, false);
}

// --- requests -------------------------------------------------------------------------------------------------------

template <std::size_t I = 0>
Incoming read_params(string_view method, const Json& params, const IdText& id, bool answer) {
  if constexpr (I == std::variant_size_v<AnyRequest>) {
    return BadRequest{id, answer,
                      {rpc_code::method_not_found,
                       "no method '" + string(method) + "'; rpc.discover lists them", Reason::unsupported}};
  } else {
    using M = std::variant_alternative_t<I, AnyRequest>;
    if (method != M::method) return read_params<I + 1>(method, params, id, answer);
    M request;
    string wrong;
    Fields<M>::each([&](const char* name, auto member, const char*) {
      auto found = params.find(name);
      if (found != params.end() && !from_json(*found, request.*member)) wrong = name;
    });
    if (!wrong.empty())
      return BadRequest{id, answer,
                        {rpc_code::invalid_params, "parameter '" + wrong + "' has the wrong type", Reason::invalid}};
    return Request{id, answer, std::move(request)};
  }
}

Incoming read_request(const Json& json) {
  auto bad = [](IdText id, const char* why) {
    return BadRequest{std::move(id), true, {rpc_code::invalid_request, why, Reason::invalid}};
  };
  if (!json.is_object()) return bad("null", "a request is a JSON object");
  IdText id = "null";
  bool answer = false;
  if (auto found = json.find("id"); found != json.end()) {
    if (!found->is_string() && !found->is_number() && !found->is_null())
      return bad("null", "an id is a text, a number or null");
    id = dump(*found);
    answer = true;
  }
  auto version = json.find("jsonrpc");
  if (version == json.end() || !version->is_string() || version->get_ref<const string&>() != "2.0")
    return bad(id, "\"jsonrpc\":\"2.0\" is missing");
  auto method = json.find("method");
  if (method == json.end() || !method->is_string()) return bad(id, "\"method\" is missing");
  static const Json none = Json::object();
  auto params = json.find("params");
  const Json& given = params == json.end() || params->is_null() ? none : *params;
  if (!given.is_object() && !(given.is_array() && given.empty()))
    return BadRequest{id, answer, {rpc_code::invalid_params, "params are given by name, in an object", Reason::invalid}};
  return read_params(method->get_ref<const string&>(), given.is_object() ? given : none, id, answer);
}

// --- rpc.discover ---------------------------------------------------------------------------------------------------

template <class T>
Json schema_of(Arm<T>) {
  if constexpr (std::is_same_v<T, bool>) return Json{{"type", "boolean"}};
  if constexpr (std::is_integral_v<T>) return Json{{"type", "integer"}};
  if constexpr (std::is_floating_point_v<T>) return Json{{"type", "number"}};
  if constexpr (std::is_same_v<T, string>) return Json{{"type", "string"}};
  if constexpr (std::is_same_v<T, WallTime>) return Json{{"type", "string"}, {"format", "date-time"}};
  if constexpr (Word<T>) {
    Json words = Json::array();
    for (const auto& w : kWordsOf<T>) words.push_back(string(w.word));
    return Json{{"type", "string"}, {"enum", std::move(words)}};
  }
  if constexpr (HasFields<T>) {
    Json properties = Json::object();
    Fields<T>::each([&](const char* name, auto member, const char* about) {
      using M = std::remove_cvref_t<decltype(std::declval<T&>().*member)>;
      Json one = schema_of(Arm<M>{});
      one["description"] = about;
      properties[name] = std::move(one);
    });
    return Json{{"type", "object"}, {"properties", std::move(properties)}};
  }
  return Json{{"type", "object"}};
}
template <class T>
Json schema_of(Arm<std::optional<T>>) {
  Json one = schema_of(Arm<T>{});
  if (one.contains("type")) one["type"] = Json::array({one["type"], "null"});
  return one;
}
template <class T>
Json schema_of(Arm<std::vector<T>>) {
  return Json{{"type", "array"}, {"items", schema_of(Arm<T>{})}};
}

template <class M>
Json describe_method() {
  Json params = Json::array();
  Fields<M>::each([&](const char* name, auto member, const char* about) {
    using P = std::remove_cvref_t<decltype(std::declval<M&>().*member)>;
    params.push_back(Json{{"name", name}, {"description", about}, {"required", false}, {"schema", schema_of(Arm<P>{})}});
  });
  return Json{{"name", string(M::method)},
              {"summary", string(M::summary)},
              {"paramStructure", "by-name"},
              {"params", std::move(params)},
              {"result", Json{{"name", "result"}, {"schema", schema_of(Arm<typename M::Reply>{})}}}};
}

template <std::size_t... I>
Json describe_all(std::index_sequence<I...>) {
  return Json::array({describe_method<std::variant_alternative_t<I, AnyRequest>>()...});
}

}  // namespace

OpenRpc open_rpc() {
  Json doc = {{"openrpc", "1.2.6"},
              {"info", {{"title", "keeper"}, {"version", KEEPER_VERSION}}},
              {"methods", describe_all(std::make_index_sequence<std::variant_size_v<AnyRequest>>())}};
  return {dump(doc)};
}

RpcError to_rpc(const Error& error) {
  int code = rpc_code::server;
  if (error.reason == Reason::invalid || error.reason == Reason::usage) code = rpc_code::invalid_params;
  if (error.reason == Reason::unsupported) code = rpc_code::method_not_found;
  if (error.reason == Reason::internal) code = rpc_code::internal;
  return {code, error.text(), error.reason};
}

Error from_rpc(const RpcError& error, string doing) { return Error{error.reason, std::move(doing), error.message, 0}; }

RequestLine decode_requests(string_view line) {
  RequestLine out;
  if (line.find_first_not_of(" \t\r") == string_view::npos) return out;
  auto parsed = parse_bounded(line);
  if (auto* error = std::get_if<RpcError>(&parsed)) {
    out.items.emplace_back(BadRequest{"null", true, *error});
    return out;
  }
  const Json& json = std::get<Json>(parsed);
  if (!json.is_array()) {
    out.items.push_back(read_request(json));
    return out;
  }
  if (json.empty()) {
    out.items.emplace_back(BadRequest{"null", true, {rpc_code::invalid_request, "an empty batch", Reason::invalid}});
    return out;
  }
  out.batch = true;
  for (const Json& item : json) out.items.push_back(read_request(item));
  return out;
}

template <class M>
string request_line(std::uint64_t id, const M& request) {
  Json params = Json::object();
  Fields<M>::each([&](const char* name, auto member, const char*) {
    Json value = to_json(request.*member);
    if (!value.is_null()) params[name] = std::move(value);
  });
  Json line = {{"jsonrpc", "2.0"}, {"id", id}, {"method", string(M::method)}};
  if (!params.empty()) line["params"] = std::move(params);
  return dump(line) + "\n";
}

template <class R>
string reply_text(const IdText& id, const R& result) {
  return R"({"jsonrpc":"2.0","id":)" + id + R"(,"result":)" + write_as(result) + "}";
}

string error_text(const IdText& id, const RpcError& error) {
  Json body = {{"code", error.code}, {"message", error.message}, {"data", {{"reason", string(word(error.reason))}}}};
  return R"({"jsonrpc":"2.0","id":)" + id + R"(,"error":)" + dump(body) + "}";
}

Result<Reply> decode_reply(string_view line) {
  auto bad = [](string why) { return Error{Reason::invalid, {}, std::move(why), 0}; };
  auto parsed = parse_bounded(line);
  if (auto* error = std::get_if<RpcError>(&parsed)) return bad(error->message);
  const Json& json = std::get<Json>(parsed);
  if (!json.is_object()) return bad("a reply is a JSON object");
  Reply reply;
  if (auto id = json.find("id"); id != json.end() && id->is_number_unsigned()) reply.id = id->get<std::uint64_t>();
  if (auto error = json.find("error"); error != json.end() && error->is_object()) {
    RpcError out;
    if (auto code = error->find("code"); code != error->end()) from_json(*code, out.code);
    if (auto message = error->find("message"); message != error->end()) from_json(*message, out.message);
    string reason;
    if (auto data = error->find("data"); data != error->end() && data->is_object())
      if (auto found = data->find("reason"); found != data->end()) from_json(*found, reason);
    out.reason = reason_of(reason);
    reply.error = std::move(out);
    return reply;
  }
  auto result = json.find("result");
  if (result == json.end()) return bad("a reply has a result or an error");
  reply.result = dump(*result);
  return reply;
}

template <class R>
Result<R> read_as(string_view json_text) {
  Json json = Json::parse(json_text, nullptr, false);
  R value{};
  if (json.is_discarded() || !from_json(json, value)) return Error{Reason::invalid, {}, "malformed JSON record", 0};
  return value;
}

template <class R>
string write_as(const R& value, int indent) {
  return dump(to_json(value), indent);
}

string write_list(const std::vector<Status>& list) {
  string out = "[";
  for (const Status& status : list) {
    out += out.size() == 1 ? "\n" : ",\n";
    out += write_as(status);
  }
  return out + (list.empty() ? "]" : "\n]");
}

string base64(string_view bytes) {
  string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k)
      out += i + k > bytes.size() ? '=' : kAlphabet[group >> (18 - 6 * k) & 63];
  }
  return out;
}

std::optional<string> from_base64(string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  string out;
  for (std::size_t i = 0; i < text.size(); i += 4) {
    unsigned group = 0;
    std::size_t padding = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      char c = text[i + k];
      std::size_t digit = kAlphabet.find(c);
      if (c == '=' && i + 4 == text.size() && k >= 2) {
        ++padding;
        digit = 0;
      } else if (digit == string_view::npos || padding > 0) {
        return std::nullopt;
      }
      group = group << 6 | static_cast<unsigned>(digit);
    }
    for (std::size_t k = 0; k + padding < 3; ++k) out += static_cast<char>(group >> (16 - 8 * k) & 255);
  }
  return out;
}

template string request_line(std::uint64_t, const Ping&);
template string request_line(std::uint64_t, const GetStatus&);
template string request_line(std::uint64_t, const GetSpec&);
template string request_line(std::uint64_t, const Stop&);
template string request_line(std::uint64_t, const RestartRun&);
template string request_line(std::uint64_t, const SignalRun&);
template string request_line(std::uint64_t, const GetLogs&);
template string request_line(std::uint64_t, const Discover&);

#define KEEPER_RESULT(R)                                   \
  template string reply_text(const IdText&, const R&);     \
  template Result<R> read_as(string_view);                 \
  template string write_as(const R&, int)
KEEPER_RESULT(Pong);
KEEPER_RESULT(Status);
KEEPER_RESULT(Spec);
KEEPER_RESULT(Signalled);
KEEPER_RESULT(LogLines);
KEEPER_RESULT(OpenRpc);
#undef KEEPER_RESULT

}  // namespace keeper
