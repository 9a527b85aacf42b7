#include "app/api/api_server.h"

#include "app/api/http_connection.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <pthread.h>
#include <sys/resource.h>
#include <thread>
#include <unordered_map>

namespace app {

namespace asio = boost::asio;
using asio::ip::tcp;
using Error = boost::system::error_code;

namespace {

constexpr std::chrono::milliseconds kAcceptPause{100}; // after "too many open files"
constexpr rlim_t kDescriptors = 8192;

engine::Result<asio::ip::address> addressOf(const std::string& host) {
    Error error;
    const asio::ip::address address =
        asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, error);
    if (error)
        return engine::Status(engine::Code::ApiCannotListen,
                              {{"address", host}, {"reason", "it is no IP address"}});
    return address;
}

/// A connection is a descriptor; the usual soft limit of 1,024 would let slow clients use up those
/// that the database and the models need.
void allowMoreDescriptors(std::size_t connections) {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    const rlim_t wanted = std::min(limit.rlim_max, std::max<rlim_t>(kDescriptors, connections * 2));
    if (limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

} // namespace

std::string ApiAddress::url() const {
    const bool isV6 = host.find(':') != std::string::npos;
    return "http://" + (isV6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool isLoopback(const std::string& host) {
    const auto address = addressOf(host);
    return address.ok() && address->is_loopback();
}

/// What the I/O thread works on.
struct ApiServer::Io {
    Io(HttpHandler& itsHandler, const ApiLimits& itsLimits)
        : context(std::make_shared<asio::io_context>(1)),
          acceptor(*context),
          pause(*context),
          handler(itsHandler),
          limits(itsLimits) {}

    std::shared_ptr<asio::io_context> context;
    tcp::acceptor acceptor;
    asio::steady_timer pause;
    HttpHandler& handler;
    const ApiLimits& limits;
    std::unordered_map<HttpConnection*, std::shared_ptr<HttpConnection>> connections;
    std::atomic<std::size_t> count{0};
    bool stopping = false;
    std::thread thread;

    void accept();
    void onAccepted(const Error& error, tcp::socket socket);
    bool makeRoom();
    void remove(HttpConnection* connection);
    void finishAll(std::chrono::milliseconds grace);
    void closeAll();
};

void ApiServer::Io::accept() {
    acceptor.async_accept(
        [this](const Error& error, tcp::socket socket) { onAccepted(error, std::move(socket)); });
}

void ApiServer::Io::onAccepted(const Error& error, tcp::socket socket) {
    if (stopping || error == asio::error::operation_aborted)
        return;
    if (error) {
        pause.expires_after(kAcceptPause);
        pause.async_wait([this](const Error& stopped) {
            if (!stopped)
                accept();
        });
        return;
    }
    if (connections.size() < limits.connections || makeRoom()) {
        auto connection =
            std::make_shared<HttpConnection>(std::move(socket), context, limits, handler,
                                             [this](HttpConnection* closed) { remove(closed); });
        connections.emplace(connection.get(), connection);
        count = connections.size();
        connection->start();
    }
    accept();
}

/// Closes the connection that has been without a request for longest; false when all are busy.
bool ApiServer::Io::makeRoom() {
    std::shared_ptr<HttpConnection> idlest;
    for (const auto& [raw, connection] : connections)
        if (!connection->isBusy() && (!idlest || connection->since() < idlest->since()))
            idlest = connection;
    if (idlest)
        idlest->close();
    return idlest != nullptr;
}

void ApiServer::Io::remove(HttpConnection* connection) {
    connections.erase(connection);
    count = connections.size();
    if (stopping && connections.empty())
        context->stop();
}

void ApiServer::Io::finishAll(std::chrono::milliseconds grace) {
    stopping = true;
    Error ignored;
    acceptor.close(ignored);
    const auto all = connections;
    for (const auto& [raw, connection] : all)
        connection->finish();
    if (connections.empty())
        return context->stop();
    pause.expires_after(grace);
    pause.async_wait([this](const Error& error) {
        if (!error)
            closeAll();
    });
}

void ApiServer::Io::closeAll() {
    const auto all = connections;
    for (const auto& [raw, connection] : all)
        connection->close();
    context->stop();
}

ApiServer::ApiServer(HttpHandler& handler, const ApiLimits& limits)
    : m_handler(handler), m_limits(limits) {}

ApiServer::~ApiServer() {
    stop();
}

engine::Result<ApiAddress> ApiServer::start(const ApiAddress& address) {
    const auto ip = addressOf(address.host);
    if (!ip)
        return ip.status();
    allowMoreDescriptors(m_limits.connections);
    auto io = std::make_shared<Io>(m_handler, m_limits);
    const tcp::endpoint endpoint(*ip, address.port);
    Error error;
    io->acceptor.open(endpoint.protocol(), error);
    if (!error)
        io->acceptor.set_option(asio::socket_base::reuse_address(true), error);
    if (!error)
        io->acceptor.bind(endpoint, error);
    if (!error)
        io->acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error)
        return engine::Status(engine::Code::ApiCannotListen,
                              {{"address", address.url()}, {"reason", error.message()}});
    ApiAddress actual{ip->to_string(), io->acceptor.local_endpoint(error).port()};
    io->accept();
    io->thread = std::thread([raw = io.get()] {
        pthread_setname_np(pthread_self(), "API I/O");
        raw->context->run();
    });
    m_io = std::move(io);
    return actual;
}

void ApiServer::stop(std::chrono::milliseconds grace) {
    if (!m_io)
        return;
    asio::post(*m_io->context, [io = m_io.get(), grace] { io->finishAll(grace); });
    m_io->thread.join();
    m_io.reset();
}

std::size_t ApiServer::connectionCount() const {
    return m_io ? m_io->count.load() : 0;
}

} // namespace app
