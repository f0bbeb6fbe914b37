// What an app is called that nobody gave a name, and whether two specs are of the same program.
#pragma once
#include <string>

#include "protocol/wire/spec.hpp"

namespace keeper {

/// Returns a file's name without its extension, made legal.
std::string default_name(const std::string& file);

/// Returns the name of an app: that of its program's file; behind an interpreter (`node web.js`) that of the
/// script; of `npm start` that of the package. The directory of the spec is absolute.
std::string default_name(const Spec& spec);

/// Returns whether both keep the same program, whatever its words are: by a path, by a name in PATH, or
/// behind an interpreter.
bool same_program(const Spec& one, const Spec& other);

}  // namespace keeper
