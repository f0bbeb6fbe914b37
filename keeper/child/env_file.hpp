// The file of --env-file in dotenv syntax: K=V lines, # comments, `export`, single and double quotes. Quoted
// values may span several lines; double quotes have the usual \n \t \r \" \\ \$, and a backslash at the end
// of a line joins it with the next one. Nothing is expanded.
#pragma once
#include <string>
#include <vector>

#include "protocol/base/acting_as.hpp"
#include "protocol/base/result.hpp"

namespace keeper {

/// Returns the variables as "K=V", in order. `user`: the user whose rights count if that user may have chosen
/// the file (protocol/base/file_place.hpp). Errors name the file and the line: for a quote that is never
/// closed, the line that opened it.
Result<std::vector<std::string>> read_env_file(const std::string& path, const ActingUser& user = {});

}  // namespace keeper
