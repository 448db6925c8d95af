// SPDX-License-Identifier: MIT
/// \file
/// \brief Opens, renews and closes one IPv6 pinhole (WANIPv6FirewallControl:1).
#pragma once

#include <functional>
#include <optional>

#include "strategies/igd/igd_session.hpp"

namespace natterjack::igd {

/// The pinhole's lease is at most a day (WANIPv6FirewallControl:1 section 2.4.8).
inline constexpr Lifetime kLongestPinhole{86400};

/// Asks whether the firewall lets anything be opened, then for the pinhole, then whether it knows
/// it; a renewal updates the one there is, or makes it anew where the router has forgotten it.
///
/// A new pinhole is closed again when the operation fails or is abandoned.
class OpenPinhole final : public Operation {
public:
    using Handler = std::function<void(Result<Mapping>)>;
    OpenPinhole(std::shared_ptr<Session> session, MappingRequest request, TimePoint deadline,
                Handler handler);

    void abandon() override;

private:
    void begin(const IgdService& service, const std::string& product) override;
    void fail(const Error& error) override;
    // The steps, in order. Each ends in the next one, in fail() or in complete().
    void update(std::uint16_t id);
    void add();
    void added(const Result<IgdService::Answer>& answer);
    void check();
    void complete();
    void take_back(std::uint16_t id);
    [[nodiscard]] Mapping mapping_of(std::uint16_t id);

    MappingRequest request_;
    Handler handler_;
    std::optional<IgdService> service_;
    std::optional<std::uint16_t> id_;
    TimePoint granted_at_;
    bool fresh_ = false; // made by this operation
    bool dropped_ = false;
};

/// Finds out whether the router still has the pinhole, and whether it has seen anything come
/// through it: by CheckPinholeWorking where that is offered, else by GetPinholePackets, which every
/// router has to offer. What it has seen is evidence and no proof; it goes into Mapping::note.
/// \retval Errc::NotFound  the router does not know it
class CheckPinhole final : public Operation {
public:
    using Handler = std::function<void(Result<Mapping>)>;
    CheckPinhole(std::shared_ptr<Session> session, Mapping mapping, TimePoint deadline,
                 Handler handler);

private:
    using Question = void (IgdService::*)(std::uint16_t, TimePoint,
                                          IgdService::Handler<IgdService::Answer>) const;

    void begin(const IgdService& service, const std::string& product) override;
    void fail(const Error& error) override;
    void ask(const IgdService& service, Question question);
    void judge(const IgdService& service, Question question, const IgdService::Answer& answer);
    void stands(bool seen);

    Mapping mapping_;
    Handler handler_;
};

/// Deletes the pinhole by the number that the router gave it.
/// \retval Errc::NotFound  the router does not know it
class ClosePinhole final : public Operation {
public:
    using Handler = std::function<void(Result<void>)>;
    ClosePinhole(std::shared_ptr<Session> session, Mapping mapping, TimePoint deadline,
                 Handler handler);

private:
    void begin(const IgdService& service, const std::string& product) override;
    void fail(const Error& error) override;

    Mapping mapping_;
    Handler handler_;
};

} // namespace natterjack::igd
