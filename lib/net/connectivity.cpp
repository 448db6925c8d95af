// SPDX-License-Identifier: MIT
#include "net/connectivity.hpp"

#include <utility>

#include "net/glib_ptr.hpp"
#include "net/loop.hpp"

namespace natterjack::net {

namespace {

constexpr const char* kService = "org.freedesktop.NetworkManager";
constexpr const char* kObject = "/org/freedesktop/NetworkManager";

} // namespace

/// Outlives its question until GIO has let go of it: GIO calls back even after a cancellation.
struct ConnectivityQuestion::State : std::enable_shared_from_this<State> {
    State(const Loop& on, Handler done) : loop(on), timer(on), handler(std::move(done)) {}

    using Token = std::shared_ptr<State>;
    static std::unique_ptr<Token> take(gpointer data) {
        return std::unique_ptr<Token>(static_cast<Token*>(data));
    }
    [[nodiscard]] gpointer token() { return new Token(shared_from_this()); }

    void connect();
    void ask(GDBusConnection* connection);
    void finish(std::optional<Connectivity> answer) {
        timer.stop();
        g_cancellable_cancel(cancellable.get());
        if (const auto done = std::exchange(handler, nullptr)) done(answer);
    }

    Loop loop; // must turn until GIO is done
    Timer timer;
    GObjectPtr<GCancellable> cancellable{g_cancellable_new()};
    Handler handler;
};

void ConnectivityQuestion::State::connect() {
    // "sync" reads the environment and asks nobody.
    g_autofree char* address = g_dbus_address_get_for_bus_sync(G_BUS_TYPE_SYSTEM, nullptr, nullptr);
    if (address == nullptr) return finish(std::nullopt);
    const ContextScope scope(loop);
    // Of our own: the one that GIO shares ends the program when the bus goes away.
    g_dbus_connection_new_for_address(
        address,
        static_cast<GDBusConnectionFlags>(G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                          G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION),
        nullptr, cancellable.get(),
        [](GObject*, GAsyncResult* result, gpointer data) {
            const auto self = take(data);
            const GObjectPtr<GDBusConnection> connection(
                g_dbus_connection_new_for_address_finish(result, nullptr));
            if (!connection) return (*self)->finish(std::nullopt);
            (*self)->ask(connection.get());
        },
        token());
}

void ConnectivityQuestion::State::ask(GDBusConnection* connection) {
    const ContextScope scope(loop);
    g_dbus_connection_call(
        connection, kService, kObject, "org.freedesktop.DBus.Properties", "Get",
        g_variant_new("(ss)", kService, "Connectivity"), G_VARIANT_TYPE("(v)"),
        G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, cancellable.get(),
        [](GObject* source, GAsyncResult* result, gpointer data) {
            const auto self = take(data);
            auto* asked = G_DBUS_CONNECTION(source);
            std::optional<Connectivity> answer;
            if (g_autoptr(GVariant) reply = g_dbus_connection_call_finish(asked, result, nullptr)) {
                g_autoptr(GVariant) value = nullptr;
                g_variant_get(reply, "(v)", &value);
                const bool fits = g_variant_is_of_type(value, G_VARIANT_TYPE_UINT32) != FALSE;
                const auto number = fits ? g_variant_get_uint32(value) : 0;
                if (number <= static_cast<guint32>(Connectivity::Full)) {
                    answer = static_cast<Connectivity>(number);
                }
            }
            g_dbus_connection_close(asked, nullptr, nullptr, nullptr);
            (*self)->finish(answer);
        },
        token());
}

ConnectivityQuestion::ConnectivityQuestion(const Loop& loop, Duration deadline, Handler handler)
    : state_(std::make_shared<State>(loop, std::move(handler))) {
    state_->timer.start_after(deadline, [state = state_.get()] { state->finish(std::nullopt); });
    loop.post([weak = std::weak_ptr(state_)] {
        const auto state = weak.lock();
        if (state && state->handler) state->connect();
    });
}

ConnectivityQuestion::~ConnectivityQuestion() {
    state_->handler = nullptr;
    state_->timer.stop();
    g_cancellable_cancel(state_->cancellable.get());
}

} // namespace natterjack::net
