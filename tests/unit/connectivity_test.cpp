// SPDX-License-Identifier: MIT
#include <filesystem>
#include <string>

#include <gio/gio.h>
#include <gtest/gtest.h>

#include "net/connectivity.hpp"
#include "net/glib_ptr.hpp"
#include "tests/support/loop_runner.hpp"

namespace natterjack::net {
namespace {

/// A bus with a NetworkManager on it, in this very process: enough of both for one question.
class FakeBus {
public:
    explicit FakeBus(GVariant* answer) : answer_(g_variant_ref_sink(answer)) {
        g_autofree char* made = g_dir_make_tmp("natterjack-bus-XXXXXX", nullptr);
        folder_ = made;
        const auto address = "unix:path=" + folder_ + "/bus";
        g_autofree char* guid = g_dbus_generate_guid();
        server_.reset(g_dbus_server_new_sync(address.c_str(), G_DBUS_SERVER_FLAGS_NONE, guid,
                                             nullptr, nullptr, nullptr));
        g_signal_connect(server_.get(), "new-connection", G_CALLBACK(&take), this);
        g_dbus_server_start(server_.get());
        g_setenv("DBUS_SYSTEM_BUS_ADDRESS", address.c_str(), TRUE);
    }
    ~FakeBus() {
        g_dbus_server_stop(server_.get());
        if (connection_) g_dbus_connection_close_sync(connection_.get(), nullptr, nullptr);
        g_variant_unref(answer_);
        g_unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
        std::filesystem::remove_all(folder_);
    }
    FakeBus(const FakeBus&) = delete;
    FakeBus& operator=(const FakeBus&) = delete;

private:
    static gboolean take(GDBusServer*, GDBusConnection* connection, FakeBus* self) {
        self->connection_ = ref(connection);
        g_dbus_connection_add_filter(connection, &answer, self, nullptr);
        return TRUE;
    }
    // On GIO's own thread.
    static GDBusMessage* answer(GDBusConnection* connection, GDBusMessage* message,
                                gboolean incoming, gpointer data) {
        const auto* self = static_cast<FakeBus*>(data);
        if (incoming == FALSE ||
            g_dbus_message_get_message_type(message) != G_DBUS_MESSAGE_TYPE_METHOD_CALL) {
            return message;
        }
        const bool hello = g_strcmp0(g_dbus_message_get_member(message), "Hello") == 0;
        GDBusMessage* reply = g_dbus_message_new_method_reply(message);
        g_dbus_message_set_body(reply, hello ? g_variant_new("(s)", ":1.1")
                                             : g_variant_new("(v)", self->answer_));
        g_dbus_connection_send_message(connection, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, nullptr,
                                       nullptr);
        g_object_unref(reply);
        g_object_unref(message);
        return nullptr;
    }

    GVariant* answer_;
    std::string folder_;
    GObjectPtr<GDBusServer> server_;
    GObjectPtr<GDBusConnection> connection_;
};

std::optional<Connectivity> ask(test::LoopRunner& runner) {
    std::optional<std::optional<Connectivity>> answer;
    const ConnectivityQuestion question(runner.loop(), Duration(5000),
                                        [&](auto said) { answer = said; });
    EXPECT_FALSE(answer) << "never before the constructor returned";
    EXPECT_TRUE(runner.run_until([&] { return answer.has_value(); }));
    return answer.value_or(std::nullopt);
}

TEST(Connectivity, IsWhatNetworkManagerSays) {
    test::LoopRunner runner;
    {
        const FakeBus bus(g_variant_new_uint32(2));
        EXPECT_EQ(ask(runner), Connectivity::Portal);
    }
    const FakeBus bus(g_variant_new_uint32(4));
    EXPECT_EQ(ask(runner), Connectivity::Full);
}

TEST(Connectivity, DoesNotBelieveOddAnswers) {
    test::LoopRunner runner;
    {
        const FakeBus bus(g_variant_new_uint32(5));
        EXPECT_EQ(ask(runner), std::nullopt);
    }
    const FakeBus bus(g_variant_new_string("full"));
    EXPECT_EQ(ask(runner), Connectivity::Unknown);
}

TEST(Connectivity, IsNotKnownWithoutABus) {
    test::LoopRunner runner;
    for (const char* address : {"unix:path=/nonexistent/bus", "nonsense"}) {
        g_setenv("DBUS_SYSTEM_BUS_ADDRESS", address, TRUE);
        EXPECT_EQ(ask(runner), std::nullopt) << address;
    }
    g_unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}

TEST(Connectivity, IsNotToldToWhoHasGone) {
    test::LoopRunner runner;
    const FakeBus bus(g_variant_new_uint32(2));
    bool told = false;
    {
        const ConnectivityQuestion question(runner.loop(), Duration(5000),
                                            [&](auto) { told = true; });
    }
    EXPECT_NE(ask(runner), std::nullopt) << "by now the first would have been answered";
    EXPECT_FALSE(told);
}

} // namespace
} // namespace natterjack::net
