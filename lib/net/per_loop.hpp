// SPDX-License-Identifier: MIT
/// \file
/// \brief What all users of one loop share.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include <natterjack/result.hpp>

#include "net/loop.hpp"

namespace natterjack::net {

/// One T for each loop that somebody uses; it lives as long as somebody holds it. Any thread.
template<class T>
class PerLoop {
public:
    /// The loop's, or what \a make gives: a Result<std::shared_ptr<T>>, whose error is passed on.
    template<class Make>
    [[nodiscard]] Result<std::shared_ptr<T>> of(const Loop& loop, Make make) {
        const std::lock_guard lock(mutex_);
        std::erase_if(known_, [](const auto& each) { return each.second.expired(); });
        auto& known = known_[context_of(loop)];
        if (auto shared = known.lock()) return shared;
        Result<std::shared_ptr<T>> made = make();
        if (made) known = *made;
        return made;
    }

private:
    std::mutex mutex_;
    std::map<const void*, std::weak_ptr<T>> known_; // by context
};

} // namespace natterjack::net
