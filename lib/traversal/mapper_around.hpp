// SPDX-License-Identifier: MIT
/// \file
/// \brief A Mapper that leaves to another one what it does not do itself.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "strategies/mapper.hpp"

namespace natterjack {

/// Passes on all but check(), unmap() and what that leaves: remainder(). Owns the other mapper.
class MapperAround : public Mapper {
public:
    [[nodiscard]] Strategy strategy() const override { return inner_->strategy(); }
    void probe(TimePoint deadline, std::function<void(Result<Service>)> handler) override {
        inner_->probe(deadline, std::move(handler));
    }
    void map(const MappingRequest& request, TimePoint deadline,
             std::function<void(Result<Mapping>)> handler) override {
        inner_->map(request, deadline, std::move(handler));
    }
    void list(TimePoint deadline,
              std::function<void(Result<std::vector<ListedMapping>>)> handler) override {
        inner_->list(deadline, std::move(handler));
    }
    void external_address(TimePoint deadline,
                          std::function<void(Result<IpAddress>)> handler) override {
        inner_->external_address(deadline, std::move(handler));
    }

protected:
    explicit MapperAround(std::unique_ptr<Mapper> inner) : inner_(std::move(inner)) {}
    [[nodiscard]] Mapper& wrapped() const { return *inner_; }

private:
    std::unique_ptr<Mapper> inner_;
};

} // namespace natterjack
