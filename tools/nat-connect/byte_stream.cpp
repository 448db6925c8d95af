// SPDX-License-Identifier: MIT
#include "byte_stream.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace nat_connect {

namespace {

/// What may wait in the channel for SCTP before we stop reading, and when we go on.
constexpr std::size_t kHighWater = std::size_t{256} * 1024;
constexpr std::size_t kLowWater = std::size_t{64} * 1024;

std::string_view as_text(std::span<const std::uint8_t> message) {
    return {reinterpret_cast<const char*>(message.data()), message.size()}; // NOLINT(*reinterpret*)
}

} // namespace

ByteStream::ByteStream(natterjack::Channel channel, Fd input, Fd output, DoneHandler done)
    : channel_(std::move(channel)), done_(std::move(done)) {
    writer_ = std::make_unique<FdWriter>(
        std::move(output),
        FdWriter::Handlers{.on_written =
                               [this](std::size_t bytes) {
                                   const auto granted = receive_window_.pass_on(bytes);
                                   if (granted > 0)
                                       (void)channel_.send_text(encode(Grant{granted}));
                               },
                           .on_end = [this](int error) { handle_output_end(error); }});
    reader_ = std::make_unique<FdReader>(
        std::move(input),
        FdReader::Handlers{.room = [this]() -> std::size_t {
                               if (channel_.buffered_amount() > kHighWater) return 0;
                               return static_cast<std::size_t>(send_window_.available());
                           },
                           .on_data = [this](auto data) { send_data(data); },
                           .on_end = [this](int) { handle_input_end(); }});
    channel_.on_low_buffer(kLowWater, [this] {
        if (reader_) reader_->resume();
    });
    channel_.on_closed([this](const std::optional<natterjack::Error>& error) {
        channel_gone_ = true;
        if (only_writes()) return; // the peer has said and heard all; our reader has not
        if (!closing_ && !end_.error && !(told_eof_ && heard_eof_)) {
            end_.error = error ? error->message : "the peer closed it before the end";
        }
        finish();
    });
    channel_.on_message([this](auto message, bool text) { handle_message(message, text); });
}

bool ByteStream::only_writes() const {
    return channel_gone_ && !closing_ && told_eof_ && heard_eof_ && !output_ended_;
}

void ByteStream::send_data(std::span<const std::uint8_t> data) {
    send_window_.spend(data.size());
    const auto sent = channel_.send(data);
    if (!sent) fail("cannot send to the peer: " + sent.error().message);
}

void ByteStream::handle_message(std::span<const std::uint8_t> message, bool text) {
    if (text) {
        if (const auto note = decode_note(as_text(message))) handle(*note);
        return;
    }
    if (heard_eof_ || !receive_window_.take(message.size())) {
        return fail("the peer sent more than it may");
    }
    if (output_ended_) {
        // Nobody wants it any more; the peer must not wait for that.
        const auto granted = receive_window_.pass_on(message.size());
        if (granted > 0) (void)channel_.send_text(encode(Grant{granted}));
        return;
    }
    writer_->write(message);
}

void ByteStream::handle(const Note& note) {
    if (const auto* grant = std::get_if<Grant>(&note)) {
        send_window_.grant(grant->bytes);
        if (reader_) reader_->resume();
    } else if (std::holds_alternative<Eof>(note)) {
        heard_eof_ = true;
        if (output_ended_) return check_end();
        writer_->finish();
    } else if (const auto* exit = std::get_if<Exit>(&note)) {
        end_.exit_status = exit->status;
        reader_->stop(); // nobody reads there any more
        if (!input_ended_) handle_input_end();
    } else if (const auto* failure = std::get_if<Failure>(&note)) {
        end_.error = failure->message;
        end_.refused = true;
        channel_.close();
        closing_ = true;
    }
}

void ByteStream::handle_input_end() {
    input_ended_ = true;
    if (awaits_exit_) {
        if (!own_exit_) return;
        (void)channel_.send_text(encode(Exit{*own_exit_}));
    }
    told_eof_ = true;
    (void)channel_.send_text(encode(Eof{}));
    check_end();
}

void ByteStream::end_by_exit(int status) {
    own_exit_ = status;
    if (!output_ended_) {
        output_ended_ = true;
        writer_.reset(); // its reader is gone
    }
    if (input_ended_) handle_input_end();
}

void ByteStream::handle_output_end(int error) {
    output_ended_ = true;
    if (error == 0) return check_end();
    if (awaits_exit_) return; // a command that does not read its input is no failure
    end_.output_closed = error == EPIPE;
    fail(std::string("cannot write what the peer sends: ") + std::strerror(error));
    if (channel_gone_) finish();
}

void ByteStream::fail(const std::string& why) {
    if (closing_) return;
    closing_ = true;
    end_.error = why;
    (void)channel_.send_text(encode(Failure{why}));
    reader_->stop();
    channel_.close();
}

void ByteStream::check_end() {
    if (closing_ || !told_eof_ || !heard_eof_ || !output_ended_) return;
    if (channel_gone_) return finish();
    closing_ = true;
    channel_.close(); // on_closed follows once all has been delivered
}

void ByteStream::finish() {
    reader_.reset();
    writer_.reset();
    const auto done = std::exchange(done_, nullptr);
    const End end = end_;
    if (done) done(end); // may destroy us
}

} // namespace nat_connect
