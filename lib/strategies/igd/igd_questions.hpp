// SPDX-License-Identifier: MIT
/// \file
/// \brief The operations of the IGD mapper that change nothing: probe, external address, list.
#pragma once

#include <string>
#include <vector>

#include "strategies/igd/igd_session.hpp"

namespace natterjack::igd {

/// Looks for a usable WAN service.
class ProbeOperation final : public Operation {
public:
    using Handler = std::function<void(Result<Service>)>;
    ProbeOperation(std::shared_ptr<Session> session, TimePoint deadline, Handler handler)
        : Operation(std::move(session), deadline), handler_(std::move(handler)) {}

private:
    void begin(const IgdService& service, const std::string& product) override;
    void fail(const Error& error) override;
    Handler handler_;
};

/// Asks for the external address.
class AddressOperation final : public Operation {
public:
    using Handler = std::function<void(Result<IpAddress>)>;
    AddressOperation(std::shared_ptr<Session> session, TimePoint deadline, Handler handler)
        : Operation(std::move(session), deadline), handler_(std::move(handler)) {}

private:
    void begin(const IgdService& service, const std::string& product) override;
    void fail(const Error& error) override;
    Handler handler_;
};

/// Looks whether a mapping still stands, and where it leads from outside.
class CheckOperation final : public Operation {
public:
    using Handler = std::function<void(Result<Mapping>)>;
    CheckOperation(std::shared_ptr<Session> session, Mapping mapping, TimePoint deadline,
                   Handler handler);

private:
    void begin(const IgdService& service, const std::string& product) override;
    void fail(const Error& error) override;
    void judge(const std::optional<PortEntry>& entry);
    void complete();

    Mapping mapping_;
    Handler handler_;
    bool stands_ = false;
    std::optional<IpAddress> external_;
};

/// Reads the gateway's table: by port range where it is offered, else by index.
class ListOperation final : public Operation {
public:
    using Handler = std::function<void(Result<std::vector<ListedMapping>>)>;
    ListOperation(std::shared_ptr<Session> session, TimePoint deadline, Handler handler)
        : Operation(std::move(session), deadline), handler_(std::move(handler)) {}

private:
    struct Range {
        Transport transport;
        std::uint16_t first;
        std::uint16_t last;
    };
    void begin(const IgdService& service, const std::string& product) override;
    void fail(const Error& error) override;
    void ask_next(const IgdService& service);
    void take(const IgdService& service, const Range& range,
              const Result<IgdService::Answer>& answer);
    /// Asks for both halves instead. False: it is one port.
    bool halve(const Range& range);
    void walk(const IgdService& service);
    void answer(const IgdService& service, std::vector<PortEntry> entries);

    Handler handler_;
    std::vector<Range> to_ask_;
    std::vector<PortEntry> entries_;
    int asked_ = 0;
    bool begun_ = false; // the gateway was found and asked
};

/// An address as gateways report it. Unspecified: they have none, or said nonsense.
[[nodiscard]] IpAddress external_address_in(const std::string& text);

} // namespace natterjack::igd
