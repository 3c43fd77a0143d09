#include "wire/pickle/impl.hpp"

namespace modelaudit::wire::pickle {

namespace {

char rot13(char c) {
  if (c >= 'a' && c <= 'z') return static_cast<char>('a' + (c - 'a' + 13) % 26);
  if (c >= 'A' && c <= 'Z') return static_cast<char>('A' + (c - 'A' + 13) % 26);
  return c;
}

}  // namespace

Value Machine::Impl::text_method(Role role, const std::vector<Value>& args) {
  std::vector<std::string> texts;
  for (const Value v : args) {
    const auto part = text(v);
    if (!part) break;
    if (part->size() > 4096) return {};
    texts.emplace_back(*part);
  }
  if (texts.empty()) return {};
  std::string out = texts[0];
  switch (role) {
    case Role::join: {
      bool all = false;
      if (args.size() != 2) return {};
      const std::vector<Value> parts = items(args[1], 4096, &all);
      if (!all) return {};
      out.clear();
      for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto part = text(parts[i]);
        if (!part || out.size() + part->size() > 65536) return {};
        if (i != 0) out += texts[0];
        out += *part;
      }
      break;
    }
    case Role::replace: {
      if (texts.size() != 3 || texts[1].empty()) return {};
      for (std::size_t at = 0; (at = out.find(texts[1], at)) != std::string::npos && out.size() < 65536; at += texts[2].size()) {
        out.replace(at, texts[1].size(), texts[2]);
      }
      break;
    }
    case Role::codec: {
      const bool rot = texts.size() == 2 && (texts[1] == "rot13" || texts[1] == "rot_13" || texts[1] == "rot-13");
      if (!rot) return {};
      for (char& c : out) c = rot13(c);
      break;
    }
    case Role::concat:
      if (texts.size() != 2) return {};
      out += texts[1];
      break;
    case Role::lower:
    case Role::upper:
      for (char& c : out) {
        if (role == Role::lower && c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
        if (role == Role::upper && c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
      }
      break;
    case Role::decode: break;
    case Role::getitem: {
      if (args.size() != 2) return {};
      const auto size = static_cast<std::int64_t>(out.size());
      const auto number = [&](Value v, std::int64_t otherwise) {
        const auto n = machine.integer(v);
        if (!n) return otherwise;
        return std::clamp<std::int64_t>(*n < 0 ? *n + size : *n, -1, size);
      };
      if (machine.integer(args[1])) {
        const std::int64_t at = number(args[1], 0);
        if (at < 0 || at >= size) return {};
        out = out.substr(static_cast<std::size_t>(at), 1);
        break;
      }
      const std::vector<Value> slice = items(parts(args[1]).args, 3);
      if (slice.empty()) return {};
      const std::int64_t step = slice.size() == 3 ? machine.integer(slice[2]).value_or(1) : 1;
      if (step == 0) return {};
      const Value start_value = slice.size() > 1 ? slice[0] : Value();
      const Value stop_value = slice.size() > 1 ? slice[1] : slice[0];
      const std::int64_t start = number(start_value, step > 0 ? 0 : size - 1);
      const std::int64_t stop = number(stop_value, step > 0 ? size : -1);
      std::string picked;
      for (std::int64_t i = start; step > 0 ? i < stop : i > stop; i += step) {
        if (i >= 0 && i < size) picked += out[static_cast<std::size_t>(i)];
        if (i > size || i < -1) break;
      }
      out = picked;
      break;
    }
    default: return {};
  }
  return own_text(out, true, true);
}

}  // namespace modelaudit::wire::pickle
