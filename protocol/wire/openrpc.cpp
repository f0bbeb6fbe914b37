// The OpenRPC document, made of what the messages declare.
#include <nlohmann/json.hpp>

#include "protocol/wire/codec.hpp"
#include "protocol/wire/fields.hpp"

namespace keeper {
namespace {

using std::string;

/// Selects an overload without making a T.
template <class T>
struct SchemaTag {};

template <class T>
Json schema_of(SchemaTag<T>) {
  if constexpr (std::is_same_v<T, bool>) return Json{{"type", "boolean"}};
  if constexpr (std::is_integral_v<T>) return Json{{"type", "integer"}};
  if constexpr (std::is_floating_point_v<T>) return Json{{"type", "number"}};
  if constexpr (std::is_same_v<T, string>) return Json{{"type", "string"}};
  if constexpr (std::is_same_v<T, WallTime>) return Json{{"type", "string"}, {"format", "date-time"}};
  if constexpr (std::is_enum_v<T>) {
    Json words = Json::array();
    for (const auto& w : kWordsOf<T>)
      words.push_back(string(w.word));
    return Json{{"type", "string"}, {"enum", std::move(words)}};
  }
  if constexpr (HasFields<T>) {
    Json properties = Json::object();
    T::fields([&](const char* name, auto member, const char* about) {
      using M = std::remove_cvref_t<decltype(std::declval<T&>().*member)>;
      Json one = schema_of(SchemaTag<M>{});
      one["description"] = about;
      properties[name] = std::move(one);
    });
    return Json{{"type", "object"}, {"properties", std::move(properties)}};
  }
  return Json{{"type", "object"}};
}
Json schema_of(SchemaTag<JsonText>) {
  return Json::object();
}
Json schema_of(SchemaTag<OutputLines>) {
  return Json{{"type", "array"}, {"items", {{"type", "string"}}}};
}
template <class T>
Json schema_of(SchemaTag<std::optional<T>>) {
  Json one = schema_of(SchemaTag<T>{});
  if (one.contains("type")) one["type"] = Json::array({one["type"], "null"});
  return one;
}
template <class T>
Json schema_of(SchemaTag<std::vector<T>>) {
  return Json{{"type", "array"}, {"items", schema_of(SchemaTag<T>{})}};
}

template <class M>
Json describe_method() {
  Json params = Json::array();
  M::fields([&](const char* name, auto member, const char* about) {
    using P = std::remove_cvref_t<decltype(std::declval<M&>().*member)>;
    params.push_back(Json{
        {"name", name}, {"description", about}, {"required", false}, {"schema", schema_of(SchemaTag<P>{})}});
  });
  return Json{{"name", string(M::method)},
              {"summary", string(M::summary)},
              {"paramStructure", "by-name"},
              {"params", std::move(params)},
              {"result", Json{{"name", "result"}, {"schema", schema_of(SchemaTag<typename M::Reply>{})}}}};
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
  return {doc.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

}  // namespace keeper
