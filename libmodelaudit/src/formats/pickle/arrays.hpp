/// @file
/// joblib's arrays between the opcodes: what the wrapper's state says about the raw data that follows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "wire/pickle/machine.hpp"

namespace modelaudit::formats::pickles {

/// joblib, numpy_pickle.py: NumpyArrayWrapper.read_array().
struct ArrayLayout {
  bool is_object = false;         ///< a whole pickle stream follows instead of raw data
  bool is_padded = false;         ///< one byte p, then p bytes of 0xff come first (joblib >= 1.2)
  std::uint64_t data_size = 0;    ///< itemsize times the product of the shape
  std::uint64_t offset = 0;       ///< of the BUILD opcode
  std::string problem;            ///< not empty: the layout cannot be computed, and why
  bool foreign_class = false;     ///< `subclass` is none of numpy's three
};

/// From the state of a wrapper's BUILD.
ArrayLayout read_array_layout(const wire::pickle::Machine& machine, wire::pickle::Value state);

/// Size of one item of a numpy.dtype value, and whether it holds Python objects.
struct ItemType {
  std::uint64_t size = 0;
  bool has_objects = false;
  bool known = false;
};
ItemType read_dtype(const wire::pickle::Machine& machine, wire::pickle::Value dtype, int level = 0);

}  // namespace modelaudit::formats::pickles
