#include "base/control_group.h"

#include <fstream>

namespace stapes {

std::string control_group_folder() {
  std::ifstream groups("/proc/self/cgroup");
  std::string line;
  while (std::getline(groups, line) && !line.starts_with("0::")) {
  }
  if (!line.starts_with("0::")) return "/no control group";
  return "/sys/fs/cgroup" + line.substr(3);
}

}  // namespace stapes
