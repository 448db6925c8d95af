// SPDX-License-Identifier: MIT
#include "net/process.hpp"

#include <array>
#include <fstream>
#include <optional>
#include <sstream>

#include <sys/stat.h>
#include <unistd.h>

namespace natterjack::net {

namespace {

std::string read_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

// The 22nd field of /proc/PID/stat. The second is the program's name in parentheses, and may hold
// anything.
std::optional<std::uint64_t> start_of(std::int64_t pid) {
    const auto line = read_line("/proc/" + std::to_string(pid) + "/stat");
    const auto name_end = line.rfind(')');
    if (name_end == std::string::npos) return std::nullopt;
    std::istringstream fields(line.substr(name_end + 1));
    std::string skipped;
    constexpr int kBetween = 19; // fields 3 to 21
    for (int i = 0; i < kBetween; ++i) fields >> skipped;
    std::uint64_t ticks = 0;
    if (!(fields >> ticks)) return std::nullopt;
    return ticks;
}

std::string boot_id() {
    return read_line("/proc/sys/kernel/random/boot_id");
}

std::uint64_t pid_space() {
    struct stat status {};
    return ::stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

std::string program() {
    std::array<char, 4096> path{};
    const auto length = ::readlink("/proc/self/exe", path.data(), path.size());
    return length > 0 ? std::string(path.data(), static_cast<std::size_t>(length)) : "";
}

} // namespace

Process this_process() {
    const auto pid = static_cast<std::int64_t>(::getpid());
    return {pid, start_of(pid).value_or(0), boot_id(), pid_space(), program()};
}

bool may_be_alive(const Process& process) {
    if (process.pid <= 0) return false;
    if (process.boot != boot_id()) return false;
    if (process.pid_space != pid_space()) return true;
    const auto started = start_of(process.pid);
    return started && *started == process.started;
}

} // namespace natterjack::net
