// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <cstring>
#include <tuple>

#include "strategies/ice/data_channels.hpp"

using namespace natterjack;
using namespace natterjack::ice;

namespace {

constexpr std::size_t kHeader = 12; // ports, verification tag, checksum (RFC 9260 section 3.1)

// One end whose packets can be copied from, so that what is fed carries the right tag.
struct End {
    End() : association(*SctpAssociation::create({})), channels(*association, {}) {}

    bool deliver_to(End& other, TimePoint now) {
        bool any = false;
        while (auto packet = association->poll_transmit()) {
            any = true;
            last = *packet;
            other.association->handle_datagram(now, *packet);
            other.channels.process(now);
        }
        return any;
    }

    std::unique_ptr<SctpAssociation> association;
    DataChannels channels;
    std::vector<std::uint8_t> last;
};

void check(End& end) {
    while (const auto event = end.channels.poll_event()) {
        if (event->data.size() > std::size_t{256} * 1024) std::abort();
    }
    if (end.channels.size() > 1024) std::abort();
}

} // namespace

// After a real handshake: chunks of the fuzzer's behind a header of the peer's, each after two
// bytes of length; what the association answers is thrown away.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    TimePoint now{std::chrono::hours(1)};
    End us;
    End peer;
    us.association->start(now);
    peer.association->start(now);
    std::ignore = us.channels.open(now, {});
    while (us.deliver_to(peer, now) || peer.deliver_to(us, now)) {}
    if (us.association->state() != SctpAssociation::State::Connected) std::abort();
    ByteView rest(data, size);
    while (rest.size() >= 2) {
        const std::size_t wanted = static_cast<std::size_t>(rest[0]) << 8U | rest[1];
        rest = rest.subspan(2);
        const auto chunks = rest.first(std::min(wanted, rest.size()));
        rest = rest.subspan(chunks.size());
        auto packet = peer.last;
        packet.resize(kHeader);
        packet.insert(packet.end(), chunks.begin(), chunks.end());
        us.association->handle_datagram(now, packet);
        us.channels.process(now);
        check(us);
        now += std::chrono::milliseconds(10);
        us.association->handle_timeout(now);
        us.channels.process(now);
        while (us.association->poll_transmit()) {}
    }
    us.association->close(now);
    us.channels.process(now);
    check(us);
    return 0;
}
