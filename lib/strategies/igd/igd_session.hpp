// SPDX-License-Identifier: MIT
/// \file
/// \brief What the operations of one IGD mapper share, and what every operation is made of.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "net/http_client.hpp"
#include "net/loop.hpp"
#include "strategies/igd/igd_discovery.hpp"
#include "strategies/igd/igd_service.hpp"
#include "strategies/mapper.hpp"

namespace natterjack::igd {

class Operation;

/// The connection to one gateway: the HTTP client, the service that was found, and what was learned
/// about it. Owned by the mapper, and by operations that outlive it.
class Session {
public:
    using ServiceHandler = std::function<void(Result<FoundGateway>)>;

    Session(Loop on_loop, Path on_path)
        : loop(std::move(on_loop)),
          path(std::move(on_path)),
          http(std::make_shared<net::HttpClient>(loop, path.source)) {}

    /// The service found before, else that of a discovery, which all who ask share. May answer
    /// before returning.
    void find_service(TimePoint deadline, ServiceHandler handler);
    /// Why it has not been answered yet.
    [[nodiscard]] Error why_not() const;
    /// A known service is not as it was: the next find_service() looks for it anew.
    void forget() { found_.reset(); }
    [[nodiscard]] bool knows_service() const { return found_.has_value(); }
    /// The service that \a mapping was made on.
    /// \retval Errc::Unsafe  its control URL is not one on its gateway, in our network
    [[nodiscard]] Result<IgdService> service_of(const Mapping& mapping) const;

    /// Operations under way. finish() takes them out.
    void run(const std::shared_ptr<Operation>& operation);
    void remove(const Operation* operation);
    /// The mapper goes: every operation is abandoned.
    void shut();

    const Loop loop;
    const Path path;
    const std::shared_ptr<net::HttpClient> http;

    // Habits of this gateway, learned from its errors.
    bool only_permanent = false; ///< 725: it knows only leases without an end.
    bool same_port = false;      ///< 724: the external port must be the internal one.
    bool no_listing = false;     ///< It lacks GetListOfPortMappings.

private:
    std::optional<FoundGateway> found_;
    std::unique_ptr<IgdDiscovery> discovery_;
    std::vector<ServiceHandler> waiting_;
    std::vector<std::shared_ptr<Operation>> operations_;
};

/// One question of a mapper's owner, from the call to its handler. Shared, so that answers that
/// come late find out that it is over.
class Operation : public std::enable_shared_from_this<Operation> {
public:
    Operation(std::shared_ptr<Session> session, TimePoint deadline)
        : session_(std::move(session)), deadline_(deadline), watchdog_(session_->loop) {}
    virtual ~Operation() = default;
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;

    /// Called once, from Session::run(), on the loop's next turn.
    void start();
    /// Nobody waits for the answer any more.
    virtual void abandon() { over_ = true; }

protected:
    /// With the service, first and perhaps once more (see retry_afresh()).
    virtual void begin(const IgdService& service, const std::string& product) = 0;
    /// The operation cannot go on, also because its time is over.
    virtual void fail(const Error& error) = 0;

    /// Uses the service that \a mapping was made on, if it says so, instead of looking for one; a
    /// search follows only if that is out of date. To be called before start(): fails with
    /// Errc::Unsafe then, if it is not one of this network.
    void use_service_of(const Mapping& mapping);
    /// The first question failed in a way that a gateway restarted meanwhile would explain (new
    /// port, new URLs): searches once and begins again. False: it did not, or did so before.
    bool retry_afresh(const Error& error);

    /// A callback that does nothing once the operation is over or gone.
    template<class F>
    auto guarded(F function) {
        return [weak = weak_from_this(), function = std::move(function)](auto&&... arguments) {
            const auto self = weak.lock();
            if (self && !self->over_) function(std::forward<decltype(arguments)>(arguments)...);
        };
    }
    /// It is over; calls \a handler(result) last: the handler may destroy the mapper.
    template<class Handler, class Answer>
    void finish(Handler& handler, Answer answer) {
        const auto self = shared_from_this();
        over_ = true;
        watchdog_.stop();
        session_->remove(this);
        if (auto call = std::exchange(handler, nullptr)) call(std::move(answer));
    }

    [[nodiscard]] Session& session() { return *session_; }
    [[nodiscard]] const std::shared_ptr<Session>& shared_session() { return session_; }
    [[nodiscard]] TimePoint deadline() const { return deadline_; }

private:
    void find_service();

    std::shared_ptr<Session> session_;
    TimePoint deadline_;
    net::Timer watchdog_;
    std::optional<Result<IgdService>> given_;
    bool from_memory_ = false; // the service was not found just now
    bool over_ = false;
};

} // namespace natterjack::igd
