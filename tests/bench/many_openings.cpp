// SPDX-License-Identifier: MIT
// What a thousand openings cost: `many_openings COUNT LIFETIME` opens TCP ports from 20000 on by
// PCP, prints what they took as a line of JSON, keeps them until its input ends, and closes them.
// Who measures the gateway reads the line, waits, and closes our input.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include <glib-unix.h>
#include <glib.h>

#include <natterjack/traversal.hpp>

#include "resident.hpp"

using namespace natterjack;

namespace {

constexpr std::uint16_t kFirstPort = 20000;
constexpr int kAtOnce = 16; // openings that are asked for side by side

class Openings {
public:
    Openings(int count, std::chrono::seconds lifetime)
        : chain_(make_chain(Loop::on(nullptr), {Strategy::Pcp})),
          count_(count),
          lifetime_(lifetime) {
        open_next(); // what the first one loads and sets up is not counted
    }

    void close() {
        if (open_.empty()) return g_main_loop_quit(loop_);
        closing_ = open_.size();
        for (auto& opening : open_) {
            opening.close([this](const Result<void>&) {
                if (--closing_ == 0) g_main_loop_quit(loop_);
            });
        }
    }
    void run() { g_main_loop_run(loop_); }

private:
    void open_next() {
        const int index = asked_++;
        OpenRequest request{.port = static_cast<std::uint16_t>(kFirstPort + index),
                            .transport = Transport::Tcp,
                            .lifetime = lifetime_};
        attempts_[index] = chain_->open(
            request, [this](Result<Opening, OpenFailure> outcome) { take(std::move(outcome)); });
    }

    void take(Result<Opening, OpenFailure> outcome) {
        ++answered_;
        if (outcome) {
            open_.push_back(*std::move(outcome));
            open_.back().on_changed(
                [this](Opening::Change, const OpeningInfo&, const OpeningInfo&) { ++changes_; });
        } else if (failed_++ == 0) {
            std::cerr << outcome.error().error.message << '\n';
        }
        if (answered_ == 1) {
            before_ = bench::resident_kibibytes();
            started_ = g_get_monotonic_time();
            for (int i = 0; i < kAtOnce && asked_ < count_; ++i) open_next();
        } else if (asked_ < count_) {
            open_next();
        }
        if (answered_ < count_) return;
        attempts_.clear();
        std::printf("{\"open\": %zu, \"failed\": %d, \"seconds\": %.2f, \"kib_each\": %.1f}\n",
                    open_.size(), failed_,
                    static_cast<double>(g_get_monotonic_time() - started_) / G_USEC_PER_SEC,
                    (bench::resident_kibibytes() - before_) / (count_ - 1));
        std::fflush(stdout);
    }

    GMainLoop* loop_ = g_main_loop_new(nullptr, FALSE);
    std::unique_ptr<Traversal> chain_;
    int count_;
    std::chrono::seconds lifetime_;
    std::map<int, Attempt> attempts_;
    std::vector<Opening> open_;
    int asked_ = 0;
    int answered_ = 0;
    int failed_ = 0;
    int changes_ = 0;
    std::size_t closing_ = 0;
    gint64 started_ = 0;
    double before_ = 0;
};

} // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 64;
    Openings openings(std::atoi(argv[1]), std::chrono::seconds(std::atoi(argv[2])));
    g_unix_fd_add(
        STDIN_FILENO, static_cast<GIOCondition>(G_IO_IN | G_IO_HUP),
        [](gint, GIOCondition, gpointer self) -> gboolean {
            static_cast<Openings*>(self)->close();
            return G_SOURCE_REMOVE;
        },
        &openings);
    openings.run();
    return 0;
}
