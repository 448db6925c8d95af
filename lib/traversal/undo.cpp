// SPDX-License-Identifier: MIT
#include "traversal/undo.hpp"

#include <utility>

#include "net/loop.hpp"

namespace natterjack {

TimePoint undo_deadline(const Mapping& mapping) {
    const bool may_take_two =
        mapping.strategy == Strategy::Pcp && !mapping.internal.address.is_v4();
    return net::now() + (may_take_two ? kLongestUndo : kUndoLimit);
}

void remove_in_background(const Loop& loop, const std::shared_ptr<Mapper>& mapper,
                          const Mapping& mapping, std::function<void()> done) {
    auto keep = net::keep_until_done(loop, mapper);
    mapper->unmap(mapping, undo_deadline(mapping),
                  [keep, done = std::move(done)](const Result<void>&) {
                      done();
                      keep();
                  });
}

} // namespace natterjack
