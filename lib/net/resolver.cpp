// SPDX-License-Identifier: MIT
#include "net/resolver.hpp"

#include <algorithm>
#include <utility>

#include <gio/gio.h>

#include "net/loop.hpp"

namespace natterjack::net {

namespace {

IpAddress to_ip_address(GInetAddress* address) {
    const auto* bytes = g_inet_address_to_bytes(address);
    if (g_inet_address_get_family(address) == G_SOCKET_FAMILY_IPV4) {
        std::uint32_t value = 0;
        for (int i = 0; i < 4; ++i) value = value << 8U | bytes[i];
        return IpAddress::v4(value);
    }
    IpAddress::Bytes out{};
    std::copy_n(bytes, out.size(), out.begin());
    return IpAddress::v6(out);
}

} // namespace

struct Resolution::State {
    State(const Loop& loop, std::string name, Handler call)
        : host(std::move(name)), handler(std::move(call)), timer(loop) {}
    ~State() { g_object_unref(cancellable); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    void answer(Result<std::vector<IpAddress>> result) {
        timer.stop();
        g_cancellable_cancel(cancellable);
        if (auto call = std::exchange(handler, nullptr)) call(std::move(result));
    }

    std::string host;
    Handler handler;
    Timer timer;
    GCancellable* cancellable = g_cancellable_new();
};

namespace {

Result<std::vector<IpAddress>> take_addresses(const std::string& host, GList* list, GError* error) {
    if (error != nullptr) {
        Error out{Errc::NotFound, "\"" + host + "\" does not resolve: " + error->message};
        g_error_free(error);
        return out;
    }
    std::vector<IpAddress> addresses;
    for (GList* each = list; each != nullptr; each = each->next) {
        addresses.push_back(to_ip_address(G_INET_ADDRESS(each->data)));
    }
    g_resolver_free_addresses(list);
    return addresses;
}

} // namespace

Resolution::Resolution(const Loop& loop, const std::string& host, Duration deadline,
                       Handler handler)
    : state_(std::make_shared<State>(loop, host, std::move(handler))) {
    if (const auto numeric = IpAddress::parse(host)) {
        state_->timer.start_after(Duration::zero(), [state = state_.get(), address = *numeric] {
            state->answer(std::vector{address});
        });
        return;
    }
    state_->timer.start_after(deadline, [state = state_.get()] {
        state->answer(Error{Errc::Timeout, "\"" + state->host + "\" was not resolved in time"});
    });
    const ContextScope scope(loop);
    GResolver* resolver = g_resolver_get_default();
    g_resolver_lookup_by_name_async(
        resolver, host.c_str(), state_->cancellable,
        [](GObject* source, GAsyncResult* result, gpointer data) {
            const std::unique_ptr<std::shared_ptr<State>> state(
                static_cast<std::shared_ptr<State>*>(data));
            GError* error = nullptr;
            GList* list = g_resolver_lookup_by_name_finish(G_RESOLVER(source), result, &error);
            auto addresses = take_addresses((*state)->host, list, error);
            (*state)->answer(std::move(addresses));
        },
        new std::shared_ptr<State>(state_));
    g_object_unref(resolver);
}

Resolution::~Resolution() {
    state_->handler = nullptr;
    state_->timer.stop();
    g_cancellable_cancel(state_->cancellable);
}

} // namespace natterjack::net
