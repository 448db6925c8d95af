// SPDX-License-Identifier: MIT
/// \file
/// \brief What the programs that the benches race against each other have in common, so that all of
/// them are measured alike: marks of time, lines from the peer, a flood and its meter.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>

#include <unistd.h>

#include <glib-unix.h>

namespace natterjack::bench {

inline constexpr std::size_t kDatagram = 1100; // bytes; fits through DTLS and a relay
inline constexpr std::chrono::milliseconds kWarmUp{500};
inline constexpr std::chrono::milliseconds kWindow{2000};

/// A line of JSON on standard error; the clock is Python's time.monotonic().
inline void mark(const char* event) {
    const std::chrono::duration<double> at = std::chrono::steady_clock::now().time_since_epoch();
    std::fprintf(stderr, "{\"event\": \"%s\", \"at\": %.6f}\n", event, at.count());
}

/// Counts what comes in, from half a second after its first byte on; says how much that was and
/// ends the program.
class Meter {
public:
    void take(std::size_t bytes) {
        const auto now = std::chrono::steady_clock::now();
        if (begin_ == TimePoint{}) begin_ = now + kWarmUp;
        if (now < begin_) return;
        ++messages_;
        bytes_ += bytes;
        if (now - begin_ < kWindow) return;
        const std::chrono::duration<double> took = now - begin_;
        std::fprintf(stderr, "{\"event\": \"received\", \"per_second\": %.0f, \"mbit\": %.1f}\n",
                     static_cast<double>(messages_) / took.count(),
                     static_cast<double>(bytes_) * 8 / took.count() / 1e6);
        std::_Exit(0);
    }

private:
    using TimePoint = std::chrono::steady_clock::time_point;
    TimePoint begin_{};
    std::uint64_t messages_ = 0;
    std::uint64_t bytes_ = 0;
};

/// Calls \a line for each line on standard input, on the default main context.
inline void read_lines(std::function<void(const std::string&)> line) {
    struct Reader {
        std::function<void(const std::string&)> handler;
        std::string pending;
    };
    auto* const reader = new Reader{std::move(line), {}}; // for the program's life
    g_unix_fd_add(
        STDIN_FILENO, G_IO_IN,
        [](gint fd, GIOCondition, gpointer data) -> gboolean {
            auto& self = *static_cast<Reader*>(data);
            std::array<char, 4096> bytes{};
            const auto size = ::read(fd, bytes.data(), bytes.size());
            if (size <= 0) return G_SOURCE_REMOVE;
            self.pending.append(bytes.data(), static_cast<std::size_t>(size));
            for (auto end = self.pending.find('\n'); end != std::string::npos;
                 end = self.pending.find('\n')) {
                const auto whole = self.pending.substr(0, end);
                self.pending.erase(0, end + 1);
                self.handler(whole);
            }
            return G_SOURCE_CONTINUE;
        },
        reader);
}

/// Calls \a task every \a interval until the program ends, or as often as the loop comes round.
inline void repeat(std::chrono::milliseconds interval, std::function<void()> task) {
    const auto call = [](gpointer data) -> gboolean {
        (*static_cast<std::function<void()>*>(data))();
        return G_SOURCE_CONTINUE;
    };
    auto* const kept = new std::function<void()>(std::move(task)); // for the program's life
    if (interval.count() == 0) {
        g_idle_add_full(G_PRIORITY_DEFAULT, call, kept, nullptr);
    } else {
        g_timeout_add(static_cast<guint>(interval.count()), call, kept);
    }
}

} // namespace natterjack::bench
