// The file of --env-file, as dotenv has it: K=V lines, # comments, `export`, single and double quotes. Quoted
// values may go over several lines; in double quotes \n \t \r \" \\ \$ mean what they do elsewhere, and a
// backslash at the end of a line joins it with the next one. Nothing is expanded.
#pragma once
#include <string>
#include <vector>

#include "protocol/home/acting_as.hpp"
#include "protocol/wire/result.hpp"

namespace keeper {

/// The variables as "K=V", in their order. `user`: whose rights count where that user may have chosen the
/// file (protocol/home/file_place.hpp). Errors name the file and the line: of a quote that is never closed
/// the one where it was opened.
Result<std::vector<std::string>> read_env_file(const std::string& path, const ActingUser& user = {});

}  // namespace keeper
