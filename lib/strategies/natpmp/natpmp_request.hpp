// SPDX-License-Identifier: MIT
/// \file
/// \brief One NAT-PMP request by libnatpmp, guarded.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <variant>

#include <natterjack/loop.hpp>

#include "base/time.hpp"
#include "strategies/mapper.hpp"
#include "wire/natpmp.hpp"

namespace natterjack {

/// A gateway's success. What the question did not ask for stays as it is here.
struct NatPmpAnswer {
    Lifetime epoch{0};
    IpAddress external;              ///< Answer to natpmp::AddressRequest.
    std::uint16_t external_port = 0; ///< Answer to natpmp::MapRequest; 0 when it was a deletion.
    Lifetime lifetime{0};            ///< As above.
};

/// Asks the gateway of a path.
///
/// libnatpmp makes the bytes, sends them and reads the answer. The rest of it is not used: each
/// request has a session of its own, as a session knows one request and takes any answer for its
/// own; datagrams are judged (natpmp_guard.hpp) before it may read them; repeats and the deadline
/// are ours, as its own clock is the wall clock and its patience 127 s.
class NatPmpRequest {
public:
    using Question = std::variant<natpmp::AddressRequest, natpmp::MapRequest>;
    using Handler = std::function<void(Result<NatPmpAnswer>)>;

    /// Sends at once. Precondition: the gateway is an IPv4 address.
    ///
    /// \a handler is called once, by \a give_up_at, never before this returns and never after
    /// destruction; it may destroy this.
    /// \retval Errc::Timeout   nobody answered before \a give_up_at
    /// \retval Errc::NotFound  nothing listens there, or it does not speak NAT-PMP
    /// \retval Errc::Network   the kernel refused (detail: errno)
    /// \retval Errc::Refused   and what natpmp::to_error() says, with the result code as detail; 0
    ///                         when the gateway said "success" and granted nothing
    NatPmpRequest(const Loop& loop, const Path& path, Question question, TimePoint give_up_at,
                  Handler handler);
    ~NatPmpRequest();
    NatPmpRequest(const NatPmpRequest&) = delete;
    NatPmpRequest& operator=(const NatPmpRequest&) = delete;

private:
    class State;
    std::unique_ptr<State> state_;
};

} // namespace natterjack
