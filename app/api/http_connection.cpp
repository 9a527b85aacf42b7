#include "app/api/http_connection.h"

#include "app/api/api_error.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

namespace app {

namespace http = boost::beast::http;
namespace asio = boost::asio;

namespace {

constexpr std::size_t kReadBytes = 16 << 10;
constexpr std::size_t kWriteBytes = 64 << 10;    // what one writeTime is for
constexpr std::size_t kKernelBuffer = 128 << 10; // a slow reader does not fill the kernel's memory
constexpr std::size_t kMostUnparsed = 64 << 10;  // of chunk sizes and extensions
constexpr std::chrono::milliseconds kLingerTime{1000};

const char* reasonOf(int status) {
    return http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status))).data();
}

/// An IPv4 client of an IPv6 socket reached an IPv4 address.
std::string plainAddress(const asio::ip::address& address) {
    if (address.is_v6() && address.to_v6().is_v4_mapped())
        return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
    return address.to_string();
}

HttpResponse faultResponse(const HttpFault& fault) {
    ApiError error;
    error.status = fault.status;
    error.message = fault.message;
    error.code = "bad_request";
    return toResponse(error);
}

} // namespace

/// The exchange of one request; a later request of the connection has another one, so that a late
/// call of this one cannot reach it.
class ConnectionExchange final : public HttpExchange,
                                 public std::enable_shared_from_this<ConnectionExchange> {
  public:
    ConnectionExchange(std::shared_ptr<HttpConnection> connection,
                       std::weak_ptr<HttpConnection::Context> context)
        : m_connection(std::move(connection)), m_context(std::move(context)) {}

    bool isOpen() const override { return m_connection != nullptr; }
    void respond(HttpResponse response) override {
        if (m_connection)
            m_connection->respond(response);
    }
    void startStream(HttpResponse head) override {
        if (!m_connection)
            return;
        m_connection->m_chunkedAnswer = m_connection->m_head.minorVersion == 1;
        m_connection->m_closeAfter |= !m_connection->m_chunkedAnswer;
        m_connection->write(m_connection->headOf(head, std::nullopt));
    }
    void send(std::string_view bytes) override {
        if (!m_connection || bytes.empty())
            return;
        if (!m_connection->m_chunkedAnswer)
            return m_connection->write(std::string(bytes));
        char size[24];
        std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
        std::string frame(size);
        frame.append(bytes).append("\r\n");
        m_connection->write(std::move(frame));
    }
    void endStream() override {
        if (!m_connection)
            return;
        m_connection->m_answerEnded = true;
        m_connection->write(m_connection->m_chunkedAnswer ? "0\r\n\r\n" : "");
    }
    bool congested() const override {
        return m_connection && m_connection->m_out.size() + m_connection->m_outNow.size() >
                                   m_connection->m_limits.unsent_bytes;
    }
    void post(std::function<void()> call) override {
        if (const auto context = m_context.lock())
            asio::post(*context, std::move(call));
    }
    void after(std::chrono::milliseconds delay, std::function<void()> call) override {
        if (!m_connection)
            return;
        m_connection->m_later.expires_after(delay);
        m_connection->m_later.async_wait([self = weak_from_this(), number = ++m_laterNumber,
                                          call =
                                              std::move(call)](const HttpConnection::Error& error) {
            const auto exchange = self.lock();
            // One that was already queued when it was replaced finds a higher number.
            if (!error && exchange && exchange->m_connection && exchange->m_laterNumber == number)
                call();
        });
    }

    /// The connection is done with it; `gone`: before it had answered.
    void detach(bool gone) {
        m_connection.reset();
        onDrained = nullptr;
        const auto call = std::exchange(onGone, nullptr);
        if (gone && call)
            call();
    }
    void drained() {
        const auto call = onDrained; // it may end the exchange, and so itself
        if (call)
            call();
    }

  private:
    std::shared_ptr<HttpConnection> m_connection; // null once detached
    std::weak_ptr<HttpConnection::Context> m_context;
    std::uint64_t m_laterNumber = 0;
};

HttpConnection::HttpConnection(Socket socket, std::weak_ptr<Context> context,
                               const ApiLimits& limits, HttpHandler& handler, Closed closed)
    : m_socket(std::move(socket)),
      m_context(std::move(context)),
      m_limits(limits),
      m_handler(handler),
      m_closed(std::move(closed)),
      m_deadline(m_socket.get_executor()),
      m_later(m_socket.get_executor()),
      m_since(std::chrono::steady_clock::now()),
      m_chunk(kReadBytes, '\0') {}

HttpConnection::~HttpConnection() = default;

void HttpConnection::start() {
    Error ignored;
    m_socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    m_socket.set_option(asio::socket_base::send_buffer_size(kKernelBuffer), ignored);
    m_localAddress = plainAddress(m_socket.local_endpoint(ignored).address());
    m_state = State::Head;
    setDeadline(m_limits.headerTime);
    read();
}

void HttpConnection::finish() {
    m_closeAfter = true;
    if (m_state != State::Answering && m_state != State::Lingering)
        close();
}

void HttpConnection::close() {
    if (m_state == State::Closed)
        return;
    m_state = State::Closed;
    const auto self = shared_from_this(); // m_closed lets go of us
    Error ignored;
    m_socket.close(ignored);
    m_deadline.cancel();
    m_later.cancel();
    if (const auto exchange = std::exchange(m_exchange, nullptr))
        exchange->detach(true);
    m_closed(this);
}

void HttpConnection::setDeadline(std::chrono::milliseconds delay) {
    m_deadline.expires_after(delay);
    m_deadline.async_wait([self = weak_from_this()](const Error& error) {
        const auto connection = self.lock();
        // A handler that was already queued when the deadline moved finds a later time.
        if (!error && connection &&
            connection->m_deadline.expiry() <= std::chrono::steady_clock::now())
            connection->close();
    });
}

void HttpConnection::clearDeadline() {
    m_deadline.expires_at(std::chrono::steady_clock::time_point::max());
}

void HttpConnection::read() {
    if (m_reading || m_state == State::Closed)
        return;
    m_reading = true;
    m_socket.async_read_some(asio::buffer(m_chunk),
                             [self = shared_from_this()](const Error& error, std::size_t count) {
                                 self->m_reading = false;
                                 self->onRead(error, count);
                             });
}

void HttpConnection::onRead(const Error& error, std::size_t count) {
    if (m_state == State::Closed)
        return;
    if (error) // also a client that closed only its sending side: nobody waits for an answer so
        return close();
    if (m_state == State::Lingering)
        return read(); // thrown away
    m_in.append(m_chunk, 0, count);
    if (m_state == State::Answering) {
        // The next request, sent early. Kept, but not without bound.
        if (m_in.size() > m_limits.header_bytes)
            return close();
        return read();
    }
    if (m_state == State::Idle) {
        m_state = State::Head;
        setDeadline(m_limits.headerTime);
    }
    advance();
}

void HttpConnection::advance() {
    try {
        while (m_state == State::Head || m_state == State::Body)
            if (!(m_state == State::Head ? advanceHead() : advanceBody()))
                break;
    } catch (const std::bad_alloc&) {
        refuse({503, "There is not enough memory for this request."});
    }
    if (m_state != State::Closed)
        read();
}

/// False: more bytes are needed, or the request was answered.
bool HttpConnection::advanceHead() {
    const std::size_t end = findHeadEnd(m_in, m_searched > 2 ? m_searched - 2 : 0);
    m_searched = m_in.size();
    if (end > m_limits.header_bytes && m_in.size() > m_limits.header_bytes) {
        refuse({431, "The headers are larger than " + std::to_string(m_limits.header_bytes) +
                         " bytes."});
        return false;
    }
    if (end == std::string::npos)
        return false;
    const auto head = readHead(std::string_view(m_in).substr(0, end), m_limits);
    m_searched = 0;
    if (const auto* fault = std::get_if<HttpFault>(&head)) {
        refuse(*fault);
        return false;
    }
    m_head = std::get<HttpHead>(head);
    m_commonHeaders = m_handler.commonHeaders(m_head);
    if (m_head.contentLength.value_or(0) > m_limits.body_bytes) {
        refuse({413, "The body is larger than " + std::to_string(m_limits.body_bytes) + " bytes."});
        return false;
    }
    if (const auto refusal = m_handler.refuse(m_head, m_localAddress)) {
        m_closeAfter = true; // its body is not read
        answer(*refusal);
        return false;
    }
    m_parser.emplace();
    m_parser->eager(true);
    m_parser->header_limit(static_cast<std::uint32_t>(2 * m_limits.header_bytes));
    m_parser->body_limit(m_limits.body_bytes);
    m_state = State::Body;
    setDeadline(m_limits.bodyTime);
    if (m_head.expectsContinue)
        write("HTTP/1.1 100 Continue\r\n\r\n");
    return true;
}

bool HttpConnection::advanceBody() {
    Error error;
    while (!m_parser->is_done() && !m_in.empty()) {
        const std::size_t used = m_parser->put(asio::buffer(m_in), error);
        m_in.erase(0, used);
        if (error || used == 0)
            break;
    }
    if (error == http::error::need_more)
        error = {};
    if (error == http::error::body_limit) {
        refuse({413, "The body is larger than " + std::to_string(m_limits.body_bytes) + " bytes."});
        return false;
    }
    if (error || (!m_parser->is_done() && m_in.size() > kMostUnparsed)) {
        refuse({400, "The body is not framed as HTTP/1.1 asks for."});
        return false;
    }
    if (!m_parser->is_done())
        return false;
    dispatch();
    return false;
}

void HttpConnection::dispatch() {
    m_state = State::Answering;
    m_since = std::chrono::steady_clock::now();
    clearDeadline();
    m_closeAfter = m_closeAfter || !m_head.keepAlive;
    HttpRequest request;
    request.head = std::move(m_head);
    m_head.minorVersion = request.head.minorVersion;
    request.body = std::move(m_parser->get().body());
    request.localAddress = m_localAddress;
    m_parser.reset();
    m_exchange = std::make_shared<ConnectionExchange>(shared_from_this(), m_context);
    m_handler.handle(std::move(request), m_exchange);
}

/// What cannot be understood ends the connection: where the next request would begin is unknown.
void HttpConnection::refuse(const HttpFault& fault) {
    m_closeAfter = true;
    answer(faultResponse(fault));
}

void HttpConnection::answer(const HttpResponse& response) {
    m_state = State::Answering;
    respond(response);
}

void HttpConnection::respond(const HttpResponse& response) {
    m_answerEnded = true;
    write(headOf(response, response.body.size()) + response.body);
}

std::string HttpConnection::headOf(const HttpResponse& response,
                                   std::optional<std::size_t> length) const {
    std::string head = "HTTP/1.1 " + std::to_string(response.status) + " " +
                       reasonOf(response.status) + "\r\nContent-Type: " + response.contentType +
                       "\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n";
    for (const auto* headers : {&response.headers, &m_commonHeaders})
        for (const HttpHeader& header : *headers)
            head += header.name + ": " + header.value + "\r\n";
    if (length)
        head += "Content-Length: " + std::to_string(*length) + "\r\n";
    else if (m_chunkedAnswer)
        head += "Transfer-Encoding: chunked\r\n";
    head += m_closeAfter ? "Connection: close\r\n\r\n" : "Connection: keep-alive\r\n\r\n";
    return head;
}

void HttpConnection::write(std::string bytes) {
    if (m_state == State::Closed)
        return;
    m_out += bytes;
    if (m_writing)
        return;
    if (m_out.empty()) {
        if (m_answerEnded)
            endAnswer();
        return;
    }
    m_writing = true;
    if (m_out.size() <= kWriteBytes) {
        m_outNow = std::exchange(m_out, {});
    } else {
        m_outNow = m_out.substr(0, kWriteBytes);
        m_out.erase(0, kWriteBytes);
    }
    if (m_state == State::Answering)
        setDeadline(m_limits.writeTime);
    asio::async_write(m_socket, asio::buffer(m_outNow),
                      [self = shared_from_this()](const Error& error, std::size_t count) {
                          self->m_writing = false;
                          self->onWritten(error, count);
                      });
}

void HttpConnection::onWritten(const Error& error, std::size_t) {
    if (m_state == State::Closed)
        return;
    if (error)
        return close();
    m_outNow.clear();
    if (!m_out.empty() || m_answerEnded)
        return write({});
    if (m_state == State::Answering)
        clearDeadline();
    if (const auto exchange = m_exchange)
        exchange->drained();
}

void HttpConnection::endAnswer() {
    if (const auto exchange = std::exchange(m_exchange, nullptr))
        exchange->detach(false);
    m_later.cancel();
    m_answerEnded = false;
    m_chunkedAnswer = false;
    m_commonHeaders.clear();
    m_since = std::chrono::steady_clock::now();
    if (m_closeAfter)
        return linger();
    m_state = m_in.empty() ? State::Idle : State::Head;
    setDeadline(m_in.empty() ? m_limits.idleTime : m_limits.headerTime);
    advance();
}

/// Closing with unread bytes would reset the connection and could take the answer along.
void HttpConnection::linger() {
    m_state = State::Lingering;
    m_in.clear();
    Error ignored;
    m_socket.shutdown(Socket::shutdown_send, ignored);
    setDeadline(kLingerTime);
    read();
}

} // namespace app
