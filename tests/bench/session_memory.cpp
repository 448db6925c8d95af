// SPDX-License-Identifier: MIT
// What an idle session keeps: `session_memory plain|secure|channel [SESSIONS]` connects them in
// pairs over real sockets, all in this process on one loop, waits until they are at rest, and
// prints memory, descriptors and threads as a line of JSON. What the first pair loads and sets up
// is not counted.
#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/resource.h>

#include <glib.h>

#include <natterjack/peer_session.hpp>

#include "resident.hpp"

using namespace natterjack;

namespace {

constexpr int kAtOnce = 16;     // pairs that connect side by side
constexpr guint kRestMs = 3000; // longer than the timers that follow a connection
constexpr guint kLookMs = 20;

struct Use {
    double kibibytes = 0;
    long descriptors = 0;
    long threads = 0;
};

long count(const char* directory) {
    const std::filesystem::directory_iterator entries(directory);
    return std::distance(begin(entries), end(entries));
}

Use use() {
    return {bench::resident_kibibytes(), count("/proc/self/fd"), count("/proc/self/task")};
}

class Pair {
public:
    explicit Pair(PeerOptions options) {
        options.role = PeerRole::Offer;
        make(0, options);
        options.role = PeerRole::Answer;
        make(1, options);
        if (options.payload != PeerPayload::Channels) return;
        if (auto channel = sessions_[0]->open_channel("idle"))
            channels_.push_back(*std::move(channel));
    }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;

    [[nodiscard]] bool connected() const { return connected_ == 2; }
    [[nodiscard]] const std::string& error() const { return error_; }

private:
    void make(std::size_t end, const PeerOptions& options) {
        auto session = PeerSession::create(
            Loop::on(nullptr), options,
            {.send =
                 [this, end](const std::string& line) {
                     if (auto& other = sessions_[1 - end]) std::ignore = other->receive(line);
                 },
             .on_state =
                 [this](PeerState state, const PeerInfo& info) {
                     if (state == PeerState::Connected) ++connected_;
                     if (info.error) error_ = info.error->message;
                 },
             .on_path = {},
             .on_channel = [this](Channel channel) { channels_.push_back(std::move(channel)); },
             .on_datagram = {}});
        if (session) {
            sessions_[end].emplace(*std::move(session));
        } else {
            error_ = session.error().message;
        }
    }

    int connected_ = 0;
    std::string error_;
    std::vector<Channel> channels_;
    std::array<std::optional<PeerSession>, 2> sessions_;
};

class Crowd {
public:
    Crowd(PeerOptions options, std::size_t pairs) : options_(std::move(options)), wanted_(pairs) {}

    int run() {
        g_timeout_add(
            kLookMs, [](gpointer self) { return static_cast<Crowd*>(self)->look(); }, this);
        g_main_loop_run(loop_);
        return status_;
    }

private:
    gboolean look() {
        const auto open = std::count_if(pairs_.begin(), pairs_.end(),
                                        [](const auto& each) { return !each->connected(); });
        for (const auto& each : pairs_) {
            if (each->error().empty()) continue;
            std::fprintf(stderr, "%s\n", each->error().c_str());
            status_ = 1;
            g_main_loop_quit(loop_);
            return G_SOURCE_REMOVE;
        }
        const auto goal = at_rest_ ? wanted_ : 1; // alone: what everybody shares
        for (auto i = open; i < kAtOnce && pairs_.size() < goal; ++i) {
            pairs_.push_back(std::make_unique<Pair>(options_));
        }
        if (open > 0 || pairs_.size() < goal) return G_SOURCE_CONTINUE;
        g_timeout_add(
            kRestMs, [](gpointer self) { return static_cast<Crowd*>(self)->rest(); }, this);
        return G_SOURCE_REMOVE;
    }

    gboolean rest() {
        const auto now = use();
        if (!at_rest_) {
            at_rest_ = now;
            g_timeout_add(
                kLookMs, [](gpointer self) { return static_cast<Crowd*>(self)->look(); }, this);
            return G_SOURCE_REMOVE;
        }
        const auto sessions = static_cast<double>(2 * (wanted_ - 1));
        std::printf("{\"sessions\": %zu, \"kib_each\": %.1f, \"descriptors_each\": %.2f, "
                    "\"threads\": %ld, \"threads_more\": %ld, \"base_kib\": %.0f}\n",
                    2 * wanted_, (now.kibibytes - at_rest_->kibibytes) / sessions,
                    static_cast<double>(now.descriptors - at_rest_->descriptors) / sessions,
                    now.threads, now.threads - at_rest_->threads, at_rest_->kibibytes);
        g_main_loop_quit(loop_);
        return G_SOURCE_REMOVE;
    }

    PeerOptions options_;
    std::size_t wanted_;
    std::vector<std::unique_ptr<Pair>> pairs_;
    std::optional<Use> at_rest_;
    GMainLoop* loop_ = g_main_loop_new(nullptr, FALSE);
    int status_ = 0;
};

} // namespace

int main(int argc, char** argv) {
    const std::string payload = argc > 1 ? argv[1] : "channel";
    const auto sessions = argc > 2 ? std::stoul(argv[2]) : 1000;
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    PeerOptions options;
    options.payload = payload == "plain"    ? PeerPayload::UnsafeDatagrams
                      : payload == "secure" ? PeerPayload::SecureDatagrams
                                            : PeerPayload::Channels;
    options.map = false;
    options.connect_limit = std::chrono::seconds(60);
    return Crowd(std::move(options), sessions / 2).run();
}
