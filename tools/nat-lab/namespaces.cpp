// SPDX-License-Identifier: MIT
#include "namespaces.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <iostream>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process.hpp"
#include "topology.hpp"

namespace natterjack::lab {

namespace {

constexpr const char* kNetworkDirectory = "/run/netns";
constexpr unsigned long kNamespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET;

Error system_error(std::string what, int number = errno) {
    return Error{Errc::Unsupported, std::move(what) + ": " + errno_text(number), number};
}

/// fork() with namespaces. The C library offers no such call.
pid_t fork_into(unsigned long namespaces) {
    const unsigned long flags = namespaces | SIGCHLD;
#if defined(__s390__)
    return static_cast<pid_t>(::syscall(SYS_clone, nullptr, flags, nullptr, nullptr, nullptr));
#else
    return static_cast<pid_t>(::syscall(SYS_clone, flags, nullptr, nullptr, nullptr, nullptr));
#endif
}

/// Makes us root of our own user namespace: the caller's one identity becomes 0 inside.
Result<void> map_identity(uid_t user, gid_t group) {
    // setgroups must be given up before an ordinary user may write gid_map (user_namespaces(7)).
    const std::array<std::pair<const char*, std::string>, 3> files{
        {{"/proc/self/setgroups", "deny"},
         {"/proc/self/uid_map", "0 " + std::to_string(user) + " 1"},
         {"/proc/self/gid_map", "0 " + std::to_string(group) + " 1"}}};
    for (const auto& [path, text] : files) {
        const auto written = write_file(path, text);
        if (!written) {
            return Error{Errc::Unsupported,
                         "cannot become root of a user namespace: " + written.error().message,
                         written.error().detail};
        }
    }
    return {};
}

bool is_readable_file(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

} // namespace

Result<void> write_file(const std::string& path, std::string_view text) {
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!file) return system_error("cannot open " + path);
    // One write: the kernel's own files take a value whole or not at all.
    const auto written = ::write(file.get(), text.data(), text.size());
    if (written != static_cast<ssize_t>(text.size())) return system_error("cannot write " + path);
    return {};
}

Result<Sandbox> start_sandbox(const std::function<int(SandboxInit)>& body) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("cannot make a pipe");
    UniqueFd reader(ends[0]);
    UniqueFd writer(ends[1]);
    std::cout.flush();

    SandboxInit init;
    init.user = ::geteuid();
    init.group = ::getegid();
    pid_t pid = -1;
    if (init.user == 0) pid = fork_into(kNamespaces);
    if (pid < 0) {
        init.in_user_namespace = true;
        pid = fork_into(kNamespaces | CLONE_NEWUSER);
    }
    // ENOSPC, clone(2): not the disk.
    if (pid < 0 && errno == ENOSPC) {
        return Error{Errc::Unsupported,
                     "cannot make namespaces: a limit is reached, one of "
                     "/proc/sys/user/max_*_namespaces",
                     ENOSPC};
    }
    if (pid < 0) return system_error("cannot make namespaces");
    if (pid == 0) {
        // Two ways to notice the starter's end: this one works whatever we are doing; the lifeline
        // covers a starter that was gone before this line.
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        writer.reset();
        init.lifeline = std::move(reader);
        ::_exit(body(std::move(init)));
    }
    return Sandbox{pid, std::move(writer)};
}

Result<void> settle(const SandboxInit& init) {
    if (init.in_user_namespace) {
        const auto mapped = map_identity(init.user, init.group);
        if (!mapped) return mapped.error();
    }
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
        return system_error("cannot make the mounts private");
    }
    if (::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) {
        return system_error("cannot mount /proc");
    }
    if (::mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64m") != 0) {
        return system_error("cannot mount a tmpfs on /run");
    }
    for (const auto* directory : {kNetworkDirectory, kStateDirectory.data()}) {
        if (::mkdir(directory, 0755) != 0) {
            return system_error(std::string("cannot make ") + directory);
        }
    }
    return {};
}

Result<void> replace_file(const std::string& path, std::string_view text) {
    // The file may be a link into /run, which is empty by now: then the text goes where it leads.
    std::error_code error;
    const auto target = std::filesystem::weakly_canonical(path, error);
    if (!error && target.string().starts_with("/run/")) {
        std::filesystem::create_directories(target.parent_path(), error);
        return write_file(target, text);
    }
    if (!is_readable_file(path)) return {};
    auto name = path;
    for (auto& c : name) {
        if (c == '/') c = '-';
    }
    const auto copy = std::string(kStateDirectory) + "/file" + name;
    const auto written = write_file(copy, text);
    if (!written) return written.error();
    if (::mount(copy.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) != 0) {
        return system_error("cannot replace " + path);
    }
    return {};
}

Result<UniqueFd> create_network(const std::string& name) {
    const UniqueFd home(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!home || ::unshare(CLONE_NEWNET) != 0) {
        return system_error("cannot make a network namespace for " + name);
    }
    const auto path = std::string(kNetworkDirectory) + "/" + name;
    const auto placed = write_file(path, "");
    const bool bound =
        placed && ::mount("/proc/self/ns/net", path.c_str(), nullptr, MS_BIND, nullptr) == 0;
    auto failure = system_error("cannot name the network namespace of " + name);
    UniqueFd network(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    if (::setns(home.get(), CLONE_NEWNET) != 0) return system_error("cannot leave " + name);
    if (!bound || !network) return failure;
    return network;
}

Result<UniqueFd> open_network(std::string_view name) {
    const auto path = std::string(kNetworkDirectory) + "/" + std::string(name);
    UniqueFd network(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!network) {
        return Error{Errc::NotFound, "there is no node called '" + std::string(name) + "'", errno};
    }
    return network;
}

Result<void> in_network(int network, const std::function<Result<void>()>& action) {
    const UniqueFd home(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!home || ::setns(network, CLONE_NEWNET) != 0) return system_error("cannot enter a node");
    auto result = action();
    if (::setns(home.get(), CLONE_NEWNET) != 0) return system_error("cannot leave a node");
    return result;
}

} // namespace natterjack::lab
