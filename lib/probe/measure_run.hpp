// SPDX-License-Identifier: MIT
/// \file
/// \brief What all measurements do alike: names, addresses; and the measurements.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <natterjack/measure.hpp>

#include "net/resolver.hpp"
#include "probe/reach.hpp"
#include "probe/test_socket.hpp"
#include "proto/hairpin_test.hpp"
#include "proto/mapping_age.hpp"
#include "proto/size_test.hpp"

namespace natterjack {

/// Finds servers and a way to them, then measures. Belongs to the loop's thread; cancelling or
/// destroying it ends it without a word.
class MeasureRun : public std::enable_shared_from_this<MeasureRun> {
public:
    MeasureRun(Loop loop, MeasureRequest request, ChainParts parts);
    virtual ~MeasureRun() = default;
    MeasureRun(const MeasureRun&) = delete;
    MeasureRun& operator=(const MeasureRun&) = delete;

    void start();
    virtual void cancel();

protected:
    /// \a servers: at least one.
    virtual void measure(const std::vector<Endpoint>& servers) = 0;
    virtual void fail(Error error) = 0;
    [[nodiscard]] Source source_for(const Endpoint& server) const;

    Loop loop_;
    MeasureRequest request_;

private:
    ChainParts parts_;
    net::Network network_;
    std::list<net::Resolution> resolutions_;
    std::size_t unresolved_ = 0;
    std::vector<Endpoint> servers_;
    net::Timer timer_;
};

class LifetimeRun final : public MeasureRun {
public:
    using Handler = std::function<void(Result<LifetimeReport>)>;
    using Progress = std::function<void(std::string_view)>;

    LifetimeRun(Loop loop, MeasureRequest request, ChainParts parts, Handler handler,
                Progress progress);
    void cancel() override;

private:
    using Pair = TestSocket<MappingAge, 2>;
    /// One of the two timers, and what is known of it.
    struct Search {
        int exchanges = 1;
        Finding<LifetimeSpan>* finding = nullptr;
        std::chrono::seconds alive{0};
        std::optional<std::chrono::seconds> gone;
        int rounds = 0;
        int pending = 0;
        bool contradicts = false;
    };

    void measure(const std::vector<Endpoint>& servers) override;
    void fail(Error error) override;
    void try_next_server();
    void start_round(Search& search);
    void take(Search& search, std::chrono::seconds silence, const MappingAge& machine);
    void conclude(Search& search);

    Handler handler_;
    Progress progress_;
    LifetimeReport report_;
    std::vector<Endpoint> candidates_;
    std::optional<Error> trouble_;
    std::list<Pair> pairs_; // kept: a port that is used again would find an old mapping
    Search single_;
    Search active_;
    int searching_ = 0;
};

class HairpinRun final : public MeasureRun {
public:
    using Handler = std::function<void(Result<Finding<Hairpin>>)>;

    HairpinRun(Loop loop, MeasureRequest request, ChainParts parts, Handler handler);
    void cancel() override;

private:
    void measure(const std::vector<Endpoint>& servers) override;
    void fail(Error error) override;
    void try_next_server();

    Handler handler_;
    std::vector<Endpoint> candidates_;
    std::list<TestSocket<HairpinTest, 2>> pairs_;
};

class MtuRun final : public MeasureRun {
public:
    using Handler = std::function<void(Result<MtuReport>)>;

    MtuRun(Loop loop, MeasureRequest request, ChainParts parts, Handler handler);
    void cancel() override;

private:
    using Sizes = std::optional<std::vector<std::size_t>>;

    void measure(const std::vector<Endpoint>& servers) override;
    void fail(Error error) override;
    void try_next_server();
    void take();

    Handler handler_;
    std::vector<Endpoint> candidates_;
    std::list<TestSocket<SizeTest>> sockets_;
    Sizes whole_; // by kMtus, uncut
    Sizes cut_;   // a large question; one that has the server send a large answer
    int pending_ = 0;
};

} // namespace natterjack
