// SPDX-License-Identifier: MIT
/// \file
/// \brief How much of a stream may be under way: the receiver grants, the sender spends. Pure.
///
/// SCTP has one window for a whole session: without one of its own, a stream whose reader has
/// stopped would hold up all others, or fill the memory (RFC 4254 section 5.2 does the same for
/// SSH).
#pragma once

#include <algorithm>
#include <cstdint>

namespace nat_connect {

/// Bytes that a stream may be ahead of its reader. Enough for 200 Mbit/s at 80 ms there and back.
inline constexpr std::uint64_t kWindow = std::uint64_t{2} * 1024 * 1024;

/// What may be sent to one who has nobody yet to pass it to: half of what a session keeps for a
/// channel before it makes the peer wait on all of them (Channel::on_message()).
inline constexpr std::uint64_t kFirstWindow = kWindow / 4;

/// The sender's half.
class SendWindow {
public:
    /// At the beginning: no more than kFirstWindow before the receiver grants the rest.
    void hold_back() { available_ = kFirstWindow; }
    /// Bytes that may be sent now.
    [[nodiscard]] std::uint64_t available() const { return available_; }
    /// \a bytes are sent; at most available().
    void spend(std::uint64_t bytes) { available_ -= std::min(bytes, available_); }
    /// The receiver has passed \a bytes on. What exceeds the window is not believed.
    void grant(std::uint64_t bytes) { available_ += std::min(bytes, kWindow - available_); }

private:
    std::uint64_t available_ = kWindow;
};

/// The receiver's half.
class ReceiveWindow {
public:
    /// \a bytes came. False: the sender has overrun the window.
    [[nodiscard]] bool take(std::uint64_t bytes) {
        if (bytes > kWindow - held_ - owed_) return false;
        held_ += bytes;
        return true;
    }
    /// \a bytes that came were passed on. Returns what to grant now: nothing for little, so that
    /// grants are few.
    [[nodiscard]] std::uint64_t pass_on(std::uint64_t bytes) {
        bytes = std::min(bytes, held_);
        held_ -= bytes;
        owed_ += bytes;
        if (owed_ < kWindow / 4) return 0;
        const auto granted = owed_;
        owed_ = 0;
        return granted;
    }

private:
    std::uint64_t held_ = 0; // came and were not passed on
    std::uint64_t owed_ = 0; // passed on and not yet granted again
};

} // namespace nat_connect
