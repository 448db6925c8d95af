// SPDX-License-Identifier: MIT
/// \file
/// \brief Two gateways in a row as if they were one: a mapping on each, made and removed together.
#pragma once

#include <functional>
#include <list>
#include <memory>

#include "net/loop.hpp"
#include "traversal/mapper_around.hpp"

namespace natterjack {

/// What makes a mapper for a gateway; null where this build lacks the strategy.
using MakeMapper = std::function<std::unique_ptr<Mapper>(Strategy, const Loop&, const Path&)>;

/// A gateway beyond ours, and the protocol to speak with it.
struct OuterGateway {
    Strategy strategy = Strategy::Igd;
    IpAddress address;
};

/// The way to \a outer for who goes out by \a path and has the address \a wan behind it. Nobody but
/// that gateway counts as local.
[[nodiscard]] Path path_beyond(const Path& path, const IpAddress& outer, const IpAddress& wan);

/// The sum of what both gateways granted; see Mapping::hops.
[[nodiscard]] Mapping stack(const Mapping& inner, const Mapping& outer);

/// The Mapper of a port that two NATs in a row must let through.
///
/// map() asks our gateway first, then the outer one to send its port to what ours granted; when the
/// second fails the first is taken back, unless it was renewed. unmap() asks both at once. All else
/// is our gateway's. When the address between the two changes, the outer mapping is made anew.
class StackedMapper final : public MapperAround {
public:
    /// \a inner speaks with the gateway of \a path.
    StackedMapper(Loop loop, MakeMapper make, Path path, std::unique_ptr<Mapper> inner,
                  OuterGateway outer);
    ~StackedMapper() override;
    StackedMapper(const StackedMapper&) = delete;
    StackedMapper& operator=(const StackedMapper&) = delete;

    void map(const MappingRequest& request, TimePoint deadline,
             std::function<void(Result<Mapping>)> handler) override;
    void unmap(const Mapping& mapping, TimePoint deadline,
               std::function<void(Result<void>)> handler) override;
    /// The outer gateway's, as far as its address on our side is known; else our gateway's.
    void external_address(TimePoint deadline,
                          std::function<void(Result<IpAddress>)> handler) override;

private:
    struct Wish;
    struct Removal;
    using Wishes = std::list<Wish>;

    void handle_inner(Wishes::iterator wish, Result<Mapping> answer);
    void handle_outer(Wishes::iterator wish, Result<Mapping> answer);
    void finish(Wishes::iterator wish, Result<Mapping> answer);
    void give_back(Wishes::iterator wish, const Error& why);
    /// The outer gateway's mapper for who is known there as \a wan; null: not in this build.
    Mapper* outer_for(const IpAddress& wan);

    Loop loop_;
    MakeMapper make_;
    Path path_;
    OuterGateway gateway_;
    std::unique_ptr<Mapper> outer_;
    IpAddress wan_; ///< For which outer_ was made.
    Wishes wishes_;
};

/// The mapper that renews and removes \a mapping, which was made by way of \a path: a StackedMapper
/// where it has two hops.
[[nodiscard]] std::unique_ptr<Mapper>
make_mapper_for(const Mapping& mapping, const MakeMapper& make, const Loop& loop, const Path& path);

} // namespace natterjack
