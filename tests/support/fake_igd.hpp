// SPDX-License-Identifier: MIT
/// \file
/// \brief A UPnP gateway for tests: SSDP, descriptions and a real table of mappings, all of which
/// can be told to misbehave. Lives in the router's network (see netns.hpp), on the test's loop.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "strategies/igd/upnp_parse.hpp"
#include "tests/support/netns.hpp"
#include "tests/support/scripted_http_server.hpp"

namespace natterjack::test {

class FakeIgd {
public:
    inline static const std::string kIp1 = "urn:schemas-upnp-org:service:WANIPConnection:1";
    inline static const std::string kIp2 = "urn:schemas-upnp-org:service:WANIPConnection:2";
    inline static const std::string kFirewall =
        "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1";
    inline static const std::string kPpp = "urn:schemas-upnp-org:service:WANPPPConnection:1";

    struct WanService {
        std::string type = kIp1;
        std::string control_url = "/ctl"; ///< As the description says it.
        bool connected = true;
    };

    /// Everything that may be changed, at any time.
    struct Manners {
        std::vector<WanService> services{WanService{}};
        std::string external_address = "25.0.113.7";

        // SSDP
        bool answers_unicast = true;
        bool answers_multicast = true;
        std::uint16_t answer_port = 1900; ///< Where its answers come from.
        std::string target = "urn:schemas-upnp-org:device:InternetGatewayDevice:1";
        std::string location; ///< Empty: the right one.
        Duration ssdp_delay{0};

        // HTTP and SOAP
        /// Instead of the description.
        std::optional<ScriptedResponse> description;
        /// Instead of doing what the action says; "*" stands for all.
        std::map<std::string, ScriptedResponse> answers;
        /// UPnP error codes, instead of doing what the action says.
        std::map<std::string, int> faults;
        /// Asked first, about each action.
        std::function<std::optional<ScriptedResponse>(const soap::Request&)> hook;

        // the table
        bool only_permanent = false;      ///< 725 for any lease but 0.
        bool same_port = false;           ///< 724 unless external equals internal.
        bool does_nothing = false;        ///< Says yes to additions and deletions only.
        bool checks_pinholes = true;      ///< Else it lacks CheckPinholeWorking.
        int pinhole_packets = 0;          ///< That came through each.
        bool ignores_remote_host = false; ///< Opens to everybody what was for one.
        bool forgets_leases = false;      ///< Lists every entry as permanent.
        std::string client_name;          ///< What its table says of hosts, instead of an address.
        bool keeps_switched_off = false;  ///< An addition leaves a switched-off entry as it is.
        std::optional<igd::PortEntry> overwrites; ///< What additions put into the table instead.
        std::size_t capacity = 1000;              ///< 728 beyond.
    };
    explicit FakeIgd(const Loop& loop, Place place = {});
    ~FakeIgd();
    FakeIgd(const FakeIgd&) = delete;
    FakeIgd& operator=(const FakeIgd&) = delete;

    Manners manners;
    std::vector<igd::PortEntry> table;
    /// By WANIPv6FirewallControl; external_port is the pinhole's number.
    std::vector<igd::PortEntry> pinholes;
    std::vector<IpAddress> askers;       ///< Who sent each of `requests`.
    std::vector<soap::Request> requests; ///< What was asked, in order.

    /// How often \a action was asked for.
    [[nodiscard]] int count(const std::string& action) const;
    [[nodiscard]] const igd::PortEntry* find(Transport transport, std::uint16_t port) const;
    /// Where the description is.
    [[nodiscard]] std::string location() const;
    [[nodiscard]] const ScriptedHttpServer& http() const { return *http_; }
    /// Listens on another port from now on, as miniupnpd does when it starts anew.
    void restart();
    int searches = 0;     ///< M-SEARCH datagrams received.
    int descriptions = 0; ///< How often the description was asked for.

private:
    class Ssdp;
    ScriptedResponse serve(const ScriptedRequest& request);
    ScriptedResponse act(const WanService& service, const soap::Request& request);
    ScriptedResponse add(const soap::Request& request);
    ScriptedResponse remove(const soap::Request& request);
    ScriptedResponse act_on_pinholes(const soap::Request& request);
    [[nodiscard]] ScriptedResponse list(const soap::Request& request) const;
    [[nodiscard]] std::string description() const;

    Loop loop_;
    Place place_;
    std::unique_ptr<ScriptedHttpServer> http_;
    std::unique_ptr<Ssdp> ssdp_;
    std::uint16_t next_pinhole_ = 1;
};

} // namespace natterjack::test
