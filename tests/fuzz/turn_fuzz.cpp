// SPDX-License-Identifier: MIT
#include <cstdlib>

#include "proto/turn_client.hpp"
#include "wire/turn.hpp"

using namespace natterjack;

namespace {

void read_message(ByteView bytes) {
    const auto message = stun::decode(bytes);
    if (!message) return;
    (void)turn::requested_transport(*message);
    (void)turn::lifetime(*message);
    (void)turn::connection_id(*message);
    (void)turn::peer_address(*message);
    (void)turn::relayed_address(*message);
    if (const auto asked = turn::challenge(*message)) {
        if (asked->nonce.size() > turn::kLongestText) std::abort();
    }
}

// The bytes as a TCP stream in two pieces: a cut must not change what is read.
void read_stream(ByteView bytes) {
    std::vector<std::vector<std::uint8_t>> whole;
    std::vector<std::vector<std::uint8_t>> pieces;
    for (const std::size_t cut : {bytes.size(), bytes.size() / 2}) {
        turn::StreamSplitter splitter;
        auto& out = cut == bytes.size() ? whole : pieces;
        bool broken = false;
        for (const auto piece : {bytes.first(cut), bytes.subspan(cut)}) {
            splitter.append(piece);
            while (!broken) {
                auto next = splitter.next();
                broken = !next;
                if (broken || !*next) break;
                out.push_back(**next);
            }
        }
    }
    if (whole != pieces) std::abort();
}

// What a hostile server may say to a client that waits for an allocation.
void answer_client(ByteView bytes) {
    TurnClient client(
        {.user = "u", .password = "p"},
        {.hmac = [](ByteView, ByteView) { return std::array<std::uint8_t, stun::kSha1Size>{}; },
         .md5 = [](ByteView) { return std::array<std::uint8_t, 16>{}; },
         .new_transaction = [] { return stun::TransactionId{}; }});
    const TimePoint now{std::chrono::hours(1)};
    client.start(now);
    for (int i = 0; i < 2; ++i) {
        client.handle_message(now, bytes);
        while (client.poll_event()) {}
        while (client.poll_transmit()) {}
    }
    client.close();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    read_message({data, size});
    read_stream({data, size});
    answer_client({data, size});
    return 0;
}
