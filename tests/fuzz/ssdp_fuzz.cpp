// SPDX-License-Identifier: MIT
#include <cstdlib>

#include "base/text.hpp"
#include "proto/ssdp_search.hpp"

using namespace natterjack;

namespace {

constexpr IpAddress kGateway = IpAddress::v4(0xC0A80101);

/// Whatever is accepted must survive a round trip.
template<class Message>
void check_round_trip(const Result<Message>& message, Result<Message> (*decode)(ByteView)) {
    if (!message) return;
    const auto again = decode(ssdp::encode(*message));
    if (!again || !(*again == *message)) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView datagram(data, size);
    check_round_trip(ssdp::decode_search(datagram), &ssdp::decode_search);
    check_round_trip(ssdp::decode_response(datagram), &ssdp::decode_response);

    SsdpSearch::Settings settings;
    settings.gateway = kGateway;
    SsdpSearch search(settings);
    const TimePoint start(std::chrono::hours(1));
    search.start(start, start + std::chrono::seconds(1));
    search.handle_datagram(start, {kGateway, 1900}, datagram);
    // Nothing but plain http to the responder itself is ever handed out.
    while (const auto device = search.poll_device()) {
        const auto server = http_server_of(device->location);
        if (!server || server->address != kGateway || server->port == 0) std::abort();
    }
    return 0;
}
