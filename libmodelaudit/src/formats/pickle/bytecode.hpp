/// @file
/// What a code object that dill or cloudpickle takes apart mentions: its names and constants stand in the arguments.
#pragma once

#include <string>

#include "wire/pickle/machine.hpp"

namespace modelaudit::formats::pickles {

struct CodeMentions {
  std::uint64_t code_objects = 0;  ///< tuples that look like the arguments of types.CodeType
  std::string danger;              ///< "os.system"; empty: nothing dangerous is named
};

/// Looks through the arguments and the containers in them.
CodeMentions find_mentions(const wire::pickle::Machine& machine, wire::pickle::Value args);

}  // namespace modelaudit::formats::pickles
