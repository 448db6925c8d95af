// SPDX-License-Identifier: MIT
/// \file
/// \brief Deletes a mapping, if it is still ours.
#pragma once

#include "strategies/igd/igd_session.hpp"

namespace natterjack::igd {

/// Reads the entry, deletes it if it leads where the mapping did, and looks whether it is gone.
/// \retval Errc::NotFound  there is no such entry
/// \retval Errc::Conflict  it leads elsewhere by now; it was left alone
/// \retval Errc::Refused   the gateway said no, or yes without doing it
class UnmapOperation final : public Operation {
public:
    using Handler = std::function<void(Result<void>)>;
    UnmapOperation(std::shared_ptr<Session> session, Mapping mapping, TimePoint deadline,
                   Handler handler);

private:
    void begin(const IgdService& service, const std::string& product) override;
    void fail(const Error& error) override;
    void remove(const IgdService& service);
    void verify(const IgdService& service);
    [[nodiscard]] EntryKey key() const {
        return {mapping_.transport, mapping_.external.port,
                remote_host_of(mapping_.only_from).value_or("")};
    }

    Mapping mapping_;
    Handler handler_;
};

/// Whether \a entry leads where \a mapping does. In a table of names: to the host that was called
/// so before or, as far as that is not known, to the port and with the description that are ours.
[[nodiscard]] bool leads_to(const PortEntry& entry, const Mapping& mapping);

/// Takes back what nobody waits for, also when the mapper goes meanwhile, by \a deadline.
void remove_in_background(const std::shared_ptr<Session>& session, const Mapping& mapping,
                          TimePoint deadline);

/// "tcp port 6667".
[[nodiscard]] std::string port_name(Transport transport, std::uint16_t port);
/// "192.168.1.5:80 (\"web\")": who has an entry.
[[nodiscard]] std::string owner_name(const PortEntry& entry);

} // namespace natterjack::igd
