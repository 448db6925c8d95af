// SPDX-License-Identifier: MIT
#include "tests/support/netns.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <vector>

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

extern char** environ; // NOLINT(readability-redundant-declaration): POSIX has no header for it

namespace natterjack::test {

namespace {

/// The router's network. Made once, by enter_private_network(), before there are threads.
net::Fd& router() {
    static net::Fd fd;
    return fd;
}

net::Fd current_network() {
    return net::Fd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

[[noreturn]] void die(const std::string& what) {
    std::fprintf(stderr,
                 "cannot make the private network of this test: %s: %s\n"
                 "It needs network namespaces: run it as root, or as a user who may make user "
                 "namespaces\n(sysctl user.max_user_namespaces above 0; Debian and Ubuntu: sysctl "
                 "kernel.unprivileged_userns_clone=1,\nkernel.apparmor_restrict_unprivileged_userns"
                 "=0; in a container: --privileged), and the packages iproute2 and nftables.\n",
                 what.c_str(), std::strerror(errno));
    std::exit(1);
}

void write_file(const char* path, const std::string& text) {
    const net::Fd file(open(path, O_WRONLY | O_CLOEXEC));
    if (write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) die(path);
}

// Root needs no user namespace and keeps its rights on files; where root is not allowed either
// (a container), it takes the way of everybody else.
void unshare_network() {
    const auto uid = std::to_string(getuid());
    const auto gid = std::to_string(getgid());
    if (geteuid() == 0 && unshare(CLONE_NEWNET) == 0) return;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) die("unshare");
    write_file("/proc/self/setgroups", "deny"); // or gid_map may not be written
    write_file("/proc/self/uid_map", "0 " + uid + " 1");
    write_file("/proc/self/gid_map", "0 " + gid + " 1");
}

/// Exit code and what it said; -1: it could not be started.
struct Ended {
    int code = -1;
    std::string output;
};

Ended run(const std::vector<std::string>& words) {
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return {};
    const net::Fd reader(ends[0]);
    net::Fd writer(ends[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, writer.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, writer.get(), STDERR_FILENO);
    pid_t child = -1;
    const int error =
        posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    writer.reset();
    if (error != 0) return {-1, std::strerror(error)};
    Ended ended;
    std::array<char, 512> chunk{};
    for (ssize_t size = 0; (size = read(reader.get(), chunk.data(), chunk.size())) > 0;) {
        ended.output.append(chunk.data(), static_cast<std::size_t>(size));
    }
    int status = 0;
    waitpid(child, &status, 0);
    ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return ended;
}

Ended run_ip(const std::string& arguments) {
    std::vector<std::string> words{"ip"};
    std::istringstream stream(arguments);
    for (std::string word; stream >> word;) words.push_back(word);
    return run(words);
}

void set_up(const std::string& arguments) {
    const auto ended = run_ip(arguments);
    if (ended.code == 0) return;
    errno = ended.code == -1 ? ENOENT : EINVAL;
    die("`ip " + arguments + "` said: " + ended.output);
}

void set_up_link(const std::string& name, const std::string& v4, const std::string& v6,
                 const std::string& link_local) {
    set_up("link set " + name + " addrgenmode none"); // no address that appears a second later
    set_up("address add " + v4 + " dev " + name);
    set_up("address add " + v6 + " dev " + name + " nodad");
    set_up("address add " + link_local + " dev " + name + " nodad");
    set_up("link set " + name + " up");
    set_up("link set lo up");
}

std::string path_of(const net::Fd& network) {
    return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(network.get());
}

/// Arguments that make a pair of links. The kernel (link_watch.c) delays news of a carrier by up to
/// a second, and IPv6 with it, when a link's index equals its peer's in the other namespace; so the
/// indices are ours.
std::string new_link(const std::string& name, const std::string& peer,
                     const net::Fd& network = router()) {
    static int index = 100;
    const auto ours = std::to_string(index++);
    const auto theirs = std::to_string(index++);
    return "link add " + name + " index " + ours + " type veth peer name " + peer + " index " +
           theirs + " netns " + path_of(network);
}

/// Lets the network where the calling thread is pass on what is not its own.
void forward() {
    write_file("/proc/sys/net/ipv4/ip_forward", "1");
    write_file("/proc/sys/net/ipv6/conf/all/forwarding", "1");
}

/// What leaves by \a link comes from its address.
void set_up_nat(const std::string& link) {
    const auto ended = run({"nft", "table ip test_nat { chain out { type nat hook postrouting "
                                   "priority srcnat; oifname \"" +
                                       link + "\" masquerade; }; }"});
    if (ended.code == 0) return;
    errno = ended.code == -1 ? ENOENT : EINVAL;
    die("`nft` said: " + ended.output);
}

} // namespace

IpAddress host_v6() {
    return *IpAddress::parse("fd77::2");
}

IpAddress gateway_v6() {
    return *IpAddress::parse("fd77::1");
}

void enter_private_network() {
    unshare_network();
    const auto host = current_network();
    if (!host || unshare(CLONE_NEWNET) != 0) die("unshare for the router");
    router() = current_network();
    if (!router() || setns(host.get(), CLONE_NEWNET) != 0) die("setns");
    set_up(new_link(kHostLink, kGatewayLink));
    set_up_link(kHostLink, "192.168.77.2/24", "fd77::2/64", "fe80::2/64");
    set_up("route add default via 192.168.77.1");
    const InRouter in_router;
    set_up_link(kGatewayLink, "192.168.77.1/24", "fd77::1/64", "fe80::1/64");
}

InNetwork::InNetwork(const net::Fd& network) : before_(current_network()) {
    if (!before_ || setns(network.get(), CLONE_NEWNET) != 0) die("setns into another network");
}

InNetwork::~InNetwork() {
    if (setns(before_.get(), CLONE_NEWNET) != 0) die("setns back");
}

InRouter::InRouter() : InNetwork(router()) {
}

IpAddress gateway_link_local() {
    return IpAddress::v6(IpAddress::parse("fe80::1")->mapped_bytes(), if_nametoindex(kHostLink));
}

Place gateway_link_local_place() {
    const InRouter in_router;
    return {
        router(),
        IpAddress::v6(IpAddress::parse("fe80::1")->mapped_bytes(), if_nametoindex(kGatewayLink)),
        kGatewayLink};
}

Place::Place(IpAddress at) : network(&router()), address(at) {
}

OuterRouter::OuterRouter(IpAddress wan, IpAddress lan) : wan_(wan), lan_(lan) {
    {
        const InRouter back; // unshare() leaves the router's network, this returns to the host's
        if (unshare(CLONE_NEWNET) != 0) die("unshare for the outer router");
        network_ = current_network();
    }
    {
        const InRouter in_router;
        set_up(new_link("wan0", "lan1", network_));
        set_up_link("wan0", wan_.to_string() + "/24", "fd78::2/64", "fe80::2/64");
        set_up("route add default via " + lan_.to_string());
        set_up("route add default via fd78::1");
        forward();
        set_up_nat("wan0");
    }
    const InNetwork in_outer(network_);
    set_up_link("lan1", lan_.to_string() + "/24", "fd78::1/64", "fe80::1/64");
    set_up("address add " + kPublic.to_string() + "/32 dev lo");
    set_up("address add 2a00:113::1/128 dev lo nodad");
    set_up("route add fd77::/64 via fd78::2");
    forward();
}

OuterRouter::~OuterRouter() {
    const InRouter in_router;
    ip("link del wan0"); // and its routes
    EXPECT_EQ(run({"nft", "delete table ip test_nat"}).code, 0);
}

void ip(const std::string& arguments) {
    const auto ended = run_ip(arguments);
    EXPECT_EQ(ended.code, 0) << "ip " << arguments << ": " << ended.output;
}

void ip_batch(const std::string& commands) {
    const net::Fd file(memfd_create("commands", MFD_CLOEXEC));
    ASSERT_EQ(write(file.get(), commands.data(), commands.size()),
              static_cast<ssize_t>(commands.size()));
    ip("-batch " + path_of(file)); // opened anew, that is, from its beginning
}

HostAddress::HostAddress(std::string address) : address_(std::move(address)) {
    const bool v6 = address_.find(':') != std::string::npos;
    ip("address add " + address_ + " dev lan0" + (v6 ? " nodad" : ""));
}

HostAddress::~HostAddress() {
    ip("address del " + address_ + " dev lan0");
}

Link::Link(std::string name, const std::string& peer) : name_(std::move(name)) {
    ip(new_link(name_, peer));
    ip("link set " + name_ + " addrgenmode none");
    ip("link set " + name_ + " up");
    const InRouter in_router;
    ip("link set " + peer + " addrgenmode none");
    ip("link set " + peer + " up");
}

Link::~Link() {
    ip("link del " + name_);
}

} // namespace natterjack::test
