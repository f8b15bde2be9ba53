// The control group (cgroup v2) of this process.
#pragma once

#include <string>

namespace stapes {

// Its folder below /sys/fs/cgroup; a folder that does not exist where the system has no cgroups v2.
std::string control_group_folder();

}  // namespace stapes
