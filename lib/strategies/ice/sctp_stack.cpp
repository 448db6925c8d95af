// SPDX-License-Identifier: MIT
#include "strategies/ice/sctp_stack.hpp"

#include <algorithm>
#include <cstring>

#include <usrsctp.h>

#include "strategies/ice/sctp_association.hpp"

namespace natterjack::ice {

namespace {

constexpr std::size_t kHeader = 12;        // SCTP common header (RFC 9260 section 3.1)
constexpr std::size_t kChecksumOffset = 8; // in it

// Where usrsctp's defaults do not fit: see the reason beside each.
void tune() {
    usrsctp_sysctl_set_sctp_ecn_enable(0);        // DTLS hides the IP header (RFC 8261 section 6.1)
    usrsctp_sysctl_set_sctp_asconf_enable(0);     // one address, and it is no IP address
    usrsctp_sysctl_set_sctp_auto_asconf(0);       // likewise
    usrsctp_sysctl_set_sctp_auth_enable(0);       // DTLS authenticates
    usrsctp_sysctl_set_sctp_blackhole(2);         // no answers to packets of nobody's
    usrsctp_sysctl_set_sctp_recvspace(2U << 20U); // 200 Mbit/s at a round trip of 80 ms
    usrsctp_sysctl_set_sctp_sendspace(1U << 20U); // four of the largest messages
    usrsctp_sysctl_set_sctp_max_chunks_on_queue(10 * 1024); // 512 would bind before the space does
    usrsctp_sysctl_set_sctp_initial_cwnd(10);               // RFC 6928
    usrsctp_sysctl_set_sctp_max_burst_default(10);          // 4 holds fast links back
    usrsctp_sysctl_set_sctp_delayed_sack_time_default(20);  // ms; 200 starves small windows
    // The path below tells when it is dead (ICE). Until then: try again every few seconds for a
    // minute, so that a transfer goes on at once when an ICE restart found a new path. Not before
    // others acknowledge a lone message, though: after 200 ms (RFC 9260 section 6.2).
    usrsctp_sysctl_set_sctp_rto_min_default(400); // ms
    usrsctp_sysctl_set_sctp_rto_initial_default(500);
    usrsctp_sysctl_set_sctp_rto_max_default(3000);
    usrsctp_sysctl_set_sctp_init_rto_max_default(3000);
    usrsctp_sysctl_set_sctp_init_rtx_max_default(20);
    usrsctp_sysctl_set_sctp_assoc_rtx_max_default(20);
    usrsctp_sysctl_set_sctp_path_rtx_max_default(20);
    // DTLS has verified what comes in; what goes out gets its checksum in on_output().
    usrsctp_enable_crc32c_offload();
}

} // namespace

SctpStack& SctpStack::instance() {
    // Never destroyed: an association may outlive other statics.
    static auto* const stack = new SctpStack;
    return *stack;
}

void SctpStack::set_up() {
    usrsctp_init_nothreads(0, &SctpStack::on_output, nullptr);
    tune();
    ready_ = true;
}

std::uintptr_t SctpStack::add(SctpAssociation& association) {
    if (!ready_) set_up();
    const auto address = next_address_++;
    associations_.emplace(address, &association);
    // NOLINTNEXTLINE(*int-to-ptr): AF_CONN addresses are opaque pointers
    usrsctp_register_address(reinterpret_cast<void*>(address));
    return address;
}

void SctpStack::remove(std::uintptr_t address) {
    // NOLINTNEXTLINE(*int-to-ptr)
    usrsctp_deregister_address(reinterpret_cast<void*>(address));
    associations_.erase(address);
    if (associations_.empty() && usrsctp_finish() == 0) ready_ = false;
}

bool SctpStack::advance(TimePoint now) {
    const auto elapsed = std::chrono::floor<Duration>(now - last_);
    if (elapsed <= Duration(0)) {
        if (now < last_) last_ = now; // another clock: a simulation began anew
        return false;
    }
    // After a time without associations nothing is pending; a long gap means nothing then.
    constexpr Duration kLongest{60'000};
    last_ += elapsed;
    if (!ready_) return false;
    usrsctp_handle_timers(static_cast<std::uint32_t>(std::min(elapsed, kLongest).count()));
    return true;
}

TimePoint SctpStack::next_tick(TimePoint now, Duration tick) {
    const auto since_epoch = std::chrono::floor<Duration>(now.time_since_epoch());
    return TimePoint((since_epoch / tick + 1) * tick);
}

int SctpStack::on_output(void* address, void* packet, std::size_t size, std::uint8_t /*tos*/,
                         std::uint8_t /*set_df*/) {
    auto& stack = instance();
    const auto found = stack.associations_.find(reinterpret_cast<std::uintptr_t>(address));
    if (found == stack.associations_.end() || size < kHeader) return 0;
    auto* const bytes = static_cast<std::uint8_t*>(packet);
    std::memset(bytes + kChecksumOffset, 0, sizeof(std::uint32_t));
    const std::uint32_t checksum = usrsctp_crc32c(packet, size); // in the byte order of the wire
    std::memcpy(bytes + kChecksumOffset, &checksum, sizeof(checksum));
    found->second->take_output(ByteView(bytes, size));
    return 0;
}

} // namespace natterjack::ice
