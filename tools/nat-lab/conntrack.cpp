// SPDX-License-Identifier: MIT
#include "conntrack.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "process.hpp"
#include "unique_fd.hpp"

namespace natterjack::lab {

namespace {

/// A deletion that names no flow: all of them.
struct Request {
    nlmsghdr header;
    nfgenmsg family;
};

/// What the kernel acknowledges with.
struct Acknowledgement {
    nlmsghdr header;
    nlmsgerr error;
};

} // namespace

Result<void> forget_flows() {
    const UniqueFd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
    Request request{};
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    request.family.nfgen_family = AF_UNSPEC;
    request.family.version = NFNETLINK_V0;

    std::array<char, 4096> buffer{};
    Acknowledgement answer{};
    int number = 0;
    if (!netlink || ::send(netlink.get(), &request, sizeof request, 0) < 0) {
        number = errno;
    } else if (::recv(netlink.get(), buffer.data(), buffer.size(), 0) <
               static_cast<ssize_t>(sizeof answer)) {
        number = EIO;
    } else {
        std::memcpy(&answer, buffer.data(), sizeof answer);
        number = -answer.error.error;
    }
    if (number == 0) return {};
    return Error{Errc::Unsupported, "cannot forget the flows of a router: " + errno_text(number),
                 number};
}

} // namespace natterjack::lab
