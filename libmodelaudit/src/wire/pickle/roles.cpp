#include "wire/pickle/impl.hpp"

namespace modelaudit::wire::pickle {

namespace {

struct RoleRow {
  std::string_view module, name;
  Role role;
};

constexpr RoleRow k_roles[] = {
    {"builtins", "dict", Role::container},
    {"builtins", "frozenset", Role::container},
    {"builtins", "list", Role::container},
    {"builtins", "set", Role::container},
    {"builtins", "tuple", Role::container},
    {"collections", "Counter", Role::container},
    {"collections", "OrderedDict", Role::container},
    {"collections", "defaultdict", Role::container},
    {"collections", "deque", Role::container},
    {"builtins", "getattr", Role::getattr},
    {"builtins", "setattr", Role::setattr},
    {"builtins", "object.__setattr__", Role::setattr},
    {"builtins", "object.__getattribute__", Role::getattr},
    {"builtins", "__import__", Role::import_top},
    {"builtins", "map", Role::first_argument},
    {"builtins", "filter", Role::first_argument},
    {"builtins", "apply", Role::first_argument},
    {"builtins", "str.join", Role::join},
    {"builtins", "str.replace", Role::replace},
    {"builtins", "str.lower", Role::lower},
    {"builtins", "str.upper", Role::upper},
    {"builtins", "str.__add__", Role::concat},
    {"builtins", "str.__getitem__", Role::getitem},
    {"builtins", "bytes.decode", Role::decode},
    {"builtins", "slice", Role::slice},
    {"codecs", "encode", Role::codec},
    {"codecs", "decode", Role::codec},
    {"_codecs", "encode", Role::codec},
    {"_codecs", "decode", Role::codec},
    {"copyreg", "_reconstructor", Role::reconstructor},
    {"copyreg", "__newobj__", Role::newobj},
    {"copyreg", "__newobj_ex__", Role::newobj_ex},
    {"functools", "partial", Role::partial},
    {"_functools", "partial", Role::partial},
    {"functools", "reduce", Role::first_argument},
    {"_functools", "reduce", Role::first_argument},
    {"importlib", "import_module", Role::import_module},
    {"importlib", "__import__", Role::import_top},
    {"importlib._bootstrap", "__import__", Role::import_top},
    {"itertools", "starmap", Role::first_argument},
    {"itertools", "filterfalse", Role::first_argument},
    {"itertools", "takewhile", Role::first_argument},
    {"itertools", "dropwhile", Role::first_argument},
    {"itertools", "accumulate", Role::second_argument},
    {"itertools", "groupby", Role::second_argument},
    {"pkgutil", "resolve_name", Role::resolve_name},
    {"pydoc", "locate", Role::resolve_name},
    {"dill._dill", "_get_attr", Role::getattr},
    {"dill._dill", "_import_module", Role::resolve_name},
    {"dill._dill", "_setattr", Role::setattr},
    {"sys", "modules", Role::module_table},
    {"sys", "modules.get", Role::table_get},
    {"sys", "modules.__getitem__", Role::table_get},
    {"sys", "modules.pop", Role::table_get},
    {"sys", "modules.setdefault", Role::table_write},
    {"sys", "modules.update", Role::table_write},
    {"sys", "modules.__setitem__", Role::table_write},
    {"torch._tensor", "_rebuild_from_type_v2", Role::rebuild_from_type},
};

constexpr RoleRow k_operator_roles[] = {
    {"operator", "attrgetter", Role::attrgetter},   {"operator", "itemgetter", Role::itemgetter},
    {"operator", "methodcaller", Role::methodcaller}, {"operator", "getitem", Role::getitem},
    {"operator", "__getitem__", Role::getitem},     {"operator", "concat", Role::concat},
    {"operator", "add", Role::concat},              {"operator", "iadd", Role::concat},
    {"operator", "iconcat", Role::concat},          {"operator", "__add__", Role::concat},
    {"operator", "call", Role::first_argument},     {"operator", "setitem", Role::table_write},
};

}  // namespace

Role role_of(std::string_view module, std::string_view name) {
  for (const RoleRow& row : k_roles) {
    if (row.module == module && row.name == name) return row.role;
  }
  if (module == "operator" || module == "_operator") {
    for (const RoleRow& row : k_operator_roles) {
      if (row.name == name) return row.role;
    }
  }
  if (name.ends_with("_import_dotted_name")) return Role::resolve_name;
  if (name.ends_with("load_module")) return Role::import_module;
  if (name == "subimport" && module.find("cloudpickle") != std::string_view::npos) return Role::import_module;
  return Role::plain;
}

}  // namespace modelaudit::wire::pickle
