// SPDX-License-Identifier: MIT
/// \file
/// \brief One recvmsg() with room for its ancillary data.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <sys/socket.h>

#include "net/socket_address.hpp"

namespace natterjack::net {

class ReceivedMessage {
public:
    /// Reads at once, without waiting. What does not fit \a buffer is lost.
    ReceivedMessage(int fd, std::span<std::uint8_t> buffer, int flags) {
        iovec data{buffer.data(), buffer.size()};
        msghdr header{};
        header.msg_name = address_.raw();
        header.msg_namelen = address_.length;
        header.msg_iov = &data;
        header.msg_iovlen = 1;
        header.msg_control = control_.data();
        header.msg_controllen = control_.size();
        size_ = recvmsg(fd, &header, flags | MSG_DONTWAIT);
        error_number_ = size_ < 0 ? errno : 0;
        header_ = header;
    }
    ReceivedMessage(const ReceivedMessage&) = delete;
    ReceivedMessage& operator=(const ReceivedMessage&) = delete;

    /// -1: nothing was read; see error_number().
    [[nodiscard]] ssize_t size() const { return size_; }
    [[nodiscard]] int error_number() const { return error_number_; }
    [[nodiscard]] Endpoint peer() const { return to_endpoint(address_); }

    /// The ancillary data of this kind, zeros when there is none; of data that is shorter than T
    /// the rest is zeros.
    template<class T>
    [[nodiscard]] T ancillary(int level, int type) {
        T out{};
        for (cmsghdr* item = CMSG_FIRSTHDR(&header_); item != nullptr;
             item = CMSG_NXTHDR(&header_, item)) {
            if (item->cmsg_level == level && item->cmsg_type == type) {
                std::memcpy(&out, CMSG_DATA(item),
                            std::min<std::size_t>(sizeof out, item->cmsg_len - CMSG_LEN(0)));
            }
        }
        return out;
    }

private:
    SocketAddress address_;
    alignas(cmsghdr) std::array<std::uint8_t, 512> control_{};
    msghdr header_{};
    ssize_t size_ = -1;
    int error_number_ = 0;
};

} // namespace natterjack::net
