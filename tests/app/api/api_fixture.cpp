#include "tests/app/api/api_fixture.h"

#include <arpa/inet.h>
#include <cstring>
#include <netinet/in.h>
#include <poll.h>
#include <QElapsedTimer>
#include <sys/socket.h>
#include <unistd.h>

namespace tests {

void FakeBackend::obtainModel(const std::string& name, ModelAnswer answer) {
    const auto models = m_engine.models();
    if (models.empty() || (!name.empty() && name != "fake")) {
        app::ApiError error;
        error.status = models.empty() ? 503 : 404;
        error.code = "model_not_found";
        error.retryAfter_s = models.empty() ? 3 : 0;
        return answer(error);
    }
    answer(models.front());
}

QByteArray RawResponse::header(const QByteArray& name) const {
    for (const QByteArray& line : head.split('\n'))
        if (line.toLower().startsWith(name.toLower() + ":"))
            return line.mid(name.size() + 1).trimmed();
    return {};
}

QList<QByteArray> RawResponse::events() const {
    QList<QByteArray> data;
    for (const QByteArray& line : body.split('\n'))
        if (line.startsWith("data: "))
            data.append(line.mid(6));
    return data;
}

RawClient::RawClient(std::uint16_t port, int receiveBuffer)
    : m_socket(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receiveBuffer > 0)
        setsockopt(m_socket, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, sizeof receiveBuffer);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(m_socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        close();
}

RawClient::RawClient(RawClient&& other) noexcept
    : m_socket(std::exchange(other.m_socket, -1)), m_in(std::move(other.m_in)) {}

RawClient::~RawClient() {
    close();
}

void RawClient::close() {
    if (m_socket >= 0)
        ::close(std::exchange(m_socket, -1));
}

void RawClient::reset() {
    const linger hard{1, 0};
    setsockopt(m_socket, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close();
}

bool RawClient::send(const QByteArray& bytes) const {
    qsizetype sent = 0;
    while (sent < bytes.size()) {
        const ssize_t count = ::send(m_socket, bytes.constData() + sent,
                                     std::size_t(bytes.size() - sent), MSG_NOSIGNAL);
        if (count <= 0)
            return false;
        sent += count;
    }
    return true;
}

/// False when nothing more comes.
bool RawClient::readSome(int limit_ms) {
    pollfd watched{m_socket, POLLIN, 0};
    if (m_socket < 0 || poll(&watched, 1, std::max(limit_ms, 0)) <= 0)
        return false;
    char buffer[65536];
    const ssize_t count = recv(m_socket, buffer, sizeof buffer, 0);
    if (count <= 0)
        return false;
    m_in.append(buffer, qsizetype(count));
    return true;
}

bool RawClient::waitFor(const QByteArray& needle, int limit_ms) {
    QElapsedTimer clock;
    clock.start();
    while (!m_in.contains(needle))
        if (!readSome(limit_ms - int(clock.elapsed())))
            return false;
    return true;
}

bool RawClient::isClosed(int limit_ms) {
    QElapsedTimer clock;
    clock.start();
    while (readSome(limit_ms - int(clock.elapsed()))) {
    }
    return clock.elapsed() < limit_ms;
}

RawResponse RawClient::receive(int limit_ms) {
    QElapsedTimer clock;
    clock.start();
    const auto left = [&] { return limit_ms - int(clock.elapsed()); };
    RawResponse response;
    if (!waitFor("\r\n\r\n", limit_ms))
        return response;
    const qsizetype end = m_in.indexOf("\r\n\r\n") + 4;
    response.head = m_in.left(end);
    m_in.remove(0, end);
    response.status = response.head.mid(9, 3).toInt();
    if (response.status == 100)
        return receive(left());
    if (response.header("Transfer-Encoding") != "chunked") {
        const qsizetype length = response.header("Content-Length").toLongLong();
        while (m_in.size() < length && readSome(left())) {
        }
        response.body = m_in.left(length);
        m_in.remove(0, length);
        return response;
    }
    for (;;) {
        if (!waitFor("\r\n", left()))
            return response;
        const qsizetype line = m_in.indexOf("\r\n");
        const qsizetype size = m_in.left(line).toLongLong(nullptr, 16);
        while (m_in.size() < line + 2 + size + 2 && readSome(left())) {
        }
        response.body += m_in.mid(line + 2, size);
        m_in.remove(0, line + 2 + size + 2);
        if (size == 0)
            return response;
    }
}

ServedApi::ServedApi(app::ApiBackend& backend, const app::ApiLimits& limits, app::ApiAccess access)
    : m_keys(QString()),
      m_limits(limits),
      m_router(std::make_shared<app::ApiRouter>(backend, m_keys, std::move(access), m_limits,
                                                app::ApiRouter::Log())),
      m_server(std::make_unique<app::ApiServer>(*m_router, m_limits)) {
    const auto address = m_server->start({"127.0.0.1", 0});
    m_port = address.ok() ? address->port : 0;
}

ServedApi::~ServedApi() {
    m_server->stop();
}

ApiFixture::ApiFixture(FakeScript script, const app::ApiLimits& limits, app::ApiAccess access)
    : FakeBackendHolder(std::move(script)), ServedApi(m_backend, limits, std::move(access)) {
    m_backend.fake().addModel("fake");
}

QByteArray ServedApi::request(const QByteArray& method, const QByteArray& path,
                              const QByteArray& body, const QByteArray& headers) {
    QByteArray bytes = method + " " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + headers;
    if (method == "POST")
        bytes +=
            "Content-Type: application/json\r\nContent-Length: " + QByteArray::number(body.size()) +
            "\r\n";
    return bytes + "\r\n" + body;
}

QByteArray ServedApi::chat(const QByteArray& members) {
    return R"({"model":"fake","messages":[{"role":"user","content":"Hello"}])" +
           (members.isEmpty() ? QByteArray() : "," + members) + "}";
}

RawResponse ServedApi::get(const QByteArray& path, const QByteArray& headers) const {
    RawClient one = client();
    one.send(request("GET", path, {}, headers));
    return one.receive();
}

RawResponse ServedApi::post(const QByteArray& path, const QByteArray& body,
                            const QByteArray& headers) const {
    RawClient one = client();
    one.send(request("POST", path, body, headers));
    return one.receive();
}

} // namespace tests
