/// @file
/// Texts that a loader runs, and that are harmless in the one form that frameworks write.
#pragma once

#include <string_view>

namespace modelaudit::formats::pickles {

/// What dill hands to `_eval_repr`: Ellipsis, NotImplemented, and ranges of numbers.
bool is_constant_repr(std::string_view text) noexcept;

/// The template that SciPy's distributions keep in their state and run when they are restored: three functions whose
/// bodies only pass their arguments on (scipy/stats/_distn_infrastructure.py, parse_arg_template).
bool is_distribution_template(std::string_view text);

}  // namespace modelaudit::formats::pickles
