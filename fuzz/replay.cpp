// Runs a fuzz target over the files of its seed folder: whole, cut at a few places and with a few bytes changed.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void replay(const std::vector<std::uint8_t>& seed) {
  LLVMFuzzerTestOneInput(seed.data(), seed.size());
  constexpr std::size_t k_cuts = 32;
  for (std::size_t i = 0; i < k_cuts; ++i) LLVMFuzzerTestOneInput(seed.data(), seed.size() * i / k_cuts);
  std::vector<std::uint8_t> changed = seed;
  const std::size_t stride = seed.size() / 64 + 1;
  for (std::size_t i = 0; i < seed.size(); i += stride) {
    changed[i] = static_cast<std::uint8_t>(~seed[i]);
    LLVMFuzzerTestOneInput(changed.data(), changed.size());
    changed[i] = seed[i];
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || !std::filesystem::is_directory(argv[1])) {
    std::fprintf(stderr, "usage: %s SEED_FOLDER\n", argv[0]);
    return 2;
  }
  std::size_t seeds = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    std::ifstream in(entry.path(), std::ios::binary);
    const std::vector<std::uint8_t> seed((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    replay(seed);
    ++seeds;
  }
  std::printf("%zu seeds replayed\n", seeds);
  return seeds == 0 ? 1 : 0;
}
