// The JSON tree of both programs: members keep their order.
#pragma once
#include <nlohmann/json_fwd.hpp>

namespace keeper {

using Json = nlohmann::ordered_json;

}  // namespace keeper
