// SPDX-License-Identifier: MIT
#include "fd_io.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <glib-unix.h>
#include <glib.h>

namespace nat_connect {

namespace {

constexpr std::size_t kReadAtOnce = std::size_t{32} * 1024;
constexpr std::size_t kWriteAtOnce = std::size_t{64} * 1024;
/// What waits to be written shares a piece up to this: one byte in a piece of its own costs 50.
constexpr std::size_t kPiece = std::size_t{4} * 1024;
/// Writes between two looks at everything else that goes on.
constexpr int kWritesInARow = 32;

bool would_block(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

/// A pipe that poll() calls writable takes PIPE_BUF bytes without blocking (pipe(7)); terminals and
/// sockets have as much room. Inherited descriptors stay as they are: O_NONBLOCK would hold for
/// everyone who shares them, the user's shell for one.
std::size_t unblocked_write(int fd) {
    struct stat status {};
    const bool regular = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    const int flags = fcntl(fd, F_GETFL);
    return regular || (flags != -1 && (flags & O_NONBLOCK) != 0) ? kWriteAtOnce : PIPE_BUF;
}

bool writable_now(int fd) {
    pollfd item{fd, POLLOUT, 0};
    return poll(&item, 1, 0) == 1;
}

gboolean run_handler(gint, GIOCondition, gpointer data) {
    // A copy: the watch may be destroyed by what it calls.
    const auto handler = *static_cast<std::shared_ptr<std::function<void()>>*>(data);
    (*handler)();
    return G_SOURCE_CONTINUE;
}

void drop_handler(gpointer data) {
    delete static_cast<std::shared_ptr<std::function<void()>>*>(data);
}

} // namespace

Fd take_standard_stream(int number) {
    Fd stream = duplicate(number);
    const Fd nothing = open_nothing();
    if (nothing) dup2(nothing.get(), number);
    return stream;
}

Fd duplicate(int fd) {
    return Fd(fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

Fd open_nothing() {
    return Fd(open("/dev/null", O_RDWR | O_CLOEXEC));
}

void set_nonblocking(int fd) {
    const int flags = fcntl(fd, F_GETFL);
    if (flags != -1) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

FdWatch::FdWatch(int fd, For what, std::function<void()> handler)
    : handler_(std::make_shared<std::function<void()>>(std::move(handler))) {
    const int condition = (what == For::Reading ? G_IO_IN : G_IO_OUT) | G_IO_HUP | G_IO_ERR;
    source_ = g_unix_fd_add_full(G_PRIORITY_DEFAULT, fd, static_cast<GIOCondition>(condition),
                                 run_handler, new std::shared_ptr<std::function<void()>>(handler_),
                                 drop_handler);
}

FdWatch::~FdWatch() {
    g_source_remove(source_);
}

FdReader::FdReader(Fd fd, Handlers handlers) : fd_(std::move(fd)), handlers_(std::move(handlers)) {
    resume();
}

void FdReader::resume() {
    if (!fd_ || watch_ || handlers_.room() == 0) return;
    watch_ = std::make_unique<FdWatch>(fd_.get(), FdWatch::For::Reading, [this] { read_some(); });
}

void FdReader::stop() {
    watch_.reset();
    fd_.reset();
}

void FdReader::read_some() {
    const std::size_t wanted = std::min(handlers_.room(), kReadAtOnce);
    if (wanted == 0) {
        watch_.reset();
        return;
    }
    std::array<std::uint8_t, kReadAtOnce> buffer; // NOLINT(*member-init): read() fills it
    const ssize_t length = read(fd_.get(), buffer.data(), wanted);
    if (length > 0) {
        handlers_.on_data({buffer.data(), static_cast<std::size_t>(length)});
        return;
    }
    const int error = length == 0 ? 0 : errno;
    if (length < 0 && would_block(error)) return;
    stop();
    // A terminal that was hung up, and a pseudo-terminal whose other end was closed, say EIO.
    const auto on_end = handlers_.on_end; // NOLINT(performance-*): may destroy us
    on_end(error == EIO ? 0 : error);
}

FdWriter::FdWriter(Fd fd, Handlers handlers)
    : fd_(std::move(fd)), handlers_(std::move(handlers)), most_(unblocked_write(fd_.get())) {
}

void FdWriter::write(std::span<const std::uint8_t> data) {
    if (!fd_ || finishing_ || data.empty()) return;
    if (queue_.empty() || queue_.back().size() >= kPiece) queue_.emplace_back();
    queue_.back().insert(queue_.back().end(), data.begin(), data.end());
    if (watch_) return;
    watch_ = std::make_unique<FdWatch>(fd_.get(), FdWatch::For::Writing, [this] { write_some(); });
}

void FdWriter::finish() {
    if (!fd_ || finishing_) return;
    finishing_ = true;
    if (watch_) return;
    watch_ = std::make_unique<FdWatch>(fd_.get(), FdWatch::For::Writing, [this] { write_some(); });
}

void FdWriter::write_some() {
    const std::weak_ptr<int> alive = alive_;
    std::size_t bytes = 0;
    for (int i = 0; i < kWritesInARow && !queue_.empty() && writable_now(fd_.get()); ++i) {
        const auto& first = queue_.front();
        const std::size_t length = std::min(first.size() - written_, most_);
        const ssize_t done = ::write(fd_.get(), first.data() + written_, length);
        if (done < 0 && would_block(errno)) break;
        if (done < 0) return end(errno);
        bytes += static_cast<std::size_t>(done);
        written_ += static_cast<std::size_t>(done);
        if (written_ < first.size()) continue;
        queue_.pop_front();
        written_ = 0;
    }
    if (bytes > 0) handlers_.on_written(bytes);
    if (alive.expired() || !queue_.empty() || !fd_) return;
    watch_.reset();
    if (finishing_) end(0);
}

void FdWriter::end(int error) {
    watch_.reset();
    queue_.clear();
    shutdown(fd_.get(), SHUT_WR); // of a socket that has another descriptor; else an error
    fd_.reset();
    const auto on_end = handlers_.on_end; // NOLINT(performance-*): may destroy us
    on_end(error);
}

} // namespace nat_connect
