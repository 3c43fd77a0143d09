#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "scan_input.hpp"

namespace {

namespace fs = std::filesystem;

/// A folder for the index and its one shard, gone at the end of the process.
class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("shard_index_fuzz." + std::to_string(getpid()))) { fs::create_directory(path_); }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  fs::path write(const char* name, std::string_view text) const {
    std::ofstream(path_ / name, std::ios::binary).write(text.data(), static_cast<std::streamsize>(text.size()));
    return path_ / name;
  }

 private:
  fs::path path_;
};

}  // namespace

/// Up to the first NUL: the index. Behind it: the shard a.safetensors.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace modelaudit;
  static const Folder folder;
  static const Auditor auditor([] {
    Options options;
    options.cache.enabled = false;
    options.limits.memory = std::uint64_t{256} << 20;
    return options;
  }());
  const std::string text(data, data + size);
  const std::size_t end = std::min(text.find('\0'), text.size());
  const fs::path index = folder.write("model.safetensors.index.json", std::string_view(text).substr(0, end));
  folder.write("a.safetensors", std::string_view(text).substr(std::min(end + 1, text.size())));
  if (auditor.scan_file(index) != auditor.scan_file(index)) std::abort();
  return 0;
}
