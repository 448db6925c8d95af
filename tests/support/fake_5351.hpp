// SPDX-License-Identifier: MIT
/// \file
/// \brief A gateway that speaks PCP and NAT-PMP on UDP port 5351, well or badly, as told.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <natterjack/endpoint.hpp>
#include <natterjack/loop.hpp>

#include "net/loop.hpp"
#include "net/udp_socket.hpp"
#include "tests/support/netns.hpp"
#include "wire/natpmp.hpp"
#include "wire/pcp.hpp"

namespace natterjack::test {

/// Stands at the gateway's address of the private network (tests/support/netns.hpp), on the test's
/// own loop. It grants as a real one does, also when its answer is then spoilt or lost.
class Fake5351 {
public:
    using Bytes = std::vector<std::uint8_t>;

    /// Where an answer comes from. Only the first is where the question went.
    enum class Source : std::uint8_t { Server, OtherPort, OtherAddress };
    struct Reply {
        Bytes payload;
        Source from = Source::Server;
    };

    /// What becomes of PCP's FILTER.
    enum class Filtering : std::uint8_t {
        Works,
        Unknown, ///< UNSUPP_OPTION.
        Ignored, ///< Sent back, and everybody is let in: miniupnpd.
        Promised ///< Refused where the RFC wants it refused; else taken, and not sent back.
    };

    /// What to do; may be changed at any time.
    struct Behaviour {
        bool pcp = true;                  ///< Else version 2 is answered with "version 0 only".
        bool natpmp = true;               ///< Else version 0 is answered with "version 2 only".
        bool drops_other_version = false; ///< Silence instead of those two answers.
        int lose_first = 0;               ///< Requests that are neither seen nor answered.
        int lose_answers = 0;             ///< Answers that are lost; counted down.
        Duration delay{0};                ///< Before each answer.
        pcp::ResultCode announce_result = pcp::ResultCode::Success;
        pcp::ResultCode map_result = pcp::ResultCode::Success;
        bool knows_prefer_failure = true; ///< Else UNSUPP_OPTION.
        bool ignores_prefer_failure = false;
        bool knows_third_party = false; ///< Else UNSUPP_OPTION.
        Filtering filtering = Filtering::Works;
        bool knows_peer = true; ///< Else UNSUPP_OPCODE.
        bool ends_flows = true; ///< Else a PEER of lifetime 0 is refused.
        natpmp::ResultCode natpmp_address_result = natpmp::ResultCode::Success;
        natpmp::ResultCode natpmp_map_result = natpmp::ResultCode::Success;
        bool refuses_no_suggestion = false; ///< NAT-PMP: external port 0 is out of resources.
        bool natpmp_short_errors = false;   ///< Refusals in eight bytes.
        std::optional<Lifetime> lifetime;   ///< Granted instead of the one asked for.
        std::set<std::uint16_t> taken;      ///< External ports of somebody else.
        IpAddress external = IpAddress::v4(0x19007101); ///< 25.0.113.1.
        /// What to send instead of the answer that would be right. Empty: that answer.
        std::function<std::vector<Reply>(const Bytes& request, const Bytes& answer)> spoil;
    };

    struct Seen {
        Endpoint from;
        Bytes payload;
    };
    struct Key {
        IpAddress host;
        std::uint8_t protocol = 0; ///< IANA number.
        std::uint16_t internal_port = 0;
        Endpoint remote{}; ///< Of a flow that goes out (PEER).
        friend bool operator==(const Key&, const Key&) = default;
    };
    struct Entry {
        Key key;
        std::uint16_t external_port = 0;
        Lifetime lifetime{0};
        pcp::Nonce nonce{}; ///< Zeros: made by NAT-PMP.
        std::vector<pcp::Filter> filters{};
    };

    explicit Fake5351(const Loop& loop, const Place& place = {});
    ~Fake5351();
    Fake5351(const Fake5351&) = delete;
    Fake5351& operator=(const Fake5351&) = delete;

    Behaviour behaviour;

    /// Forgets its mappings and counts from 0 again.
    void reboot();
    /// Its tables began so long ago.
    void pretend_uptime(Duration uptime) { started_ = net::now() - uptime; }
    /// Says so to everybody, as both protocols have it, from \a from.
    void announce(Source from = Source::Server);

    /// All that came in, lost or not.
    [[nodiscard]] const std::vector<Seen>& requests() const { return requests_; }
    [[nodiscard]] const std::vector<Entry>& mappings() const { return mappings_; }
    /// nullptr: it has no such mapping.
    [[nodiscard]] const Entry* find(const Key& key) const;
    /// Of version 2, of version 0.
    [[nodiscard]] std::size_t pcp_requests() const { return count(pcp::kVersion); }
    [[nodiscard]] std::size_t natpmp_requests() const { return count(natpmp::kVersion); }
    /// The last PCP request that could be read.
    [[nodiscard]] std::optional<pcp::Request> last_pcp() const;
    /// The last NAT-PMP map request that could be read.
    [[nodiscard]] std::optional<natpmp::MapRequest> last_natpmp_map() const;

private:
    [[nodiscard]] std::size_t count(std::uint8_t version) const;
    [[nodiscard]] Lifetime epoch() const;
    void handle(const Endpoint& from, ByteView payload);
    [[nodiscard]] std::optional<Bytes> answer_pcp(const Endpoint& from, const Bytes& request);
    [[nodiscard]] std::optional<Bytes> answer_natpmp(const Endpoint& from, const Bytes& request);
    /// What FILTER comes to, and in the mapping of \a key it is put into \a filters.
    [[nodiscard]] pcp::ResultCode filter(const pcp::Request& request, const Key& key,
                                         pcp::Response& response,
                                         std::vector<pcp::Filter>& filters) const;
    [[nodiscard]] pcp::ResultCode grant(const pcp::Request& request, pcp::Response& response);
    /// Makes or replaces.
    void put(const Entry& entry);
    /// The wanted port, or the next that is free for \a key.
    [[nodiscard]] std::uint16_t free_port(const Key& key, std::uint16_t wanted) const;
    [[nodiscard]] bool is_free(const Key& key, std::uint16_t port) const;
    void send(const Endpoint& to, const Reply& reply);

    Loop loop_;
    TimePoint started_;
    Place place_;
    std::unique_ptr<net::UdpSocket> server_;
    std::unique_ptr<net::UdpSocket> other_port_;
    std::unique_ptr<net::UdpSocket> other_address_;
    std::list<net::Timer> delayed_;
    std::vector<Seen> requests_;
    std::vector<Entry> mappings_;
};

} // namespace natterjack::test
