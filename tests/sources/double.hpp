#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "modelaudit/sources.hpp"

namespace modelaudit::test {

/// The double of Artifactory (artifactory.py), running as long as the object lives.
class ArtifactoryDouble {
 public:
  ArtifactoryDouble();
  ~ArtifactoryDouble();
  ArtifactoryDouble(const ArtifactoryDouble&) = delete;
  ArtifactoryDouble& operator=(const ArtifactoryDouble&) = delete;

  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string other_host() const { return "127.0.0.1:" + std::to_string(other_port_); }
  std::string url(const std::string& below) const { return "http://" + host() + "/artifactory/" + below; }
  /// Options that know the double as a server of ours, allow its address, and wait for nothing.
  SourceOptions options() const;

 private:
  pid_t child_ = -1;
  int keep_alive_ = -1;  ///< the double ends when this is closed, also when the test is killed
  std::uint16_t port_ = 0;
  std::uint16_t other_port_ = 0;
};

}  // namespace modelaudit::test
