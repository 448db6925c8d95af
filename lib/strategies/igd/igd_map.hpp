// SPDX-License-Identifier: MIT
/// \file
/// \brief Makes or renews one mapping, and believes it only when the gateway's table shows it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "strategies/igd/igd_session.hpp"

namespace natterjack::igd {

/// Looks who has the port, asks for it or for another one, and reads the entry back.
///
/// Restricted to one remote host it is believed when the table names that host: many routers take
/// the argument and open the port to everybody, and then it is closed again.
///
/// What belongs to another host, or to another program of this one, is not touched. An entry that
/// was made, or may have been, is taken back when the operation fails or is abandoned, except when
/// it renews or refreshes one that was there before.
class MapOperation final : public Operation {
public:
    using Handler = std::function<void(Result<Mapping>)>;
    MapOperation(std::shared_ptr<Session> session, MappingRequest request, TimePoint deadline,
                 Handler handler);

    void abandon() override;

private:
    void begin(const IgdService& service, const std::string& product) override;
    void fail(const Error& error) override;

    // The steps, in order. Each ends in the next one, in fail() or in complete().
    void check(std::uint16_t port);
    void replace(std::uint16_t port);
    void taken(std::uint16_t port, const Error& conflict);
    void add(std::uint16_t port);
    void added(std::uint16_t port, const Result<IgdService::Answer>& answer);
    void refused(std::uint16_t port, const soap::Fault& fault);
    void read_back(std::uint16_t port);
    void complete();
    void repair(std::uint16_t port);

    void find_entry(std::uint16_t port, IgdService::Handler<std::optional<PortEntry>> handler);
    void ask_external_address();
    void linger();
    void reclaim(std::uint16_t port);
    [[nodiscard]] bool asks_for_any() const;
    [[nodiscard]] Duration patience() const;
    void take_back(std::uint16_t port);
    /// The entry is older than this operation: whoever made it may still count on it.
    [[nodiscard]] bool stood_before() const { return request_.renew || was_ours_; }
    [[nodiscard]] bool next_lease();
    [[nodiscard]] bool is_dead(const PortEntry& entry) const;
    [[nodiscard]] bool is_ours(const PortEntry& entry) const;
    [[nodiscard]] bool leads_to_us(const PortEntry& entry) const;
    /// Whether this may be what add() asked for just now.
    [[nodiscard]] bool may_be_new(const PortEntry& entry) const;
    [[nodiscard]] Mapping mapping_on(std::uint16_t port) const;
    void note(const std::string& line);

    MappingRequest request_;
    Handler handler_;
    std::optional<IgdService> service_;
    std::uint16_t wanted_ = 0;
    std::string remote_host_; // empty: anyone
    std::string note_;

    std::vector<Lifetime> leases_; // what to ask for, in turn
    bool other_port_ = false;      // the wanted one is somebody else's
    bool any_unknown_ = false;     // the gateway lacks AddAnyPortMapping
    bool was_ours_ = false;        // the entry that is asked for exists already
    int ports_tried_ = 0;
    bool repaired_ = false; // deleted and added again
    int failures_501_ = 0;

    std::optional<std::uint16_t> adding_; // asked for, not answered
    std::optional<std::uint16_t> added_;  // granted, says the gateway
    TimePoint added_at_;
    bool lingering_ = false; // nobody waits, but the answer decides what is to be taken back
    net::Timer linger_timer_;
    std::function<void()> lingered_;

    std::optional<PortEntry> entry_; // as read back
    std::optional<IpAddress> external_;
    bool external_asked_ = false;
};

} // namespace natterjack::igd
