// SPDX-License-Identifier: MIT
/// \file
/// \brief UPnP IGD of nat-lab-gateway: SSDP, a description, and SOAP.
#pragma once

#include <memory>
#include <string>

#include "net/udp_socket.hpp"
#include "tests/support/gateway/gateway.hpp"
#include "wire/soap.hpp"

struct _SoupServer;        // NOLINT(bugprone-reserved-identifier)
struct _SoupServerMessage; // NOLINT(bugprone-reserved-identifier)

namespace natterjack::gateway {

/// Serves as long as it lives.
class Igd {
public:
    /// \retval Errc::Network  a port cannot be opened
    [[nodiscard]] static Result<std::unique_ptr<Igd>> open(Gateway& gateway, unsigned lan_index);
    ~Igd();
    Igd(const Igd&) = delete;
    Igd& operator=(const Igd&) = delete;

private:
    /// What an action comes to: its results, or a UPnP error code.
    using Outcome = std::variant<soap::Arguments, int>;

    explicit Igd(Gateway& gateway) : gateway_(gateway) {}
    void search(const Endpoint& from, ByteView datagram);
    void serve(_SoupServerMessage* message, const std::string& path);
    [[nodiscard]] std::string description() const;
    [[nodiscard]] std::string service_type() const;
    [[nodiscard]] Outcome act(const soap::Request& request, const IpAddress& asker);
    [[nodiscard]] Outcome add(const soap::Request& request, const IpAddress& asker);
    [[nodiscard]] Outcome remove(const soap::Request& request, const IpAddress& asker);
    [[nodiscard]] Outcome entry(const soap::Request& request) const;
    [[nodiscard]] Outcome list(const soap::Request& request) const;

    Gateway& gateway_;
    std::unique_ptr<net::UdpSocket> ssdp_;
    _SoupServer* http_ = nullptr;
};

} // namespace natterjack::gateway
