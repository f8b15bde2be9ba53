// Writes the requests of tests/golden/http as seeds: openai_seeds SOURCE FOLDER
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.h"

int main(int argc, char** argv) {
  if (argc != 3) return 64;
  namespace fs = std::filesystem;
  fs::create_directories(argv[2]);
  for (const auto& entry : fs::directory_iterator(fs::path(argv[1]) / "tests/golden/http")) {
    const auto fixture = nlohmann::ordered_json::parse(stapes::read_file(entry.path()));
    if (!fixture.contains("request")) continue;
    const char kind = fixture["path"] == "/v1/completions" ? '0' : '1';
    stapes::write_file_atomically(fs::path(argv[2]) / entry.path().stem(),
                                  kind + fixture["request"].dump());
  }
}
