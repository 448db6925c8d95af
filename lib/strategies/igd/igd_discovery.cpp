// SPDX-License-Identifier: MIT
#include "strategies/igd/igd_discovery.hpp"

#include <algorithm>
#include <optional>

#include "net/follow_deadline.hpp"
#include "net/loop.hpp"
#include "net/network.hpp"
#include "net/udp_socket.hpp"
#include "proto/ssdp_search.hpp"

namespace natterjack::igd {

namespace {

using namespace std::chrono_literals;

/// For a description, and for the state of a WAN service: both take a few ms.
constexpr Duration kDescriptionLimit = 2000ms;
constexpr Duration kStatusLimit = 1000ms;

// By IPv6 a router is asked at its link-local address and answers from a global one.
bool is_gateways(const Path& path, const IpAddress& address) {
    if (address == path.gateway) return true;
    if (address.is_v4()) return false;
    const auto hardware = net::hardware_address_of(address, path.interface);
    return !hardware.empty() && hardware == net::hardware_address_of(path.gateway, path.interface);
}

// Where the gateway described itself the last time.
std::optional<SsdpDevice> remembered_device(const Path& path) {
    if (!path.memory || path.memory->location.empty()) return std::nullopt;
    const auto server = http_server_of(path.memory->location);
    if (!server || !is_gateways(path, server->address)) return std::nullopt;
    SsdpDevice device;
    device.responder = {server->address, ssdp::kPort};
    device.server = *server;
    device.location = path.memory->location;
    device.is_gateway = true;
    return device;
}

SsdpSearch::Settings settings_of(const Path& path, bool modest) {
    SsdpSearch::Settings settings;
    settings.is_gateways = [path](const IpAddress& address) { return is_gateways(path, address); };
    settings.gateway = path.gateway;
    settings.source = path.source;
    settings.prefix_length = path.prefix_length;
    settings.multicast = path.multicast;
    settings.modest = modest;
    return settings;
}

// Better ones first, otherwise in the order of the description.
int rank(const WanService& service) {
    if (service.is_version_2()) return 0;
    const bool forum = service.type.find(":dslforum-org:") != std::string::npos;
    const bool ip = service.type.find(":WANIPConnection:") != std::string::npos;
    return (forum ? 3 : 1) + (ip ? 0 : 1);
}

} // namespace

class IgdDiscovery::State : public std::enable_shared_from_this<State> {
public:
    State(const Loop& loop, const Path& path, std::shared_ptr<net::HttpClient> http,
          TimePoint deadline, Handler handler)
        : loop_(loop),
          path_(path),
          http_(std::move(http)),
          deadline_(deadline),
          handler_(std::move(handler)),
          remembered_device_(remembered_device(path)),
          search_(settings_of(path, remembered_device_.has_value())),
          timer_(loop),
          watchdog_(loop) {}

    void start();
    [[nodiscard]] Error why_not() const;
    void cancel() {
        handler_ = nullptr;
        shut();
    }

private:
    struct Candidate {
        SsdpDevice device;
        bool pending = true;
        bool announced = true; ///< False: known from memory only.
        std::vector<WanService> services;
        std::vector<std::optional<bool>> connected; // in step with services
        std::string product;
    };

    template<class F>
    auto guarded(F function) {
        return [weak = weak_from_this(), function = std::move(function)](auto&&... arguments) {
            const auto self = weak.lock();
            if (self && self->handler_) function(std::forward<decltype(arguments)>(arguments)...);
        };
    }

    void pump();
    void fetch_remembered();
    void fetch(const SsdpDevice& device);
    void read_description(Candidate& candidate, const Result<net::HttpResponse>& response);
    void ask_states(Candidate& candidate);
    void choose_service(Candidate& candidate);
    void fail(Candidate& candidate, Error error);
    void conclude();
    void succeed(const Candidate& candidate, const WanService& service);
    void finish(Result<FoundGateway> result);
    void shut() {
        timer_.stop();
        watchdog_.stop();
        search_.stop();
        socket_.reset();
    }

    Loop loop_;
    Path path_;
    std::shared_ptr<net::HttpClient> http_;
    TimePoint deadline_;
    Handler handler_;
    std::optional<SsdpDevice> remembered_device_;
    SsdpSearch search_;
    std::unique_ptr<net::UdpSocket> socket_;
    net::Timer timer_;
    net::Timer watchdog_;
    std::vector<std::unique_ptr<Candidate>> candidates_;
    Candidate* remembered_ = nullptr;   // one of these, from memory
    std::optional<FoundGateway> spare_; // of another responder, while the gateway may yet do
    std::optional<Error> failure_;
    bool failure_is_the_gateways_ = false;
};

void IgdDiscovery::State::start() {
    auto socket =
        net::UdpSocket::open(loop_, {.bind = {path_.source, 0}, .interface = path_.interface});
    if (!socket) {
        loop_.post(guarded([this, error = socket.error()] { finish(error); }));
        return;
    }
    socket_ = std::move(*socket);
    socket_->on_datagram(guarded([this](const Endpoint& from, ByteView payload) {
        search_.handle_datagram(net::now(), from, payload);
        pump();
    }));
    if (!path_.multicast) { // one gateway is asked, and may say that it does not listen
        socket_->on_icmp(guarded([this](const net::IcmpReport& report) {
            if (report.kind != net::IcmpReport::Kind::PortUnreachable ||
                report.to.address != path_.gateway) {
                return;
            }
            search_.stop();
            pump();
        }));
    }
    watchdog_.start_at(deadline_, guarded([this] { finish(why_not()); }));
    search_.start(net::now(), deadline_);
    fetch_remembered();
    pump();
}

// It may not be there any more, or be another one by now: the search goes on beside it, and what is
// fetched has to pass the same checks.
void IgdDiscovery::State::fetch_remembered() {
    if (!remembered_device_) return;
    fetch(*remembered_device_);
    remembered_ = candidates_.back().get();
    remembered_->announced = false;
}

void IgdDiscovery::State::pump() {
    while (const auto datagram = search_.poll_transmit()) {
        // What cannot be sent is as good as lost: the repeats are for that.
        static_cast<void>(socket_->send(datagram->to, datagram->payload));
    }
    while (const auto device = search_.poll_device()) {
        // What is being fetched from memory need not be fetched twice.
        if (remembered_ != nullptr && remembered_->pending &&
            remembered_->device.location == device->location) {
            remembered_->announced = true;
        } else {
            fetch(*device);
        }
    }
    net::follow_deadline(timer_, search_, guarded([this] { pump(); }));
    conclude();
}

void IgdDiscovery::State::fetch(const SsdpDevice& device) {
    candidates_.push_back(std::make_unique<Candidate>());
    auto& candidate = *candidates_.back();
    candidate.device = device;
    net::HttpRequest request;
    request.url = device.location;
    request.deadline =
        std::min(kDescriptionLimit, std::chrono::ceil<Duration>(deadline_ - net::now()));
    request.max_body = kMaxDescription;
    http_->send(request, guarded([this, &candidate](const Result<net::HttpResponse>& response) {
                    read_description(candidate, response);
                    pump();
                }));
    // The services are most often served from the same place.
    if (device.is_gateway) http_->prepare(device.location);
}

void IgdDiscovery::State::read_description(Candidate& candidate,
                                           const Result<net::HttpResponse>& response) {
    const auto who = "the gateway at " + candidate.device.responder.address.to_string();
    if (!response) {
        return fail(candidate,
                    {response.error().code,
                     who + " did not hand out its description: " + response.error().message,
                     response.error().detail});
    }
    constexpr int kHttpOk = 200;
    if (response->status != kHttpOk) {
        return fail(candidate, {Errc::Mismatch,
                                who + " answered HTTP status " + std::to_string(response->status) +
                                    " when asked for its description",
                                response->status});
    }
    auto description = parse_description(response->body, candidate.device.location);
    if (!description) {
        return fail(candidate, {description.error().code,
                                "the description of " + who +
                                    " cannot be used: " + description.error().message});
    }
    const bool ipv4 = path_.source.is_v4();
    auto& services = ipv4 ? description->services : description->firewalls;
    if (services.empty()) {
        const auto* what =
            ipv4 ? " speaks UPnP but maps no ports" : " speaks UPnP but opens no IPv6 pinholes";
        return fail(candidate, description->refusal.value_or(Error{Errc::NotFound, who + what}));
    }
    candidate.product =
        candidate.device.product.empty() ? description->product : candidate.device.product;
    candidate.services = std::move(services);
    std::stable_sort(candidate.services.begin(), candidate.services.end(),
                     [](const auto& a, const auto& b) { return rank(a) < rank(b); });
    ask_states(candidate);
}

// Several WAN services: the one that is connected. A single one is taken as it is.
void IgdDiscovery::State::ask_states(Candidate& candidate) {
    candidate.connected.resize(candidate.services.size());
    if (candidate.services.size() == 1) candidate.connected[0] = true;
    for (std::size_t i = 0; candidate.services.size() > 1 && i < candidate.services.size(); ++i) {
        const IgdService service(http_, candidate.services[i], candidate.device.server.address);
        service.is_connected(std::min(deadline_, net::now() + kStatusLimit),
                             guarded([this, &candidate, i](const Result<bool>& connected) {
                                 candidate.connected[i] = connected && *connected;
                                 choose_service(candidate);
                                 conclude();
                             }));
    }
    choose_service(candidate);
}

// The first connected one, as soon as all better ones have said that they are not; the first of
// all when none is.
void IgdDiscovery::State::choose_service(Candidate& candidate) {
    if (!candidate.pending) return;
    for (std::size_t i = 0; i < candidate.services.size(); ++i) {
        if (!candidate.connected[i]) return;
        if (*candidate.connected[i]) return succeed(candidate, candidate.services[i]);
    }
    succeed(candidate, candidate.services.front());
}

void IgdDiscovery::State::succeed(const Candidate& candidate, const WanService& service) {
    FoundGateway found{IgdService(http_, service, candidate.device.server.address),
                       candidate.product};
    if (candidate.device.is_gateway) {
        if (path_.memory) path_.memory->location = candidate.device.location;
        return finish(std::move(found));
    }
    if (!spare_) spare_ = std::move(found);
    for (auto& other : candidates_) {
        if (other.get() == &candidate) other->pending = false;
    }
}

void IgdDiscovery::State::fail(Candidate& candidate, Error error) {
    candidate.pending = false;
    if (&candidate == remembered_) search_.widen();
    if (!candidate.announced) return; // what memory got wrong is nobody's failure
    // The gateway's own trouble says more than that of some other device.
    if (!failure_ || (candidate.device.is_gateway && !failure_is_the_gateways_)) {
        failure_ = std::move(error);
        failure_is_the_gateways_ = candidate.device.is_gateway;
    }
}

// Another responder serves when the gateway itself has nothing under way.
void IgdDiscovery::State::conclude() {
    if (!handler_) return;
    const auto pending = [](const auto& candidate) { return candidate->pending; };
    const auto gateway_pending = [](const auto& candidate) {
        return candidate->pending && candidate->device.is_gateway;
    };
    if (spare_ && std::none_of(candidates_.begin(), candidates_.end(), gateway_pending)) {
        return finish(std::move(*spare_));
    }
    if (search_.over() && std::none_of(candidates_.begin(), candidates_.end(), pending)) {
        finish(why_not());
    }
}

Error IgdDiscovery::State::why_not() const {
    if (failure_) return *failure_;
    if (search_.refusal()) return *search_.refusal();
    const auto announced = [](const auto& candidate) { return candidate->announced; };
    if (std::any_of(candidates_.begin(), candidates_.end(), announced)) {
        return {Errc::Timeout, "the gateway at " +
                                   candidates_.front()->device.responder.address.to_string() +
                                   " announced itself and then did not answer in time"};
    }
    return {Errc::Timeout, "no UPnP gateway answered on " + path_.interface_name +
                               "; it may be switched off in the router's settings"};
}

void IgdDiscovery::State::finish(Result<FoundGateway> result) {
    shut();
    std::exchange(handler_, nullptr)(std::move(result));
}

IgdDiscovery::IgdDiscovery(const Loop& loop, const Path& path,
                           std::shared_ptr<net::HttpClient> http, TimePoint deadline,
                           Handler handler)
    : state_(std::make_shared<State>(loop, path, std::move(http), deadline, std::move(handler))) {
    state_->start();
}

IgdDiscovery::~IgdDiscovery() {
    state_->cancel();
}

Error IgdDiscovery::why_not() const {
    return state_->why_not();
}

} // namespace natterjack::igd
