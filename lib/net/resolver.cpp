// SPDX-License-Identifier: MIT
#include "net/resolver.hpp"

#include <algorithm>
#include <utility>

#include <gio/gio.h>

#include "net/loop.hpp"

namespace natterjack::net {

/// Outlives its Resolution until GIO has let go of it: GIO calls back even after a cancellation.
struct Resolution::State {
    State(Loop loop, Handler done)
        : timer(std::move(loop)), cancellable(g_cancellable_new()), handler(std::move(done)) {}
    ~State() { g_object_unref(cancellable); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    void finish(Result<std::vector<IpAddress>> result) {
        timer.stop();
        g_cancellable_cancel(cancellable);
        if (auto done = std::exchange(handler, nullptr)) done(std::move(result));
    }

    Timer timer;
    GCancellable* cancellable;
    Handler handler;
};

namespace {

std::vector<IpAddress> take_addresses(GList* list) {
    std::vector<IpAddress> out;
    for (const GList* item = list; item != nullptr; item = item->next) {
        auto* address = G_INET_ADDRESS(item->data);
        const auto* bytes = g_inet_address_to_bytes(address);
        if (g_inet_address_get_family(address) == G_SOCKET_FAMILY_IPV4) {
            out.push_back(IpAddress::v4(static_cast<std::uint32_t>(bytes[0]) << 24U |
                                        static_cast<std::uint32_t>(bytes[1]) << 16U |
                                        static_cast<std::uint32_t>(bytes[2]) << 8U | bytes[3]));
        } else {
            IpAddress::Bytes v6{};
            std::copy_n(bytes, v6.size(), v6.begin());
            out.push_back(IpAddress::v6(v6));
        }
    }
    g_resolver_free_addresses(list);
    return out;
}

Error not_found(const std::string& host, const std::string& why) {
    return {Errc::NotFound, "the name \"" + host + "\" does not resolve: " + why};
}

} // namespace

Resolution::Resolution(const Loop& loop, const std::string& host, Duration deadline,
                       Handler handler)
    : state_(std::make_shared<State>(loop, std::move(handler))) {
    State& state = *state_;
    if (const auto numeric = IpAddress::parse(host)) {
        state.timer.start_at(
            now(), [&state, address = *numeric] { state.finish(std::vector<IpAddress>{address}); });
        return;
    }
    state.timer.start_after(deadline, [&state, host] {
        state.finish(Error{Errc::Timeout, "the name \"" + host + "\" did not resolve in time"});
    });
    struct Pending {
        std::shared_ptr<State> state;
        std::string host;
    };
    const ContextScope scope(loop);
    GResolver* resolver = g_resolver_get_default();
    g_resolver_lookup_by_name_async(
        resolver, host.c_str(), state.cancellable,
        [](GObject* source, GAsyncResult* result, gpointer data) {
            const std::unique_ptr<Pending> pending(static_cast<Pending*>(data));
            GError* error = nullptr;
            GList* list = g_resolver_lookup_by_name_finish(G_RESOLVER(source), result, &error);
            if (list != nullptr) {
                pending->state->finish(take_addresses(list));
                return;
            }
            pending->state->finish(not_found(pending->host, error->message));
            g_error_free(error);
        },
        new Pending{state_, host});
    g_object_unref(resolver);
}

Resolution::~Resolution() {
    state_->handler = nullptr;
    state_->timer.stop();
    g_cancellable_cancel(state_->cancellable);
}

} // namespace natterjack::net
