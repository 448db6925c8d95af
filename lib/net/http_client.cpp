// SPDX-License-Identifier: MIT
#include "net/http_client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include <libsoup/soup.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/text.hpp"
#include "net/glib_ptr.hpp"
#include "net/http_url.hpp"
#include "net/loop.hpp"

namespace natterjack::net {

namespace {

constexpr std::size_t kChunk = std::size_t{16} * 1024;

/// Seconds that a connection made in advance waits for its request: a small router may serve nobody
/// else meanwhile.
constexpr unsigned kIdleSeconds = 2;

/// A hung request must not make the others wait.
constexpr int kMaxConnections = 8;

/// How many connections we remember. Ids grow for ever; old ones are forgotten.
constexpr std::size_t kMaxRemembered = 32;

/// Responses of status 1xx before the answer (RFC 9110 section 15.2). One is usual.
constexpr int kMaxInterimResponses = 8;

bool is_token(std::string_view text) { // RFC 9110 section 5.6.2
    constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') ||
               kMarks.find(c) != std::string_view::npos;
    });
}

// A line end in a header would be a header of somebody else's making.
bool is_field_value(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != '\x7f');
    });
}

bool is_well_formed(const HttpRequest& request) {
    return is_token(request.method) && is_field_value(request.content_type) &&
           std::all_of(request.headers.begin(), request.headers.end(), [](const auto& header) {
               return is_token(header.first) && is_field_value(header.second);
           });
}

GObjectPtr<GSocketAddress> to_gio(const IpAddress& address) {
    if (address.is_unspecified()) return nullptr;
    return GObjectPtr<GSocketAddress>(
        g_inet_socket_address_new_from_string(address.to_string().c_str(), 0));
}

IpAddress local_address_of(GSocket* socket) {
    const GObjectPtr<GSocketAddress> address(g_socket_get_local_address(socket, nullptr));
    if (!address || !G_IS_INET_SOCKET_ADDRESS(address.get())) return {};
    g_autofree char* text = g_inet_address_to_string(
        g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(address.get())));
    return IpAddress::parse(text).value_or(IpAddress());
}

/// Holds back what does not fill a segment until it is taken off again, so that head and body of a
/// request leave together: some old gateways read one segment and answer that.
void set_cork(GSocket* socket, bool on) {
    g_socket_set_option(socket, IPPROTO_TCP, TCP_CORK, on ? 1 : 0, nullptr);
}

int errno_of(const GErrorOut& error) {
    constexpr std::array kKnown = {std::pair(G_IO_ERROR_CONNECTION_REFUSED, ECONNREFUSED),
                                   std::pair(G_IO_ERROR_HOST_UNREACHABLE, EHOSTUNREACH),
                                   std::pair(G_IO_ERROR_NETWORK_UNREACHABLE, ENETUNREACH),
                                   std::pair(G_IO_ERROR_CONNECTION_CLOSED, ECONNRESET)};
    for (const auto& [code, number] : kKnown) {
        if (error.is(G_IO_ERROR, code)) return number;
    }
    return 0;
}

class Call;

/// What a client is made of.
struct Session {
    Session(Loop on, const IpAddress& source);

    void remember(guint64 connection, GObjectPtr<GSocket> socket);

    Loop loop;
    GObjectPtr<SoupSession> soup;
    std::set<std::shared_ptr<Call>> calls;
    /// By libsoup's connection id. libsoup shows the socket of a connection only while it is made.
    std::map<guint64, GObjectPtr<GSocket>> sockets;
};

void Session::remember(guint64 connection, GObjectPtr<GSocket> socket) {
    if (sockets.size() >= kMaxRemembered) sockets.erase(sockets.begin());
    sockets[connection] = std::move(socket);
}

/// Calls \a handler with the socket of a connection that is made for \a message. \a owner: what
/// `g_signal_handlers_disconnect_by_data()` takes it off by.
template<class Owner>
void on_connected(SoupMessage* message, Owner* owner) {
    g_signal_connect(
        message, "network-event",
        G_CALLBACK(+[](SoupMessage*, GSocketClientEvent event, GIOStream* stream, Owner* to) {
            if (event == G_SOCKET_CLIENT_CONNECTED && G_IS_SOCKET_CONNECTION(stream)) {
                to->handle_connected(
                    ref(g_socket_connection_get_socket(G_SOCKET_CONNECTION(stream))));
            }
        }),
        owner);
}

/// A connection made for a request to come. Lives until libsoup is done with it.
class Preparation {
public:
    Preparation(const std::shared_ptr<Session>& session, const std::string& url)
        : session_(session), loop_(session->loop), message_(soup_message_new("GET", url.c_str())) {}
    ~Preparation() {
        if (message_) g_signal_handlers_disconnect_by_data(message_.get(), this);
    }
    Preparation(const Preparation&) = delete;
    Preparation& operator=(const Preparation&) = delete;

    static void start(std::unique_ptr<Preparation> self) {
        if (!self->message_) return;
        on_connected(self->message_.get(), self.get());
        const auto session = self->session_.lock();
        auto* message = self->message_.get();
        const ContextScope scope(session->loop);
        soup_session_preconnect_async(
            session->soup.get(), message, G_PRIORITY_DEFAULT, nullptr,
            [](GObject* soup, GAsyncResult* result, gpointer data) {
                const std::unique_ptr<Preparation> done(static_cast<Preparation*>(data));
                // Without one, the request makes its own and says what is wrong.
                if (soup_session_preconnect_finish(SOUP_SESSION(soup), result, nullptr) != FALSE) {
                    done->remember();
                }
            },
            self.release());
    }

    void handle_connected(GObjectPtr<GSocket> socket) { socket_ = std::move(socket); }

private:
    void remember() {
        const auto id = soup_message_get_connection_id(message_.get());
        const auto session = session_.lock();
        if (session && id != 0 && socket_) session->remember(id, std::move(socket_));
    }

    std::weak_ptr<Session> session_;
    Loop loop_; // must turn until libsoup is done
    GObjectPtr<SoupMessage> message_;
    GObjectPtr<GSocket> socket_;
};

/// One request. The callbacks of GIO own it too, until the last has come, also when its client is
/// long gone; it holds the loop, which must turn for that.
class Call : public std::enable_shared_from_this<Call> {
public:
    Call(const std::shared_ptr<Session>& session, HttpClient::Handler handler)
        : session_(session),
          loop_(session->loop),
          handler_(std::move(handler)),
          deadline_(session->loop) {}
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    void start(const HttpRequest& request);
    /// No word to the handler from here on.
    void cancel();
    void handle_connected(GObjectPtr<GSocket> socket) { new_socket_ = std::move(socket); }
    void handle_interim_response();

private:
    void fail_soon(Error error);
    void finish(Result<HttpResponse> result);
    void prepare(const HttpRequest& request);
    void read_more();
    void handle_sent(SoupSession* soup, GAsyncResult* result);
    void handle_read(GAsyncResult* result);
    GSocket* connection_socket();
    [[nodiscard]] Error failure(const GErrorOut& error) const;
    [[nodiscard]] Error too_large() const;

    /// What GIO carries for us: one reference.
    [[nodiscard]] gpointer token() { return new std::shared_ptr<Call>(shared_from_this()); }
    static std::unique_ptr<std::shared_ptr<Call>> take(gpointer token) {
        return std::unique_ptr<std::shared_ptr<Call>>(static_cast<std::shared_ptr<Call>*>(token));
    }

    std::weak_ptr<Session> session_;
    Loop loop_;
    HttpClient::Handler handler_;
    Timer deadline_;
    GObjectPtr<GCancellable> cancellable_{g_cancellable_new()};
    GObjectPtr<SoupMessage> message_;
    GObjectPtr<GInputStream> stream_;
    GObjectPtr<GSocket> new_socket_; // of the connection that was made for this call, if one was
    std::string url_;
    std::size_t max_body_ = 0;
    std::size_t announced_ = 0; // by Content-Length
    int interim_responses_ = 0; // before the answer
    std::array<char, kChunk> chunk_{};
    HttpResponse response_;
};

void Call::start(const HttpRequest& request) {
    max_body_ = request.max_body;
    if (!is_well_formed(request)) {
        fail_soon({Errc::InvalidArgument, "an HTTP method or header has characters that it may "
                                          "not have"});
        return;
    }
    const auto url = parse_http_url(request.url);
    if (!url) {
        fail_soon(url.error());
        return;
    }
    url_ = url->to_string();
    message_.reset(soup_message_new(request.method.c_str(), url_.c_str()));
    if (!message_) {
        fail_soon({Errc::Unsafe, "\"" + url_ + "\" is not a URL"});
        return;
    }
    deadline_.start_after(request.deadline, [this, limit = request.deadline] {
        finish(Error{Errc::Timeout, "no complete answer from " + url_ + " within " +
                                        std::to_string(limit.count()) + " ms"});
    });
    prepare(request);
    const ContextScope scope(loop_);
    soup_session_send_async(
        session_.lock()->soup.get(), message_.get(), G_PRIORITY_DEFAULT, cancellable_.get(),
        [](GObject* soup, GAsyncResult* result, gpointer data) {
            (*take(data))->handle_sent(SOUP_SESSION(soup), result);
        },
        token());
}

void Call::prepare(const HttpRequest& request) {
    soup_message_add_flags(message_.get(), SOUP_MESSAGE_NO_REDIRECT);
    // Only what is idempotent gets a connection that is there already, from which libsoup goes over
    // to another one if it turns out to be dead.
    soup_message_add_flags(message_.get(), request.use_prepared ? SOUP_MESSAGE_IDEMPOTENT
                                                                : SOUP_MESSAGE_NEW_CONNECTION);
    auto* headers = soup_message_get_request_headers(message_.get());
    soup_message_headers_replace(headers, "Connection", "close");
    for (const auto& [name, value] : request.headers) {
        soup_message_headers_append(headers, name.c_str(), value.c_str());
    }
    if (!request.content_type.empty()) {
        GBytes* body = g_bytes_new(request.body.data(), request.body.size());
        soup_message_set_request_body_from_bytes(message_.get(), request.content_type.c_str(),
                                                 body);
        g_bytes_unref(body);
    }
    // These end with the call, see ~Call(); a reference of their own would be a circle.
    on_connected(message_.get(), this);
    g_signal_connect(message_.get(), "got-informational",
                     G_CALLBACK(+[](SoupMessage*, Call* call) { call->handle_interim_response(); }),
                     this);
    g_signal_connect(message_.get(), "starting", G_CALLBACK(+[](SoupMessage*, Call* call) {
                         if (auto* socket = call->connection_socket()) set_cork(socket, true);
                     }),
                     this);
    g_signal_connect(message_.get(), "wrote-body", G_CALLBACK(+[](SoupMessage*, Call* call) {
                         if (auto* socket = call->connection_socket()) set_cork(socket, false);
                     }),
                     this);
}

Call::~Call() {
    if (message_) g_signal_handlers_disconnect_by_data(message_.get(), this);
}

// libsoup reads on for as long as they come, and lets the loop take no other turn meanwhile.
void Call::handle_interim_response() {
    if (++interim_responses_ > kMaxInterimResponses) g_cancellable_cancel(cancellable_.get());
}

/// The socket that carries this call; nullptr when it is not known (yet).
GSocket* Call::connection_socket() {
    const auto session = session_.lock();
    const auto id = soup_message_get_connection_id(message_.get());
    if (!session || id == 0) return new_socket_.get();
    if (new_socket_) session->remember(id, std::move(new_socket_));
    const auto found = session->sockets.find(id);
    return found != session->sockets.end() ? found->second.get() : nullptr;
}

void Call::handle_sent(SoupSession* soup, GAsyncResult* result) {
    GErrorOut error;
    stream_.reset(soup_session_send_finish(soup, result, error.out()));
    if (!stream_) {
        finish(failure(error));
        return;
    }
    if (!handler_) return; // finished or cancelled in the meantime
    if (auto* socket = connection_socket()) response_.local_address = local_address_of(socket);
    response_.status = static_cast<int>(soup_message_get_status(message_.get()));
    auto* headers = soup_message_get_response_headers(message_.get());
    const char* type = soup_message_headers_get_one(headers, "Content-Type");
    response_.content_type = type != nullptr ? type : "";
    if (soup_message_headers_get_encoding(headers) == SOUP_ENCODING_CONTENT_LENGTH) {
        announced_ = static_cast<std::size_t>(soup_message_headers_get_content_length(headers));
        if (announced_ > max_body_) return finish(too_large());
    }
    read_more();
}

void Call::read_more() {
    const ContextScope scope(loop_);
    g_input_stream_read_async(
        stream_.get(), chunk_.data(), chunk_.size(), G_PRIORITY_DEFAULT, cancellable_.get(),
        [](GObject*, GAsyncResult* result, gpointer data) { (*take(data))->handle_read(result); },
        token());
}

void Call::handle_read(GAsyncResult* result) {
    GErrorOut error;
    const auto size = g_input_stream_read_finish(stream_.get(), result, error.out());
    if (size < 0) {
        finish(failure(error));
    } else if (!handler_) {
        return;
    } else if (size == 0 && response_.body.size() < announced_) {
        // libsoup overlooks that where the connection was to end anyway.
        finish(Error{Errc::Network, url_ + ": the answer was cut short"});
    } else if (size == 0) {
        finish(std::move(response_));
    } else if (response_.body.size() + static_cast<std::size_t>(size) > max_body_) {
        finish(too_large());
    } else {
        response_.body.append(chunk_.data(), static_cast<std::size_t>(size));
        read_more();
    }
}

void Call::fail_soon(Error error) {
    deadline_.start_after(Duration::zero(), [this, error = std::move(error)] { finish(error); });
}

void Call::finish(Result<HttpResponse> result) {
    const auto self = shared_from_this(); // the handler may destroy the client, and us with it
    const auto handler = std::exchange(handler_, nullptr);
    cancel();
    if (const auto session = session_.lock()) session->calls.erase(self);
    if (handler) handler(std::move(result));
}

void Call::cancel() {
    handler_ = nullptr;
    deadline_.stop();
    g_cancellable_cancel(cancellable_.get());
}

Error Call::failure(const GErrorOut& error) const {
    if (interim_responses_ > kMaxInterimResponses) {
        return {Errc::TooLarge, url_ + " answers with one interim response after the other"};
    }
    return {Errc::Network, url_ + ": " + printable(error.message(), 200), errno_of(error)};
}

Error Call::too_large() const {
    return {Errc::TooLarge,
            url_ + " answers with more than " + std::to_string(max_body_) + " bytes"};
}

Session::Session(Loop on, const IpAddress& source) : loop(std::move(on)) {
    const ContextScope scope(loop);
    const auto local = to_gio(source);
    soup.reset(SOUP_SESSION(g_object_new(SOUP_TYPE_SESSION, "local-address", local.get(),
                                         "proxy-resolver", nullptr, "idle-timeout", kIdleSeconds,
                                         "max-conns", kMaxConnections, "max-conns-per-host",
                                         kMaxConnections, nullptr)));
    // No decompression (a bomb would pass max_body), no passwords.
    soup_session_remove_feature_by_type(soup.get(), SOUP_TYPE_CONTENT_DECODER);
    soup_session_remove_feature_by_type(soup.get(), SOUP_TYPE_AUTH_MANAGER);
}

} // namespace

struct HttpClient::State : Session {
    using Session::Session;
};

HttpClient::HttpClient(Loop loop, IpAddress source)
    : state_(std::make_shared<State>(std::move(loop), source)) {
}

HttpClient::~HttpClient() {
    const ContextScope scope(state_->loop);
    for (const auto& call : std::exchange(state_->calls, {})) call->cancel();
    soup_session_abort(state_->soup.get());
}

void HttpClient::send(const HttpRequest& request, Handler handler) {
    auto call = std::make_shared<Call>(state_, std::move(handler));
    state_->calls.insert(call);
    call->start(request);
}

void HttpClient::prepare(const std::string& url) {
    const auto parsed = parse_http_url(url);
    if (!parsed) return; // the request will say so
    Preparation::start(std::make_unique<Preparation>(state_, parsed->to_string()));
}

} // namespace natterjack::net
