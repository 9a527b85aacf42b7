#pragma once
// HttpConnection: one client on one socket. Reads a request under the limits, hands it to the
// handler, writes the answer, reads the next. While an answer is made it keeps reading, only to
// learn at once that the client has gone. I/O thread only.
//
// The head is read by http_head (strictly), the body by Boost.Beast (lengths and chunks).

#include "app/api/api_limits.h"
#include "app/api/http_exchange.h"
#include "app/api/http_head.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>

namespace app {

class ConnectionExchange;

class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
  public:
    using Socket = boost::asio::ip::tcp::socket;
    using Context = boost::asio::io_context;
    using Closed = std::function<void(HttpConnection*)>;

    HttpConnection(Socket socket, std::weak_ptr<Context> context, const ApiLimits& limits,
                   HttpHandler& handler, Closed closed);
    ~HttpConnection();

    void start();
    /// No further request: an idle connection closes now, a busy one when it has answered.
    void finish();
    /// Closes now; a running answer hears that its client has gone.
    void close();
    /// Is a request being answered? Others can make room for a new connection.
    bool isBusy() const { return m_exchange != nullptr; }
    /// When it last did something useful.
    std::chrono::steady_clock::time_point since() const { return m_since; }

  private:
    friend class ConnectionExchange;
    using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
    using Error = boost::system::error_code;

    void read();
    void onRead(const Error& error, std::size_t count);
    void advance();
    bool advanceHead();
    bool advanceBody();
    void dispatch();
    void refuse(const HttpFault& fault);
    void answer(const HttpResponse& response);
    void respond(const HttpResponse& response);
    void write(std::string bytes);
    void onWritten(const Error& error, std::size_t count);
    void endAnswer();
    void linger();
    void setDeadline(std::chrono::milliseconds delay);
    void clearDeadline();
    std::string headOf(const HttpResponse& response, std::optional<std::size_t> length) const;

    enum class State { Idle, Head, Body, Answering, Lingering, Closed };

    Socket m_socket;
    std::weak_ptr<Context> m_context;
    const ApiLimits& m_limits;
    HttpHandler& m_handler;
    Closed m_closed;
    boost::asio::steady_timer m_deadline;
    boost::asio::steady_timer m_later; // of HttpExchange::after
    std::string m_localAddress;
    std::chrono::steady_clock::time_point m_since;

    State m_state = State::Idle;
    bool m_reading = false;
    std::string m_chunk; // what a read fills
    std::string m_in;    // read, not yet understood
    std::size_t m_searched = 0;
    HttpHead m_head;
    std::optional<Parser> m_parser;
    std::vector<HttpHeader> m_commonHeaders;

    std::shared_ptr<ConnectionExchange> m_exchange; // of the request being answered
    bool m_chunkedAnswer = false;
    bool m_answerEnded = false;
    bool m_closeAfter = false;
    bool m_writing = false;
    std::string m_out;    // to be written
    std::string m_outNow; // being written
};

} // namespace app
