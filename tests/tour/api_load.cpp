#include "tests/tour/api_load.h"

#include "app/api/api_controller.h"

#include <array>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QNetworkAccessManager>
#include <QNetworkReply>

namespace tests {

namespace {

constexpr int kTick_ms = 200;
constexpr int kMostStreams = 6; // of one client: as many as its connections

struct Wave {
    int until_s;
    int streams; // of each client
};
/// Then from the start again.
constexpr std::array<Wave, 6> kWaves{{{4, 1}, {9, 3}, {15, 6}, {18, 1}, {24, 4}, {28, 2}}};

int streamsAt(qint64 time_ms) {
    const qint64 second = time_ms / 1000 % kWaves.back().until_s;
    for (const Wave& wave : kWaves)
        if (second < wave.until_s)
            return wave.streams;
    return 0;
}

/// Some words, others for every `seed`.
QString words(int count, int seed) {
    const QStringList known = {
        QStringLiteral("model"),  QStringLiteral("weights"), QStringLiteral("cache"),
        QStringLiteral("token"),  QStringLiteral("window"),  QStringLiteral("answer"),
        QStringLiteral("memory"), QStringLiteral("server"),  QStringLiteral("question"),
        QStringLiteral("file"),   QStringLiteral("number"),  QStringLiteral("keyboard")};
    QStringList text;
    for (int i = 0; i < count; ++i)
        text.append(known[(i * (seed % 7 + 1) + i / 5 + seed) % known.size()]);
    return text.join(QLatin1Char(' '));
}

} // namespace

ApiLoad::ApiLoad(app::ApiController& api) : m_api(api) {
    const auto add = [this](const char* name, int systemWords, int promptWords, int answerTokens) {
        Client client;
        client.name = QString::fromLatin1(name);
        client.system = words(systemWords, systemWords);
        client.promptWords = promptWords;
        client.answerTokens = answerTokens;
        client.network = new QNetworkAccessManager(this);
        m_clients.push_back(std::move(client));
    };
    add("editor", 400, 60, 160);
    add("help desk", 120, 240, 500);
    add("nightly reports", 0, 900, 350);
    connect(&m_timer, &QTimer::timeout, this, &ApiLoad::tick);
}

ApiLoad::~ApiLoad() {
    stop();
}

void ApiLoad::start() {
    for (Client& client : m_clients) {
        connect(
            &m_api, &app::ApiController::keyCreated, this,
            [&client](const QString&, const QString& key) { client.key = key.toUtf8(); },
            Qt::SingleShotConnection);
        m_api.createKey(client.name);
    }
    m_since.start();
    m_timer.start(kTick_ms);
    tick();
}

void ApiLoad::stop() {
    m_timer.stop();
    for (Client& client : m_clients)
        for (QNetworkReply* stream : std::exchange(client.streams, {})) {
            stream->disconnect(this);
            stream->abort();
            stream->deleteLater();
        }
}

void ApiLoad::tick() {
    const int wanted = std::min(streamsAt(m_since.elapsed()), kMostStreams);
    for (Client& client : m_clients)
        if (client.streams.size() < wanted) // one a tick: nobody asks in step
            ask(client);
}

void ApiLoad::ask(Client& client) {
    ++m_asked;
    QJsonArray messages;
    if (!client.system.isEmpty())
        messages.append(QJsonObject{{QStringLiteral("role"), QStringLiteral("system")},
                                    {QStringLiteral("content"), client.system}});
    messages.append(
        QJsonObject{{QStringLiteral("role"), QStringLiteral("user")},
                    {QStringLiteral("content"), words(client.promptWords, m_asked * 13)}});
    const QJsonObject body{{QStringLiteral("messages"), messages},
                           {QStringLiteral("stream"), true},
                           {QStringLiteral("cache"), false},
                           {QStringLiteral("max_tokens"), client.answerTokens}};
    QNetworkRequest request(QUrl(m_api.state().url + QStringLiteral("/v1/chat/completions")));
    request.setHeader(QNetworkRequest::ContentTypeHeader, QStringLiteral("application/json"));
    request.setRawHeader("Authorization", "Bearer " + client.key);
    QNetworkReply* stream =
        client.network->post(request, QJsonDocument(body).toJson(QJsonDocument::Compact));
    client.streams.append(stream);
    connect(stream, &QNetworkReply::readyRead, this, [stream] { stream->readAll(); });
    connect(stream, &QNetworkReply::finished, this, [this, &client, stream] {
        ++(stream->error() == QNetworkReply::NoError ? m_answered : m_failed);
        client.streams.removeOne(stream);
        stream->deleteLater();
    });
}

} // namespace tests
