// SPDX-License-Identifier: MIT
#include "signalling.hpp"

#include <cstring>
#include <utility>

#include <glib.h>

#include "base/text.hpp"
#include "child.hpp"
#include "line_splitter.hpp"

namespace nat_connect {

namespace {

constexpr std::size_t kMaxNoise = 200; // bytes of it that are shown
/// How long a command may take to end by itself once nothing is left to say.
constexpr guint kPatienceMs = 1000;

std::span<const std::uint8_t> bytes_of(const std::string& text) {
    // NOLINTNEXTLINE(*reinterpret-cast): text is bytes
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

class StreamSignalling : public Signalling {
public:
    StreamSignalling(Fd input, Fd output, Handlers handlers) : handlers_(std::move(handlers)) {
        writer_ = std::make_unique<FdWriter>(
            std::move(output), FdWriter::Handlers{.on_written = [](auto) {}, .on_end = [](int) {}});
        reader_ = std::make_unique<FdReader>(
            std::move(input),
            FdReader::Handlers{.room = [] { return LineSplitter::kMaxLine; },
                               .on_data = [this](auto data) { read(data); },
                               .on_end =
                                   [this](int error) {
                                       if (auto rest = lines_.rest()) take(*rest);
                                       end(error == 0 ? "the peer's side ended the signalling"
                                                      : std::strerror(error));
                                   }});
    }

    void send(const std::string& line) override { writer_->write(bytes_of(line + "\n")); }

protected:
    virtual void end(const std::string& why) { handlers_.on_end(why); }

    Handlers handlers_;
    std::unique_ptr<FdWriter> writer_;

private:
    void read(std::span<const std::uint8_t> data) {
        // NOLINTNEXTLINE(*reinterpret-cast): text is bytes
        lines_.feed({reinterpret_cast<const char*>(data.data()), data.size()});
        while (const auto line = lines_.next()) take(*line);
        if (lines_.too_long() && !std::exchange(complained_, true))
            handlers_.on_noise("(a line that is too long to be signalling)");
    }

    void take(const std::string& line) const {
        if (looks_like_signal(line)) {
            handlers_.on_line(line);
        } else if (!natterjack::trim(line).empty()) {
            handlers_.on_noise(natterjack::printable(line, kMaxNoise));
        }
    }

    LineSplitter lines_;
    bool complained_ = false;
    std::unique_ptr<FdReader> reader_;
};

class CommandSignalling : public StreamSignalling {
public:
    CommandSignalling(std::unique_ptr<Child> child, Handlers handlers)
        : StreamSignalling(child->take_output(), child->take_input(), std::move(handlers)),
          child_(std::move(child)) {}
    ~CommandSignalling() override {
        if (timer_ != 0) g_source_remove(timer_);
    }

    void handle_exit(int status) {
        status_ = status;
        if (ended_) say_end();
        if (timer_ != 0) stop_waiting(this);
    }

    void finish(const std::function<void()>& done) override {
        writer_->finish();
        if (!child_->running()) return done();
        done_ = done;
        timer_ = g_timeout_add(kPatienceMs, stop_waiting, this);
    }

protected:
    /// Its output ended; how it ended itself is known a moment later.
    void end(const std::string&) override {
        ended_ = true;
        if (!child_->running()) say_end();
    }

private:
    void say_end() {
        handlers_.on_end("the command of --via ended with status " + std::to_string(status_));
    }

    static int stop_waiting(void* self) {
        auto* signalling = static_cast<CommandSignalling*>(self);
        g_source_remove(std::exchange(signalling->timer_, 0));
        const auto done = std::exchange(signalling->done_, nullptr);
        if (done) done();
        return G_SOURCE_REMOVE;
    }

    std::unique_ptr<Child> child_;
    int status_ = 0;
    bool ended_ = false;
    unsigned timer_ = 0;
    std::function<void()> done_;
};

} // namespace

std::unique_ptr<Signalling> signal_by_streams(Fd input, Fd output, Signalling::Handlers handlers) {
    return std::make_unique<StreamSignalling>(std::move(input), std::move(output),
                                              std::move(handlers));
}

natterjack::Result<std::unique_ptr<Signalling>> signal_by_command(const std::string& command,
                                                                  Signalling::Handlers handlers) {
    // Known before the child can end: its end is seen by the loop only.
    const auto self = std::make_shared<CommandSignalling*>(nullptr);
    auto child = Child::start(command, [self](int status) { (*self)->handle_exit(status); });
    if (!child) return child.error();
    auto out = std::make_unique<CommandSignalling>(std::move(*child), std::move(handlers));
    *self = out.get();
    return std::unique_ptr<Signalling>(std::move(out));
}

} // namespace nat_connect
