// SPDX-License-Identifier: MIT
/// \file
/// \brief A Mapper for IPv6 pinholes whose router forgets to whom they belong.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "traversal/mapper_around.hpp"
#include "traversal/stacked_mapper.hpp"

namespace natterjack {

/// Another mapper, and a second way of closing the pinholes that it opened.
///
/// miniupnpd up to 2.3.1 (nftables, 2022-12) loses the nonce of a PCP pinhole as soon as it is
/// renewed, and then lets nobody delete it by PCP. A refused unmap() therefore cuts the pinhole's
/// lifetime as far as the router allows. Then it asks by IGD for the same pinhole, whose number is
/// the answer, also where it exists already (WANIPv6FirewallControl:1, AddPinhole), twice if there
/// is no answer, deletes that, and asks by the first way once more, whose answer counts. All else
/// is the other mapper's.
class PinholeMapper final : public MapperAround {
public:
    PinholeMapper(Loop loop, MakeMapper make, Path path, std::unique_ptr<Mapper> mapper);

    void check(const MappingRequest& request, TimePoint deadline,
               std::function<void(Result<Mapping>)> handler) override;
    /// Besides the errors of the other mapper:
    /// \retval Errc::Refused  it stays open; the message says for how long
    void unmap(const Mapping& mapping, TimePoint deadline,
               std::function<void(Result<void>)> handler) override;
    [[nodiscard]] std::optional<Mapping> remainder() const override { return remainder_; }

private:
    struct Removal;

    void shorten(const std::shared_ptr<Removal>& removal);
    void ask_for_number(const std::shared_ptr<Removal>& removal);
    void remove_by_number(const std::shared_ptr<Removal>& removal, const Mapping& same);
    void try_again(const std::shared_ptr<Removal>& removal);

    Loop loop_;
    MakeMapper make_;
    Path path_;
    std::unique_ptr<Mapper> second_; ///< Made when it is needed.
    std::optional<Mapping> remainder_;
};

/// make_mapper(), with a PinholeMapper around PCP by IPv6.
[[nodiscard]] std::unique_ptr<Mapper> make_firm_mapper(Strategy strategy, const Loop& loop,
                                                       const Path& path);

} // namespace natterjack
