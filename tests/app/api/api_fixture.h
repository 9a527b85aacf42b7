#pragma once
// ServedApi: the API on a free port over a backend of the test's; ApiFixture: over a scripted
// engine. And a client that writes raw bytes.

#include "app/api/api_backend.h"
#include "app/api/api_router.h"
#include "app/api/api_server.h"
#include "tests/support/fake_engine.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <QByteArray>
#include <QStringList>
#include <QThreadPool>

namespace tests {

class FakeBackend final : public app::ApiBackend {
  public:
    explicit FakeBackend(FakeScript script) : m_engine(std::move(script)) {}
    ~FakeBackend() override { m_pool.waitForDone(); }

    FakeEngine& fake() { return m_engine; }
    app::ApiHealth currentHealth = app::ApiHealth::Ready;
    app::ResponseCache* responseCache = nullptr;

    engine::Engine& engine() override { return m_engine; }
    app::ApiHealth health() override { return currentHealth; }
    std::vector<app::ApiModel> models() override { return {{"fake", 1, true, 4096}}; }
    void obtainModel(const std::string& name, ModelAnswer answer) override;
    void runInPool(std::function<void()> task) override { m_pool.start(std::move(task)); }
    std::string metrics() override { return "inglenook_up 1\n"; }
    app::ResponseCache* cache() override { return responseCache; }
    app::ResponseUse responseUse() override { return app::ResponseUse::Repeatable; }

  private:
    FakeEngine m_engine;
    QThreadPool m_pool;
};

/// An answer as it came over the wire.
struct RawResponse {
    int status = 0; ///< 0: the connection closed without one
    QByteArray head;
    QByteArray body; ///< chunks joined

    nlohmann::json json() const {
        return nlohmann::json::parse(body.begin(), body.end(), nullptr, false);
    }
    /// The value of a header, or empty.
    QByteArray header(const QByteArray& name) const;
    /// The data lines of an event stream.
    QList<QByteArray> events() const;
};

/// A blocking socket that sends exactly what it is told.
class RawClient {
  public:
    /// `receiveBuffer` > 0: a small window, for a client that reads slowly.
    explicit RawClient(std::uint16_t port, int receiveBuffer = 0);
    ~RawClient();
    RawClient(RawClient&& other) noexcept;
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;

    bool send(const QByteArray& bytes) const;
    /// Reads until one whole response has come, the connection closes, or the time is over.
    RawResponse receive(int limit_ms = 5000);
    /// Reads what comes until `needle` is in it; false when it ended without.
    bool waitFor(const QByteArray& needle, int limit_ms = 5000);
    /// True when the server has closed (or closes within the limit); what it sent is thrown away.
    bool isClosed(int limit_ms = 5000);
    void close();
    /// Closes with a reset, as a killed client does.
    void reset();

  private:
    bool readSome(int limit_ms);

    int m_socket = -1;
    QByteArray m_in;
};

class ServedApi {
  public:
    /// The backend outlives it.
    ServedApi(app::ApiBackend& backend, const app::ApiLimits& limits, app::ApiAccess access);
    ~ServedApi();

    app::ApiKeys& keys() { return m_keys; }
    app::ApiServer& server() { return *m_server; }
    std::uint16_t port() const { return m_port; }
    RawClient client(int receiveBuffer = 0) const { return RawClient(m_port, receiveBuffer); }

    /// One request on a connection of its own. `headers`: further lines, each with its CR LF.
    RawResponse get(const QByteArray& path, const QByteArray& headers = {}) const;
    RawResponse post(const QByteArray& path, const QByteArray& body,
                     const QByteArray& headers = {}) const;
    /// The bytes of such a request.
    static QByteArray request(const QByteArray& method, const QByteArray& path,
                              const QByteArray& body = {}, const QByteArray& headers = {});
    /// A chat request with a word to answer, and further members.
    static QByteArray chat(const QByteArray& members = {});

  private:
    app::ApiKeys m_keys;
    const app::ApiLimits m_limits;
    std::shared_ptr<app::ApiRouter> m_router;
    std::unique_ptr<app::ApiServer> m_server;
    std::uint16_t m_port = 0;
};

/// Made before the server that asks it.
struct FakeBackendHolder {
    explicit FakeBackendHolder(FakeScript script) : m_backend(std::move(script)) {}
    FakeBackend m_backend;
};

class ApiFixture : private FakeBackendHolder, public ServedApi {
  public:
    explicit ApiFixture(FakeScript script = {}, const app::ApiLimits& limits = {},
                        app::ApiAccess access = {});

    FakeBackend& backend() { return m_backend; }
    FakeEngine& engine() { return m_backend.fake(); }
};

} // namespace tests
