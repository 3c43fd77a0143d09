#include "wire/pickle/opcodes.hpp"

namespace modelaudit::wire::pickle {

namespace {

struct Row {
  std::uint8_t code;
  OpcodeInfo info;
};

using enum Operand;

// code, {name, operand, protocol, pops, pushes, to_mark}
constexpr Row k_rows[] = {
    {op_mark, {"MARK", none, 0, 0, 0, false}},
    {op_stop, {"STOP", none, 0, 1, 0, false}},
    {op_pop, {"POP", none, 0, 0, 0, false}},  // drops a value, or the mark when it lies on top
    {op_pop_mark, {"POP_MARK", none, 1, 0, 0, true}},
    {op_dup, {"DUP", none, 0, 1, 2, false}},
    {op_float, {"FLOAT", line, 0, 0, 1, false}},
    {op_int, {"INT", line, 0, 0, 1, false}},
    {op_binint, {"BININT", i32, 1, 0, 1, false}},
    {op_binint1, {"BININT1", u8, 1, 0, 1, false}},
    {op_long, {"LONG", line, 0, 0, 1, false}},
    {op_binint2, {"BININT2", u16, 1, 0, 1, false}},
    {op_none, {"NONE", none, 0, 0, 1, false}},
    {op_persid, {"PERSID", line, 0, 0, 1, false}},
    {op_binpersid, {"BINPERSID", none, 1, 1, 1, false}},
    {op_reduce, {"REDUCE", none, 0, 2, 1, false}},
    {op_string, {"STRING", line, 0, 0, 1, false}},
    {op_binstring, {"BINSTRING", bytes_s4, 1, 0, 1, false}},
    {op_short_binstring, {"SHORT_BINSTRING", bytes1, 1, 0, 1, false}},
    {op_unicode, {"UNICODE", line, 0, 0, 1, false}},
    {op_binunicode, {"BINUNICODE", bytes4, 1, 0, 1, false}},
    {op_append, {"APPEND", none, 0, 2, 1, false}},
    {op_build, {"BUILD", none, 0, 2, 1, false}},
    {op_global, {"GLOBAL", two_lines, 0, 0, 1, false}},
    {op_dict, {"DICT", none, 0, 0, 1, true}},
    {op_appends, {"APPENDS", none, 1, 1, 1, true}},
    {op_get, {"GET", line, 0, 0, 1, false}},
    {op_binget, {"BINGET", u8, 1, 0, 1, false}},
    {op_inst, {"INST", two_lines, 0, 0, 1, true}},
    {op_long_binget, {"LONG_BINGET", u32, 1, 0, 1, false}},
    {op_list, {"LIST", none, 0, 0, 1, true}},
    {op_obj, {"OBJ", none, 1, 0, 1, true}},
    {op_put, {"PUT", line, 0, 1, 1, false}},
    {op_binput, {"BINPUT", u8, 1, 1, 1, false}},
    {op_long_binput, {"LONG_BINPUT", u32, 1, 1, 1, false}},
    {op_setitem, {"SETITEM", none, 0, 3, 1, false}},
    {op_tuple, {"TUPLE", none, 0, 0, 1, true}},
    {op_setitems, {"SETITEMS", none, 1, 1, 1, true}},
    {op_empty_dict, {"EMPTY_DICT", none, 1, 0, 1, false}},
    {op_empty_list, {"EMPTY_LIST", none, 1, 0, 1, false}},
    {op_empty_tuple, {"EMPTY_TUPLE", none, 1, 0, 1, false}},
    {op_binbytes, {"BINBYTES", bytes4, 3, 0, 1, false}},
    {op_short_binbytes, {"SHORT_BINBYTES", bytes1, 3, 0, 1, false}},
    {op_binfloat, {"BINFLOAT", f64, 1, 0, 1, false}},
    {op_proto, {"PROTO", u8, 2, 0, 0, false}},
    {op_newobj, {"NEWOBJ", none, 2, 2, 1, false}},
    {op_ext1, {"EXT1", u8, 2, 0, 1, false}},
    {op_ext2, {"EXT2", u16, 2, 0, 1, false}},
    {op_ext4, {"EXT4", i32, 2, 0, 1, false}},
    {op_tuple1, {"TUPLE1", none, 2, 1, 1, false}},
    {op_tuple2, {"TUPLE2", none, 2, 2, 1, false}},
    {op_tuple3, {"TUPLE3", none, 2, 3, 1, false}},
    {op_newtrue, {"NEWTRUE", none, 2, 0, 1, false}},
    {op_newfalse, {"NEWFALSE", none, 2, 0, 1, false}},
    {op_long1, {"LONG1", bytes1, 2, 0, 1, false}},
    {op_long4, {"LONG4", bytes_s4, 2, 0, 1, false}},
    {op_short_binunicode, {"SHORT_BINUNICODE", bytes1, 4, 0, 1, false}},
    {op_binunicode8, {"BINUNICODE8", bytes8, 4, 0, 1, false}},
    {op_binbytes8, {"BINBYTES8", bytes8, 4, 0, 1, false}},
    {op_empty_set, {"EMPTY_SET", none, 4, 0, 1, false}},
    {op_additems, {"ADDITEMS", none, 4, 1, 1, true}},
    {op_frozenset, {"FROZENSET", none, 4, 0, 1, true}},
    {op_newobj_ex, {"NEWOBJ_EX", none, 4, 3, 1, false}},
    {op_stack_global, {"STACK_GLOBAL", none, 4, 2, 1, false}},
    {op_memoize, {"MEMOIZE", none, 4, 1, 1, false}},
    {op_frame, {"FRAME", u64, 4, 0, 0, false}},
    {op_bytearray8, {"BYTEARRAY8", bytes8, 5, 0, 1, false}},
    {op_next_buffer, {"NEXT_BUFFER", none, 5, 0, 1, false}},
    {op_readonly_buffer, {"READONLY_BUFFER", none, 5, 1, 1, false}},
};
static_assert(std::size(k_rows) == 68, "protocols 0 to 5 have 68 opcodes");

constexpr std::array<OpcodeInfo, 256> make_table() {
  std::array<OpcodeInfo, 256> table{};
  for (const Row& row : k_rows) table[row.code] = row.info;
  return table;
}

}  // namespace

constexpr std::array<OpcodeInfo, 256> k_opcodes = make_table();

}  // namespace modelaudit::wire::pickle
